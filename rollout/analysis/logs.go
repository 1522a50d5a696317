package analysis

import (
	"time"

	"goodstate.dev/goodstate/rollout/logs"
)

// Pattern is a kind of log line: lines that are equal but for numbers, times, ids and names.
type Pattern struct {
	Pattern string `json:"pattern"`
	Count   int    `json:"count"`
	Example string `json:"example"` // without secrets
	Error   bool   `json:"error,omitempty"`
}

const maxPatterns = 20

// newPatterns lists the kinds of lines that only the new release wrote, those that read like errors first, then the most frequent.
func newPatterns(fresh, old []string) []Pattern {
	found := logs.NewFresh()
	for _, line := range old {
		found.Old(line, time.Time{})
	}
	for _, line := range fresh {
		found.New(line, time.Time{})
	}
	var out []Pattern
	for _, p := range found.Found(maxPatterns) {
		out = append(out, Pattern{Pattern: p.Text, Count: int(p.Count), Example: p.Example, Error: p.Error})
	}
	return out
}

const maxLine = 400

func cut(line string) string {
	if len(line) > maxLine {
		return line[:maxLine] + " ..."
	}
	return line
}
