package rule

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

func init() {
	Register(Kind{
		Name:    "sorted-lines",
		Aliases: []string{"file-contents-sorter"},
		Help:    "the lines of some files are in order",
		Example: "{paths: [words.txt, \"lists/*.txt\"], ignore-case: false, unique: true}",
		Args: []Arg{
			{Flags: []string{"--ignore-case"}, Option: "ignore-case"},
			{Flags: []string{"--unique"}, Option: "unique"},
		},
		As: map[string]map[string]any{"file-contents-sorter": {"paths": []any{"**"}}},
		New: func(decode func(any) error) (any, error) {
			r := &sortedLines{}
			if err := decode(r); err != nil {
				return nil, err
			}
			if r.IgnoreCase && r.Unique {
				return nil, errors.New("rule sorted-lines: options ignore-case and unique do not go together: which of two spellings should stay?")
			}
			var err error
			r.paths, err = chosen("sorted-lines", r.Paths)
			return r, err
		},
	})
}

// chosen wants patterns to be given: a rule that sorts whatever it meets would ruin a repository.
func chosen(rule string, paths []string) ([]glob, error) {
	if len(paths) == 0 {
		return nil, fmt.Errorf("rule %s: option paths is empty, want the files that are to be in order", rule)
	}
	return newGlobs(rule, paths)
}

type sortedLines struct {
	Paths      []string `json:"paths"`
	IgnoreCase bool     `json:"ignore-case"`
	Unique     bool     `json:"unique"` // no line twice
	paths      []glob
}

func (r *sortedLines) Wants(f *File) bool {
	_, hit := matchAny(r.paths, f.Path)
	return hit && f.HasText()
}

func (r *sortedLines) Check(f *File) ([]Finding, error) {
	return Text("sorted-lines", f, func(text []byte) []Finding {
		return firstDifference(text, r.sorted(text), "the lines are not in order")
	})
}

func (r *sortedLines) Fix(f *File) ([]byte, bool, error) { return fixText("sorted-lines", f, r.sorted) }

// sorted puts lines in the order of their bytes. Empty ones go, and all end in LF.
func (r *sortedLines) sorted(text []byte) []byte {
	var all [][]byte
	lines(text, func(_, _ int, line []byte) {
		if line = bytes.Trim(line, "\r\n"); len(bytes.TrimSpace(line)) > 0 {
			all = append(all, line)
		}
	})
	slices.SortStableFunc(all, func(a, b []byte) int {
		if r.IgnoreCase {
			return bytes.Compare(bytes.ToLower(a), bytes.ToLower(b))
		}
		return bytes.Compare(a, b)
	})
	if r.Unique {
		all = slices.CompactFunc(all, bytes.Equal)
	}
	if len(all) == 0 {
		return nil
	}
	return append(bytes.Join(all, []byte{'\n'}), '\n')
}
