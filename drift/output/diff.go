package output

import (
	"fmt"
	"strings"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/drift/action"
	"goodstate.dev/goodstate/drift/engine"
)

// diffed prints the differences of a result.
func (t *Text) diffed(e engine.Event) {
	if e.Task.NoLog || action.Is(e.Result, "_ansible_no_log") {
		return
	}
	show := func(res *py.Dict) {
		v, ok := res.Get("diff")
		if !ok || v == nil || !action.Is(res, "changed") {
			return
		}
		if text := t.differences(v); text != "" {
			t.need(e.Task)
			t.line(text, "")
		}
	}
	if !isLoop(e) {
		show(e.Result)
		return
	}
	v, _ := e.Result.Get("results")
	if list, ok := v.(*py.List); ok {
		for _, part := range list.Items {
			if res, ok := part.(*py.Dict); ok {
				show(res)
			}
		}
	}
}

func (t *Text) differences(v any) string {
	parts := []any{v}
	if list, ok := v.(*py.List); ok {
		parts = list.Items
	}
	var b strings.Builder
	for _, part := range parts {
		if d, ok := part.(*py.Dict); ok {
			t.difference(&b, d)
		}
	}
	return b.String()
}

func (t *Text) difference(b *strings.Builder, d *py.Dict) {
	for key, format := range map[string]string{
		"dst_binary": "diff skipped: destination file appears to be binary\n", "src_binary": "diff skipped: source file appears to be binary\n",
	} {
		if d.Has(key) {
			b.WriteString(format)
		}
	}
	for key, what := range map[string]string{"dst_larger": "destination", "src_larger": "source"} {
		if v, ok := d.Get(key); ok {
			fmt.Fprintf(b, "diff skipped: %s file size is greater than %s\n", what, py.Str(v))
		}
	}
	before, hasBefore := d.Get("before")
	after, hasAfter := d.Get("after")
	if hasBefore && hasAfter {
		lines := Unified(lines(diffText(before)), lines(diffText(after)), header(d, "before"), header(d, "after"), t.context())
		for _, line := range lines {
			b.WriteString(t.painted(line))
		}
		if len(lines) > 0 {
			b.WriteByte('\n')
		}
	}
	if v, ok := d.Get("prepared"); ok {
		b.WriteString(py.Str(v))
	}
}

func (t *Text) context() int {
	if t.DiffContext > 0 {
		return t.DiffContext
	}
	return 3
}

func (t *Text) painted(line string) string {
	color := ""
	switch {
	case strings.HasPrefix(line, "+"):
		color = green
	case strings.HasPrefix(line, "-"):
		color = red
	case strings.HasPrefix(line, "@@"):
		color = cyan
	}
	return t.paint(line, color)
}

func header(d *py.Dict, side string) string {
	if v, ok := d.Get(side + "_header"); ok {
		return side + ": " + py.Str(v)
	}
	return side
}

func diffText(v any) string {
	switch v.(type) {
	case nil:
		return ""
	case *py.Dict, *py.List:
		return jsonText(v, 4) + "\n"
	}
	return py.Str(v)
}

// lines splits text and keeps the ends; a last line without one says so.
func lines(text string) []string {
	if text == "" {
		return nil
	}
	out := strings.SplitAfter(text, "\n")
	if out[len(out)-1] == "" {
		return out[:len(out)-1]
	}
	out[len(out)-1] += "\n\\ No newline at end of file\n"
	return out
}

// op is a stretch of two texts: equal, or different.
type op struct {
	equal          bool
	a1, a2, b1, b2 int
}

// Unified gives the lines of a unified diff with so many lines of context around changes.
func Unified(a, b []string, from, to string, context int) []string {
	var out []string
	for _, group := range groups(operations(a, b), context) {
		if out == nil {
			out = append(out, "--- "+from+"\n", "+++ "+to+"\n")
		}
		first, last := group[0], group[len(group)-1]
		out = append(out, "@@ -"+span(first.a1, last.a2)+" +"+span(first.b1, last.b2)+" @@\n")
		for _, o := range group {
			if o.equal {
				for _, line := range a[o.a1:o.a2] {
					out = append(out, " "+line)
				}
				continue
			}
			for _, line := range a[o.a1:o.a2] {
				out = append(out, "-"+line)
			}
			for _, line := range b[o.b1:o.b2] {
				out = append(out, "+"+line)
			}
		}
	}
	return out
}

