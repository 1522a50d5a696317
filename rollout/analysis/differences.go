package analysis

import "sort"

// Differences lists the values that are not equal, in the order of their names.
func Differences(old, fresh map[string]string) []Change {
	var out []Change
	for path, was := range old {
		if is, ok := fresh[path]; !ok || is != was {
			if !ok {
				is = "(not set)"
			}
			out = append(out, Change{Path: path, Old: was, New: is})
		}
	}
	for path, is := range fresh {
		if _, ok := old[path]; !ok {
			out = append(out, Change{Path: path, Old: "(not set)", New: is})
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Path < out[j].Path })
	return out
}
