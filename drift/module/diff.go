package module

import (
	"bytes"
)

// maxDiff is how much of a file a diff shows at most, as Ansible's max_file_size_for_diff.
const maxDiff = 104448

// textDiff is before and after of a file in the form that Ansible's callbacks show.
func textDiff(header string, before, after []byte) map[string]any {
	d := map[string]any{"before_header": header, "after_header": header}
	side(d, "before", before)
	side(d, "after", after)
	return d
}

// side puts one side into a diff: text, or why it is not shown.
func side(d map[string]any, key string, content []byte) {
	other := map[string]string{"before": "dst", "after": "src"}[key]
	switch {
	case len(content) > maxDiff:
		d[other+"_larger"] = int64(maxDiff)
	case bytes.IndexByte(content, 0) >= 0:
		d[other+"_binary"] = int64(1)
	default:
		d[key] = text(content)
	}
}

// text makes valid UTF-8 of what a host says; JSON has nothing else.
func text(b []byte) string { return string(bytes.ToValidUTF8(b, []byte("\uFFFD"))) }

// addDiff adds one diff to the result where diffs were asked for.
func (t *Task) addDiff(d map[string]any) {
	if t.Call.Diff {
		t.diffs = append(t.diffs, d)
	}
}
