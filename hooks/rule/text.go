package rule

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Largest is the size in bytes above which the content of a file is not read. Such a file is Unchecked, never accepted in silence.
const Largest = 50 << 20

// IsBinary says what Git would: there is a NUL in the first 8000 bytes.
func IsBinary(content []byte) bool {
	return bytes.IndexByte(content[:min(len(content), 8000)], 0) >= 0
}

// HasText tells whether the file has bytes of its own to look at: links and submodules have none.
func (f *File) HasText() bool { return f.Mode == Regular || f.Mode == Executable }

// Text reads a file and lets judge look at it when it is text. The findings are given the path and the rule's name. A file that
// is too large to be read is one unchecked finding.
func Text(name string, f *File, judge func(text []byte) []Finding) ([]Finding, error) {
	return read(name, f, func(content []byte) []Finding {
		if IsBinary(content) {
			return nil
		}
		return judge(content)
	})
}

// read is Text for content that is judged whether or not it looks binary: JSON with a NUL in it is bad JSON.
func read(name string, f *File, judge func(content []byte) []Finding) ([]Finding, error) {
	if !f.HasText() {
		return nil, nil
	}
	if f.Size > Largest {
		return []Finding{tooLarge(name, f, f.Size)}, nil
	}
	content, err := f.Content()
	if err != nil {
		return nil, fmt.Errorf("rule %s: reading %q: %w", name, f.Path, err)
	}
	if len(content) > Largest {
		return []Finding{tooLarge(name, f, int64(len(content)))}, nil
	}
	found := judge(content)
	for i := range found {
		found[i].Rule, found[i].Path = name, f.Path
	}
	return found, nil
}

func tooLarge(name string, f *File, size int64) Finding {
	return Finding{
		Rule: name, Path: f.Path, Unchecked: true,
		Message: fmt.Sprintf("not checked: the file has %s, and at most %s are read; leave it out by a pattern if that is intended", bytesOf(size), bytesOf(Largest)),
	}
}

// fixText gives the text of a file to repair; what repair returns unchanged, and what is not text, is left alone.
func fixText(name string, f *File, repair func(text []byte) []byte) ([]byte, bool, error) {
	if !f.HasText() || f.Size > Largest {
		return nil, false, nil
	}
	content, err := f.Content()
	if err != nil {
		return nil, false, fmt.Errorf("rule %s: reading %q to fix it: %w", name, f.Path, err)
	}
	if len(content) > Largest || IsBinary(content) {
		return nil, false, nil
	}
	fixed := repair(content)
	if bytes.Equal(fixed, content) {
		return nil, false, nil
	}
	return fixed, true, nil
}

// lines calls see for every line with its number from 1, the offset of its first byte, and its bytes with what ends it.
func lines(text []byte, see func(number, offset int, line []byte)) {
	for number, offset := 1, 0; offset < len(text); number++ {
		end := bytes.IndexByte(text[offset:], '\n') + 1
		if end == 0 {
			end = len(text) - offset
		}
		see(number, offset, text[offset:offset+end])
		offset += end
	}
}

// place tells line and column, both from 1, of an offset.
func place(text []byte, offset int) (line, column int) {
	offset = min(max(offset, 0), len(text))
	before := text[:offset]
	return bytes.Count(before, []byte{'\n'}) + 1, offset - bytes.LastIndexByte(before, '\n')
}

// at is a finding at an offset of the text.
func at(text []byte, offset int, format string, values ...any) Finding {
	line, column := place(text, offset)
	return Finding{Line: line, Column: column, Message: fmt.Sprintf(format, values...)}
}

// cursor makes findings at offsets that grow, in one pass over the text however many there are.
type cursor struct {
	text        []byte
	line, begin int // of the lines that were passed: how many, and where this one begins
}

func (c *cursor) at(offset int, format string, values ...any) Finding {
	passed := c.text[c.begin:offset]
	c.line += bytes.Count(passed, []byte{'\n'})
	if last := bytes.LastIndexByte(passed, '\n'); last >= 0 {
		c.begin += last + 1
	}
	return Finding{Line: c.line + 1, Column: offset - c.begin + 1, Message: fmt.Sprintf(format, values...)}
}

// bytesOf writes a size for people, in the units of 1024 that Git and the limits here use.
func bytesOf(n int64) string {
	switch {
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 10<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}

// extension is the last extension of a path in lower case, without its dot.
func extension(p string) string { return strings.TrimPrefix(strings.ToLower(path.Ext(p)), ".") }

// oneOf refuses a value that is none of the allowed ones.
func oneOf(rule, option, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("rule %s: option %s is %q, want one of %s", rule, option, value, strings.Join(allowed, ", "))
}

// firstDifference is a finding at the first line that is another one in what is wanted.
func firstDifference(text, want []byte, message string) []Finding {
	if bytes.Equal(text, want) {
		return nil
	}
	same := 0
	for same < len(text) && same < len(want) && text[same] == want[same] {
		same++
	}
	line, _ := place(text, same)
	return []Finding{{Line: line, Message: message}}
}
