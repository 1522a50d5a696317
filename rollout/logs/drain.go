// Package logs finds the kinds of lines in a log: lines that are equal but for numbers, names and addresses. It is the Drain algorithm (He, Zhu,
// Zheng, Lyu: "Drain: An Online Log Parsing Approach with Fixed Depth Tree", ICWS 2017) with bounds: on the depth and width of
// the tree, the number of patterns and the length of lines, so that no log can make it grow. It does no I/O.
package logs

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// The settings of the tree, after the paper's: depth 4 (here the words that are looked at before a leaf), similarity 0.5.
const (
	depth       = 2   // leading words that lead to a leaf
	children    = 64  // of one node; further words share the wildcard's child
	alike       = 0.5 // share of equal words that makes a line one of a pattern
	mostWords   = 60  // of a line; the rest is cut off
	mostLine    = 2000
	mostPattern = 1000 // of a miner; beyond them the one that was seen longest ago is forgotten
)

const wildcard = "<*>"

// Pattern is one kind of line.
type Pattern struct {
	ID      int64     `json:"id"`
	Text    string    `json:"pattern"`
	Count   int64     `json:"count"`
	Example string    `json:"example"` // the first line of it, without secrets; filled in by Fresh.Found
	Error   bool      `json:"error"`   // it reads like an error; filled in by Fresh
	First   time.Time `json:"first"`

	line  string // the first one, as it was written
	words []string
	used  int64
	leaf  *leaf
}

// Miner learns patterns from lines. It is not for concurrent use.
type Miner struct {
	root  map[int]*node // by number of words
	next  int64
	clock int64 // lines seen
	byUse map[*Pattern]struct{}
}

type node struct {
	children map[string]*node
	leaf     *leaf
}

type leaf struct{ patterns []*Pattern }

// NewMiner returns a miner that knows no pattern.
func NewMiner() *Miner { return &Miner{root: map[int]*node{}, byUse: map[*Pattern]struct{}{}} }

// Add learns a line and returns its pattern; fresh says that the pattern is new. A line without words has none.
func (m *Miner) Add(line string, at time.Time) (p *Pattern, fresh bool) {
	words := Words(line)
	if len(words) == 0 {
		return nil, false
	}
	m.clock++
	l := m.leaf(words)
	if p = l.nearest(words); p != nil {
		for i := range words {
			if p.words[i] != words[i] && p.words[i] != wildcard {
				p.words[i] = wildcard
				p.Text = ""
			}
		}
		if p.Text == "" {
			p.Text = strings.Join(p.words, " ")
		}
		p.Count++
		p.used = m.clock
		return p, false
	}
	m.next++
	p = &Pattern{ID: m.next, Text: strings.Join(words, " "), Count: 1, First: at, line: cut(line), words: words, used: m.clock, leaf: l}
	l.patterns = append(l.patterns, p)
	m.byUse[p] = struct{}{}
	if len(m.byUse) > mostPattern {
		m.forget()
	}
	return p, true
}

// Knows finds the pattern of a line without learning it.
func (m *Miner) Knows(line string) bool {
	words := Words(line)
	return len(words) == 0 || m.knows(words)
}

func (m *Miner) knows(words []string) bool {
	n := m.root[len(words)]
	for i := 0; n != nil && i < min(depth, len(words)); i++ {
		next := n.children[words[i]]
		if next == nil {
			next = n.children[wildcard]
		}
		n = next
	}
	return n != nil && n.leaf != nil && n.leaf.nearest(words) != nil
}

// leaf walks the tree: by the number of words, then by the first ones. Where a node is full, unknown words go to the wildcard.
func (m *Miner) leaf(words []string) *leaf {
	n := m.root[len(words)]
	if n == nil {
		n = &node{children: map[string]*node{}}
		m.root[len(words)] = n
	}
	for i := range min(depth, len(words)) {
		word := words[i]
		next := n.children[word]
		if next == nil && len(n.children) >= children-1 {
			word = wildcard
			next = n.children[word]
		}
		if next == nil {
			next = &node{children: map[string]*node{}}
			n.children[word] = next
		}
		n = next
	}
	if n.leaf == nil {
		n.leaf = &leaf{}
	}
	return n.leaf
}

// nearest is the pattern that shares most words with the line, if they are enough.
func (l *leaf) nearest(words []string) *Pattern {
	var best *Pattern
	most, fewest := alike, 0
	for _, p := range l.patterns {
		same, wild := 0, 0
		for i, w := range p.words {
			switch w {
			case words[i]:
				same++
			case wildcard:
				wild++
			}
		}
		share := float64(same) / float64(len(words))
		if share > most || share == most && (best == nil || wild < fewest) {
			best, most, fewest = p, share, wild
		}
	}
	return best
}

// forget drops the tenth of the patterns that was seen longest ago.
func (m *Miner) forget() {
	all := m.Patterns()
	slices.SortFunc(all, func(a, b *Pattern) int { return cmp.Compare(a.used, b.used) })
	for _, p := range all[:max(1, mostPattern/10)] {
		delete(m.byUse, p)
		p.leaf.patterns = slices.DeleteFunc(p.leaf.patterns, func(of *Pattern) bool { return of == p })
	}
}

// Patterns are all patterns, in no order.
func (m *Miner) Patterns() []*Pattern {
	out := make([]*Pattern, 0, len(m.byUse))
	for p := range m.byUse {
		out = append(out, p)
	}
	return out
}

func cut(line string) string {
	if len(line) > mostLine {
		return strings.ToValidUTF8(line[:mostLine], "") + " ..."
	}
	return line
}