func span(begin, end int) string {
	n := end - begin
	switch n {
	case 1:
		return fmt.Sprint(begin + 1)
	case 0:
		return fmt.Sprintf("%d,0", begin)
	}
	return fmt.Sprintf("%d,%d", begin+1, n)
}

func groups(ops []op, n int) [][]op {
	if len(ops) == 0 || len(ops) == 1 && ops[0].equal {
		return nil
	}
	if o := &ops[0]; o.equal {
		o.a1, o.b1 = max(o.a1, o.a2-n), max(o.b1, o.b2-n)
	}
	if o := &ops[len(ops)-1]; o.equal {
		o.a2, o.b2 = min(o.a2, o.a1+n), min(o.b2, o.b1+n)
	}
	var out [][]op
	var group []op
	for _, o := range ops {
		if o.equal && o.a2-o.a1 > 2*n {
			group = append(group, op{true, o.a1, o.a1 + n, o.b1, o.b1 + n})
			out = append(out, group)
			group = nil
			o.a1, o.b1 = o.a2-n, o.b2-n
		}
		group = append(group, o)
	}
	if len(group) > 0 && !(len(group) == 1 && group[0].equal) {
		out = append(out, group)
	}
	return out
}

// mostOfDiff bounds what is compared line by line; beyond it all lines count as changed.
const mostOfDiff = 20_000

// operations finds the longest common blocks first, as Python's difflib does.
func operations(a, b []string) []op {
	if len(a)+len(b) > mostOfDiff {
		return []op{{false, 0, len(a), 0, len(b)}}
	}
	where := map[string][]int{}
	for j, line := range b {
		where[line] = append(where[line], j)
	}
	if len(b) >= 200 { // lines that are everywhere say nothing
		for line, at := range where {
			if len(at) > len(b)/100+1 {
				delete(where, line)
			}
		}
	}
	var out []op
	var walk func(a1, a2, b1, b2 int)
	put := func(o op) {
		if o.a1 == o.a2 && o.b1 == o.b2 {
			return
		}
		if n := len(out); n > 0 && out[n-1].equal == o.equal && out[n-1].a2 == o.a1 && out[n-1].b2 == o.b1 {
			out[n-1].a2, out[n-1].b2 = o.a2, o.b2
			return
		}
		out = append(out, o)
	}
	walk = func(a1, a2, b1, b2 int) {
		i, j, n := longest(a, b, where, a1, a2, b1, b2)
		if n == 0 {
			put(op{false, a1, a2, b1, b2})
			return
		}
		walk(a1, i, b1, j)
		put(op{true, i, i + n, j, j + n})
		walk(i+n, a2, j+n, b2)
	}
	walk(0, len(a), 0, len(b))
	return out
}

func longest(a, b []string, where map[string][]int, a1, a2, b1, b2 int) (bi, bj, bn int) {
	bi, bj = a1, b1
	lengths := map[int]int{}
	for i := a1; i < a2; i++ {
		next := map[int]int{}
		for _, j := range where[a[i]] {
			if j < b1 {
				continue
			}
			if j >= b2 {
				break
			}
			n := lengths[j-1] + 1
			next[j] = n
			if n > bn {
				bi, bj, bn = i-n+1, j-n+1, n
			}
		}
		lengths = next
	}
	for bi > a1 && bj > b1 && a[bi-1] == b[bj-1] {
		bi, bj, bn = bi-1, bj-1, bn+1
	}
	for bi+bn < a2 && bj+bn < b2 && a[bi+bn] == b[bj+bn] {
		bn++
	}
	return bi, bj, bn
}

// Differences writes the diff of a result as a unified diff without colors; what is not a diff is an empty text.
func Differences(diff any) string {
	if diff == nil {
		return ""
	}
	return (&Text{}).differences(diff)
}
