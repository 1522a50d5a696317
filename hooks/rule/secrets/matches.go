package secrets

import (
	"slices"
	"strings"
)

// matcher is what rules need of a regular expression.
type matcher interface {
	FindAllStringIndex(s string, n int) [][]int
	FindStringSubmatch(s string) []string
}

// Rules that have a keyword in every match are searched for only around the keywords: so many bytes before one, and so many behind it and to the
// end of that line, if it comes soon. A secret has no line ending in it, so no match is cut but those that are longer than any secret.
const (
	reachBefore = 160
	reachAfter  = 600
	longestLine = 64 << 10
)

// matches finds all places where the expression matches.
func (r *pattern) matches(regex matcher, pass *decoded) [][]int {
	if !r.inside {
		return regex.FindAllStringIndex(pass.text, -1)
	}
	var found [][]int
	for _, w := range r.windows(pass) {
		for _, at := range regex.FindAllStringIndex(pass.text[w.start:w.end], -1) {
			start, end := w.start+at[0], w.start+at[1]
			whole := (start > w.start || start == 0) && (end < w.end || end == len(pass.text) || pass.text[end-1] == '\n')
			if whole {
				found = append(found, []int{start, end})
			}
		}
	}
	return found
}

// windows are the parts of a text around keywords, from left to right, none touching another.
func (r *pattern) windows(pass *decoded) []span {
	var all []span
	small := pass.lower()
	for _, word := range r.keywords {
		var last span
		for at := next(small, word, 0); at >= 0; at = next(small, word, at+1) {
			w := span{start: max(at-reachBefore, 0), end: min(at+len(word)+reachAfter, len(small))}
			if r.assigned && !assigns(small, at+len(word)) {
				continue
			}
			if w.end > last.end {
				w.end = lineEnd(small, w.end)
				all = append(all, w)
				last = w
			}
		}
	}
	slices.SortFunc(all, func(a, b span) int { return a.start - b.start })
	var merged []span
	for _, w := range all {
		if n := len(merged); n > 0 && w.start <= merged[n-1].end {
			merged[n-1].end = max(merged[n-1].end, w.end)
			continue
		}
		merged = append(merged, w)
	}
	return merged
}

func next(text, word string, from int) int {
	if at := strings.Index(text[from:], word); at >= 0 && word != "" {
		return from + at
	}
	return -1
}

// lineEnd is the start of the next line, or as far as a line is looked at.
func lineEnd(text string, from int) int {
	to := min(from+longestLine, len(text))
	if end := strings.IndexByte(text[from:to], '\n'); end >= 0 {
		return from + end + 1
	}
	return to
}

// assigns tells whether something is assigned to the name that goes on at an offset: what can follow it there is a rest of the name, then a sign of
// assignment, then a value. It says yes in doubt; it is there because names like key are everywhere in code, and most stand before no value.
func assigns(text string, i int) bool {
	const (
		longestName   = 96
		longestSign   = 4
		longestQuotes = 9
		shortestValue = 8
	)
	for n := 0; n < longestName && i < len(text) && (inWord(text[i]) || strings.IndexByte(" \t\n\f\r'\"", text[i]) >= 0); n++ {
		i++
	}
	sign := i
	for i < len(text) && i < sign+longestSign && strings.IndexByte("=>:|?,", text[i]) >= 0 {
		i++
	}
	if i == sign {
		return false
	}
	quotes := i
	for i < len(text) && i < quotes+longestQuotes && strings.IndexByte(" \t\n\f\r'\"`=", text[i]) >= 0 {
		i++
	}
	for i > quotes && text[i-1] == '=' {
		i-- // it may be part of the value
	}
	value := i
	for i < len(text) && i < value+shortestValue && strings.IndexByte(" \t\n\f\r'\"`;", text[i]) < 0 {
		i++
	}
	return i == value+shortestValue
}

func inWord(c byte) bool { return inBase64[c] && c != '+' && c != '/' || c == '.' }
