package secrets

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Scanner looks for secrets. It may be used from several goroutines at once.
type Scanner struct {
	rules []*pattern
	byID  map[string]*pattern
	allow []*allow
	words *words
	of    [][]int // the rules of each keyword
	bare  []int   // rules without keywords
	known known
	skip  map[string]bool // the configuration and the baseline themselves
}

// deepestCoding is how often a text is decoded again: base64 of percent signs of hexadecimal digits, and so on.
const deepestCoding = 5

func newScanner(s *set) *Scanner {
	sc := &Scanner{byID: s.rules, allow: s.allow, skip: map[string]bool{}}
	var all []string
	number := map[string]int{}
	for i, id := range slices.Sorted(maps.Keys(s.rules)) {
		r := s.rules[id]
		sc.rules = append(sc.rules, r)
		if len(r.keywords) == 0 {
			sc.bare = append(sc.bare, i)
		}
		for _, k := range r.keywords {
			n, ok := number[k]
			if !ok {
				n = len(all)
				number[k] = n
				all = append(all, k)
				sc.of = append(sc.of, nil)
			}
			if !slices.Contains(sc.of[n], i) {
				sc.of[n] = append(sc.of[n], i)
			}
		}
	}
	sc.words = newWords(all)
	return sc
}

// scan finds the secrets of one text, in the order of the rules.
func (sc *Scanner) scan(p place, text string) ([]hit, error) {
	for _, a := range sc.allow {
		if skip, err := a.skips(p); skip || err != nil {
			return nil, err
		}
	}
	var found []hit
	from := newSource(text)
	pass := decoded{text: text}
	for depth := 0; ; depth++ {
		for _, i := range sc.wanted(pass.text) {
			hits, err := sc.apply(sc.rules[i], p, from, &pass, false)
			if err != nil {
				return nil, err
			}
			found = append(found, hits...)
		}
		if depth == deepestCoding || !pass.decode() {
			break
		}
	}
	return better(found), nil
}

// wanted are the rules that may find something in a text.
func (sc *Scanner) wanted(text string) []int {
	seen := sc.words.in(text)
	all := slices.Clone(sc.bare)
	for n, is := range seen {
		if is {
			all = append(all, sc.of[n]...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// apply finds the secrets of one rule in one pass over a text. Inside tells that another rule wants to know.
func (sc *Scanner) apply(r *pattern, p place, from *source, pass *decoded, inside bool) ([]hit, error) {
	if r.silent && !inside {
		return nil, nil
	}
	for _, a := range r.allow {
		if skip, err := a.skips(p); skip || err != nil {
			return nil, err
		}
	}
	if r.path != nil {
		here, err := r.path.matchPath(p.path)
		if err != nil || !here {
			return nil, err
		}
		if r.regex == nil && pass.depth == 0 {
			return []hit{{rule: r}}, nil
		}
	}
	if r.regex == nil {
		return nil, nil
	}
	regex, err := r.regex.compile()
	if err != nil {
		return nil, err
	}
	var found []hit
	for _, at := range r.matches(regex, pass) {
		h, ok := r.hit(regex, from, pass, at)
		if !ok || from.allowed(h.line, h.endLine) {
			continue
		}
		allowed, err := sc.allowed(p, h, pass.lineAround(at, h))
		if err != nil {
			return nil, err
		}
		if !allowed {
			found = append(found, h)
		}
	}
	if inside || len(r.required) == 0 || len(found) == 0 {
		return found, nil
	}
	return sc.together(r, p, from, pass, found)
}

func (sc *Scanner) allowed(p place, h hit, current string) (bool, error) {
	for _, lists := range [][]*allow{sc.allow, h.rule.allow} {
		for _, a := range lists {
			if ok, err := a.excuses(p, h, current); ok || err != nil {
				return ok, err
			}
		}
	}
	return false, nil
}

// together keeps the hits near which every required rule has a hit, too.
func (sc *Scanner) together(r *pattern, p place, from *source, pass *decoded, found []hit) ([]hit, error) {
	near := make([][]hit, len(r.required))
	for i, q := range r.required {
		hits, err := sc.apply(sc.byID[q.ID], p, from, pass, true)
		if err != nil {
			return nil, err
		}
		near[i] = hits
	}
	return slices.DeleteFunc(found, func(h hit) bool {
		for i, q := range r.required {
			if !slices.ContainsFunc(near[i], func(other hit) bool { return q.within(h, other) }) {
				return true
			}
		}
		return false
	}), nil
}

func (q fileRequired) within(a, b hit) bool {
	far := func(x, y int, limit *int) bool { return limit != nil && max(x-y, y-x) > *limit }
	return !far(a.line, b.line, q.WithinLines) && !far(a.column, b.column, q.WithinColumns)
}

// compared is how many secrets of one line a generic one is compared with; a line has more only when somebody made it to cost time.
const compared = 100

// better drops what a generic rule found where a rule that knows the provider found the same.
func better(found []hit) []hit {
	generic := func(h hit) bool { return strings.Contains(strings.ToLower(h.rule.id), "generic") }
	precise := map[int][]string{} // secrets by line
	same := map[string]bool{}
	for _, h := range found {
		if !generic(h) {
			same[fmt.Sprint(h.line, h.secret)] = true
			if len(precise[h.line]) < compared {
				precise[h.line] = append(precise[h.line], h.secret)
			}
		}
	}
	return slices.DeleteFunc(found, func(h hit) bool {
		return generic(h) && (same[fmt.Sprint(h.line, h.secret)] ||
			slices.ContainsFunc(precise[h.line], func(secret string) bool { return strings.Contains(secret, h.secret) }))
	})
}
