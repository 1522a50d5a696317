package rule

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
)

func init() {
	Register(Kind{
		Name:    "sorted-requirements",
		Aliases: []string{"requirements-txt-fixer"},
		Help:    "requirements.txt and constraints.txt are in order and name nothing twice",
		Example: "{}",
		New: func(decode func(any) error) (any, error) {
			r := &requirements{}
			return r, decode(r)
		},
	})
}

type requirements struct{}

func (*requirements) Wants(f *File) bool {
	name := path.Base(f.Path)
	return f.HasText() && strings.HasSuffix(name, ".txt") && (strings.Contains(f.Path, "requirements") || strings.Contains(f.Path, "constraints"))
}

func (*requirements) Check(f *File) ([]Finding, error) {
	return Text("sorted-requirements", f, func(text []byte) []Finding {
		return firstDifference(text, sortRequirements(text), "the requirements are not in order, or one is there twice")
	})
}

func (*requirements) Fix(f *File) ([]byte, bool, error) {
	return fixText("sorted-requirements", f, sortRequirements)
}

// requirement is one entry with the comments above it. The entry may go over several lines that end in a backslash.
type requirement struct {
	comments [][]byte
	value    []byte
}

// head is the value of the comments at the top of a file, which stay there.
var head = []byte{'\n'}

var (
	untilBlank    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[^;\s]+`) })
	untilRelation = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`={2,3}|!=|~=|>=?|<=?`) })
)

// name is what a requirement is ordered by: the name of the package, in lower case.
func (q requirement) name() string {
	low := strings.ToLower(string(q.value))
	for _, egg := range []string{"#egg=", "&egg="} {
		if _, after, ok := strings.Cut(low, egg); ok {
			return after
		}
	}
	name := untilBlank().FindString(low)
	if span := untilRelation().FindStringIndex(name); span != nil {
		return name[:span[0]]
	}
	return name
}

func (q requirement) complete() bool {
	return q.value != nil && !bytes.HasSuffix(bytes.TrimRight(q.value, "\r\n"), []byte{'\\'})
}

func sortRequirements(text []byte) []byte {
	if len(bytes.TrimSpace(text)) == 0 {
		return text
	}
	whole := text
	if !bytes.HasSuffix(text, []byte{'\n'}) {
		whole = append(bytes.Clone(text), '\n')
	}
	all := parseRequirements(whole)
	var rest [][]byte
	if last := all[len(all)-1]; last.value == nil { // comments after everything
		rest, all = last.comments, all[:len(all)-1]
	}
	// some releases of pip on Debian write this entry, which nobody can install
	all = slices.DeleteFunc(all, func(q requirement) bool { return string(q.value) == "pkg-resources==0.0.0\n" })
	slices.SortStableFunc(all, compareRequirements)
	var sorted, previous []byte
	for _, q := range all {
		sorted = append(sorted, bytes.Join(q.comments, nil)...)
		if !bytes.Equal(q.value, previous) {
			sorted = append(sorted, q.value...)
			previous = q.value
		}
	}
	return append(sorted, bytes.Join(rest, nil)...)
}

func parseRequirements(text []byte) []requirement {
	var all []requirement
	lines(text, func(_, _ int, line []byte) {
		if len(all) == 0 || all[len(all)-1].complete() {
			all = append(all, requirement{})
		}
		q := &all[len(all)-1]
		blank := len(bytes.TrimSpace(line)) == 0
		switch {
		case blank && len(all) == 1 && len(q.comments) > 0 && bytes.HasPrefix(q.comments[0], []byte{'#'}):
			q.value = head
		case blank, bytes.HasPrefix(bytes.TrimSpace(line), []byte{'#'}):
			q.comments = append(q.comments, line)
		default:
			q.value = append(q.value[:len(q.value):len(q.value)], line...)
		}
	})
	return all
}

// compareRequirements puts the head first. Of two of one name the one with comments comes first, so that it is the one that stays.
func compareRequirements(a, b requirement) int {
	topA, topB := bytes.Equal(a.value, head), bytes.Equal(b.value, head)
	if topA || topB {
		return rank(topB) - rank(topA)
	}
	if order := strings.Compare(a.name(), b.name()); order != 0 {
		return order
	}
	return rank(len(b.comments) > 0) - rank(len(a.comments) > 0)
}

func rank(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
