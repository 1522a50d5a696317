package analysis

import (
	"regexp"
	"sort"
	"strings"
)

// Pattern is a kind of log line: lines that are equal but for numbers, times, ids and quoted text.
type Pattern struct {
	Pattern string `json:"pattern"`
	Count   int    `json:"count"`
	Example string `json:"example"`
}

const (
	maxPatterns = 20
	maxLine     = 400
)

var variables = []struct {
	re   *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d[.,\dZ+:-]*`), "<time>"},
	{regexp.MustCompile(`\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b`), "<id>"},
	{regexp.MustCompile(`\b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?\b`), "<address>"},
	{regexp.MustCompile(`"[^"]*"|'[^']*'`), "<text>"},
	{regexp.MustCompile(`\b(?:0x)?[0-9a-fA-F]*\d[0-9a-fA-F]*\b`), "<n>"},
	{regexp.MustCompile(`\d+`), "<n>"},
}

// mask replaces what differs between two lines of the same kind.
func mask(line string) string {
	for _, v := range variables {
		line = v.re.ReplaceAllString(line, v.with)
	}
	return strings.Join(strings.Fields(line), " ")
}

// newPatterns lists the kinds of lines that only the new release wrote, the most frequent first.
func newPatterns(fresh, old []string) []Pattern {
	known := map[string]bool{}
	for _, line := range old {
		known[mask(cut(line))] = true
	}
	found := map[string]*Pattern{}
	for _, line := range fresh {
		line = cut(line)
		m := mask(line)
		if m == "" || known[m] {
			continue
		}
		if p, ok := found[m]; ok {
			p.Count++
			continue
		}
		found[m] = &Pattern{Pattern: m, Count: 1, Example: line}
	}
	out := make([]Pattern, 0, len(found))
	for _, p := range found {
		out = append(out, *p)
	}
	sort.Slice(out, func(i, j int) bool {
		if out[i].Count != out[j].Count {
			return out[i].Count > out[j].Count
		}
		return out[i].Pattern < out[j].Pattern
	})
	return out[:min(len(out), maxPatterns)]
}

func cut(line string) string {
	if len(line) > maxLine {
		return line[:maxLine] + " ..."
	}
	return line
}
