package logs

import (
	"regexp"
	"strings"
)

// Masks of what surely differs from line to line; what they leave is found by the tree.
var masks = []struct {
	re   *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d[.,\dZ+:-]*`), "<time>"},
	{regexp.MustCompile(`\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b`), "<id>"},
	{regexp.MustCompile(`\b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?\b`), "<address>"},
	{regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'[^']*'`), "<text>"},
}

// Words are the words of a line as patterns have them: what holds a digit is a wildcard, as in the paper.
func Words(line string) []string {
	line = cut(line)
	for _, m := range masks {
		line = m.re.ReplaceAllString(line, m.with)
	}
	words := strings.Fields(line)
	words = words[:min(len(words), mostWords)]
	for i, w := range words {
		if strings.ContainsAny(w, "0123456789") {
			words[i] = number(w)
		}
	}
	return words
}

// number keeps what stands around the digits of a word, so that took=12ms and took=9ms are the same and code=5 is not.
func number(word string) string {
	if name, _, ok := strings.Cut(word, "="); ok && name != "" && !strings.ContainsAny(name, "0123456789") {
		return name + "=" + wildcard
	}
	return wildcard
}

// What a line that tells of an error reads like: its level, or a word that programs use when they fail. Level is looked for at
// the beginning and in key=value and JSON form.
var (
	levels  = regexp.MustCompile(`(?i)(?:^|[\s\[<|"'(])(?:error|err|fatal|crit|critical|panic|severe|emerg|alert)(?:[\]>|:"')]|\s|$)|(?:level|severity|lvl)["']?\s*[=:]\s*["']?(?:error|err|fatal|crit|critical|panic|severe|[45]0\b)`)
	trouble = regexp.MustCompile(`(?i)\b(?:panic|traceback|exception|segmentation fault|stack trace|unhandled|uncaught|core dumped|out of memory|connection refused|permission denied|no such file|timed? ?out|deadlock|failed|failure|cannot|could not)\b|[A-Za-z]+(?:Error|Exception)\b`)
	calm    = regexp.MustCompile(`(?i)(?:level|severity|lvl)["']?\s*[=:]\s*["']?(?:info|debug|trace|notice)\b|^\S*\s*\[?(?:info|debug|trace)\b|\b(?:0|no) (?:errors?|failures?|failed)\b`)
)

// ErrorLike says whether a line reads like an error. A line that says itself that it is none is none.
func ErrorLike(line string) bool {
	line = cut(line)
	if calm.MatchString(line) {
		return false
	}
	return levels.MatchString(line) || trouble.MatchString(line)
}
