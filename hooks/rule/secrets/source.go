package secrets

import (
	"slices"
	"strings"
)

// source is the text of one file, with what makes a place in it cheap to tell: files are hostile, and may have a secret on each of a million lines.
type source struct {
	text   string
	starts []int        // of the lines
	marked map[int]bool // lines that have the mark, by their number from 1
}

// marker allows what is on its line.
const marker = "gitleaks:allow"

func newSource(text string) *source { return &source{text: text} }

// line is the number of the line of an offset, from 1.
func (s *source) line(offset int) int {
	if s.starts == nil {
		s.starts = []int{0}
		for i := 0; ; {
			end := strings.IndexByte(s.text[i:], '\n')
			if end < 0 {
				break
			}
			i += end + 1
			s.starts = append(s.starts, i)
		}
	}
	n, exact := slices.BinarySearch(s.starts, offset)
	if exact {
		n++
	}
	return n
}

// allowed tells whether one of the lines has the mark.
func (s *source) allowed(from, to int) bool {
	if s.marked == nil {
		s.marked = map[int]bool{}
		for i := 0; ; {
			at := strings.Index(s.text[i:], marker)
			if at < 0 {
				break
			}
			s.marked[s.line(i+at)] = true
			i += at + len(marker)
		}
	}
	if len(s.marked) == 0 {
		return false
	}
	for n := from; n <= to; n++ {
		if s.marked[n] {
			return true
		}
	}
	return false
}

// place tells lines and columns of a match.
func (s *source) place(h *hit) {
	h.start = min(max(h.start, 0), len(s.text))
	h.end = min(max(h.end, h.start), len(s.text))
	for h.start < h.end && s.text[h.start] == '\n' {
		h.start++ // an expression may begin with the end of the line before
	}
	h.line, h.endLine = s.line(h.start), s.line(h.end)
	h.column = h.start - s.starts[h.line-1] + 1
}

// around is how much of a line is looked at before and behind a match, in bytes.
const around = 1 << 10

// lineAround are the lines that a match is on, as far as they are near.
func lineAround(text string, start, end int) string {
	from, to := max(start-around, 0), min(end+around, len(text))
	if at := strings.LastIndexByte(text[from:start], '\n'); at >= 0 {
		from += at + 1
	}
	if at := strings.IndexByte(text[end:to], '\n'); at >= 0 {
		to = end + at
	}
	return text[from:to]
}
