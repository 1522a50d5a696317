package jinja

import (
	"strings"
	"unicode/utf8"
)

func filterWrap(c *call) (any, error) {
	s, err := c.text(0)
	if err != nil {
		return nil, err
	}
	width, err := c.int(1)
	if err != nil {
		return nil, err
	}
	if width <= 0 {
		return nil, valueErrorf("invalid width %d (must be > 0)", width)
	}
	breakLong, err := c.bool(2)
	if err != nil {
		return nil, err
	}
	sep := "\n"
	if c.args[3] != nil {
		if sep, err = c.text(3); err != nil {
			return nil, err
		}
	}
	hyphens, err := c.bool(4)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, line := range splitLines(s, false) {
		lines = append(lines, strings.Join(wrapLine(line, width, breakLong, hyphens), sep))
	}
	return strings.Join(lines, sep), c.r.wrote(len(s))
}

// wrapLine breaks a line as Python's textwrap does.
func wrapLine(line string, width int, breakLong, hyphens bool) []string {
	chunks := chunksOf(line, hyphens)
	var lines []string
	for len(chunks) > 0 {
		if strings.TrimSpace(chunks[0]) == "" && len(lines) > 0 {
			chunks = chunks[1:]
			continue
		}
		var cur []string
		used := 0
		for len(chunks) > 0 {
			n := utf8.RuneCountInString(chunks[0])
			if used+n > width {
				break
			}
			cur = append(cur, chunks[0])
			used += n
			chunks = chunks[1:]
		}
		if len(chunks) > 0 && utf8.RuneCountInString(chunks[0]) > width {
			if space := width - used; breakLong && space > 0 {
				r := []rune(chunks[0])
				cur = append(cur, string(r[:space]))
				chunks[0] = string(r[space:])
			} else if len(cur) == 0 {
				cur = append(cur, chunks[0])
				chunks = chunks[1:]
			}
		}
		if len(cur) > 0 && strings.TrimSpace(cur[len(cur)-1]) == "" {
			cur = cur[:len(cur)-1]
		}
		if len(cur) > 0 {
			lines = append(lines, strings.Join(cur, ""))
		}
	}
	return lines
}

// chunksOf cuts a line into words and white space; words also after hyphens between letters.
func chunksOf(line string, hyphens bool) []string {
	var chunks []string
	for line != "" {
		i := strings.IndexFunc(line, func(r rune) bool { return !isWrapSpace(r) })
		if i != 0 {
			if i < 0 {
				i = len(line)
			}
			chunks = append(chunks, line[:i])
			line = line[i:]
			continue
		}
		end := strings.IndexFunc(line, isWrapSpace)
		if end < 0 {
			end = len(line)
		}
		word := line[:end]
		line = line[end:]
		for hyphens {
			h := hyphenIn(word)
			if h < 0 {
				break
			}
			chunks = append(chunks, word[:h])
			word = word[h:]
		}
		chunks = append(chunks, word)
	}
	return chunks
}

func isWrapSpace(r rune) bool { return r == ' ' || r >= '\t' && r <= '\r' }

func hyphenIn(word string) int {
	letter := func(i int) bool {
		return i >= 0 && i < len(word) && (word[i] >= 'a' && word[i] <= 'z' || word[i] >= 'A' && word[i] <= 'Z' || word[i] >= utf8.RuneSelf || word[i] == '_')
	}
	for i := 1; i+1 < len(word); i++ {
		if word[i] == '-' && letter(i-1) && (letter(i-2) || i < 2) && letter(i+1) && i >= 2 {
			return i + 1
		}
	}
	return -1
}
