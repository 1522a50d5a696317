package rule

import (
	"slices"
	"strings"
)

func init() {
	Register(Kind{
		Name:    "sorted-yaml",
		Aliases: []string{"sort-simple-yaml"},
		Help:    "the top-level keys of some simple YAML files are in order",
		Example: "{paths: [owners.yaml]}",
		As:      map[string]map[string]any{"sort-simple-yaml": {"paths": []any{"**"}}},
		New: func(decode func(any) error) (any, error) {
			r := &sortedYAML{}
			if err := decode(r); err != nil {
				return nil, err
			}
			var err error
			r.paths, err = chosen("sorted-yaml", r.Paths)
			return r, err
		},
	})
}

type sortedYAML struct {
	Paths []string `json:"paths"`
	paths []glob
}

func (r *sortedYAML) Wants(f *File) bool {
	_, hit := matchAny(r.paths, f.Path)
	return hit && f.HasText()
}

func (r *sortedYAML) Check(f *File) ([]Finding, error) {
	return Text("sorted-yaml", f, func(text []byte) []Finding {
		return firstDifference(text, sortBlocks(text), "the blocks are not in the order of their keys")
	})
}

func (r *sortedYAML) Fix(f *File) ([]byte, bool, error) {
	return fixText("sorted-yaml", f, sortBlocks)
}

// sortBlocks puts the blocks, which empty lines part, in the order of their first keys. Comments at the top of the file stay there.
func sortBlocks(text []byte) []byte {
	var all []string
	for line := range strings.Lines(string(text)) {
		all = append(all, strings.TrimRight(line, " \t\r\n\v\f"))
	}
	head := 0
	for head < len(all) && strings.HasPrefix(all[head], "#") {
		head++
	}
	want := slices.Clone(all[:head])
	var blocks [][]string
	for i := head; i < len(all); {
		end := i
		for end < len(all) && all[end] != "" {
			end++
		}
		if end > i {
			blocks = append(blocks, all[i:end])
		}
		i = end + 1
	}
	slices.SortStableFunc(blocks, func(a, b []string) int { return strings.Compare(blockKey(a), blockKey(b)) })
	for _, block := range blocks {
		if len(want) > 0 {
			want = append(want, "")
		}
		want = append(want, block...)
	}
	if slices.Equal(want, all) {
		return text // blanks at the end of lines are no matter of order
	}
	return []byte(strings.Join(want, "\n") + "\n")
}

// blockKey is the first line that is no comment, without a quote at its beginning.
func blockKey(block []string) string {
	for _, line := range block {
		if strings.HasPrefix(line, "#") {
			continue
		}
		if strings.HasPrefix(line, "'") || strings.HasPrefix(line, `"`) {
			return line[1:]
		}
		return line
	}
	return ""
}
