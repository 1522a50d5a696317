package logs

import (
	"slices"
	"strings"
	"time"
)

// Fresh learns the patterns of the old release and finds those that only the new one writes.
type Fresh struct {
	old, new *Miner
}

// NewFresh knows nothing yet.
func NewFresh() *Fresh { return &Fresh{NewMiner(), NewMiner()} }

// Old learns a line of the old release.
func (f *Fresh) Old(line string, at time.Time) { f.old.Add(line, at) }

// New learns a line of the new release, and says whether the old one has written such lines.
func (f *Fresh) New(line string, at time.Time) (p *Pattern, known bool) {
	if f.old.Knows(line) {
		return nil, true
	}
	p, first := f.new.Add(line, at)
	if first {
		p.Error = ErrorLike(line)
	}
	return p, false
}

// Found are the patterns that only the new release has, errors first and then the most frequent ones. What the old one has
// written meanwhile is left out.
func (f *Fresh) Found(most int) []Pattern {
	var out []Pattern
	for _, p := range f.new.Patterns() {
		if !f.old.knows(p.words) {
			out = append(out, Pattern{ID: p.ID, Text: p.Text, Count: p.Count, Example: Redact(p.line), Error: p.Error, First: p.First})
		}
	}
	slices.SortFunc(out, func(a, b Pattern) int {
		switch {
		case a.Error != b.Error:
			if a.Error {
				return -1
			}
			return 1
		case a.Count != b.Count:
			return int(b.Count - a.Count)
		}
		return strings.Compare(a.Text, b.Text)
	})
	return out[:min(len(out), most)]
}

// Tail tells which lines of a log are new since it was read last, from what its last lines were then and are now.
type Tail struct{ seen []string }

// Next returns the lines that came since. Where nothing of what was seen is left, all lines count as new.
func (t *Tail) Next(lines []string) []string {
	from := overlap(t.seen, lines)
	t.seen = slices.Clone(lines)
	return lines[from:]
}

// overlap is the length of the longest beginning of now that is an end of before (the prefix function of Knuth, Morris and Pratt).
func overlap(before, now []string) int {
	if len(now) == 0 {
		return 0
	}
	fail := make([]int, len(now))
	for i, k := 1, 0; i < len(now); i++ {
		for k > 0 && now[i] != now[k] {
			k = fail[k-1]
		}
		if now[i] == now[k] {
			k++
		}
		fail[i] = k
	}
	k := 0
	for _, line := range before {
		for k > 0 && (k == len(now) || line != now[k]) {
			k = fail[k-1]
		}
		if line == now[k] {
			k++
		}
	}
	return k
}
