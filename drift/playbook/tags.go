package playbook

import (
	"slices"

	"goodstate.dev/goodstate/core/py"
)

// Selection is which tasks run, by their tags.
type Selection struct{ Only, Skip []string }

// TagsOf flattens the tags of a task; resolved are those whose templates are resolved.
func TagsOf(resolved []any) []string {
	var out []string
	for _, t := range resolved {
		switch v := t.(type) {
		case *py.List:
			for _, name := range TagsOf(v.Items) {
				if !slices.Contains(out, name) {
					out = append(out, name)
				}
			}
		default:
			if name := text(v); !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// Runs decides whether what has these tags runs.
func (s Selection) Runs(tags []string) bool {
	has := func(name string) bool { return slices.Contains(tags, name) }
	shares := func(names []string) bool { return slices.ContainsFunc(names, has) }
	untagged := len(tags) == 0
	if untagged {
		tags = []string{"untagged"}
	}
	only := s.Only
	if len(only) == 0 {
		only = []string{"all"}
	}
	run := has("always") || slices.Contains(only, "all") && !has("never") || shares(only) || slices.Contains(only, "tagged") && !untagged && !has("never")
	if !run || len(s.Skip) == 0 {
		return run
	}
	switch {
	case slices.Contains(s.Skip, "all"):
		return has("always") && !slices.Contains(s.Skip, "always")
	case shares(s.Skip):
		return false
	}
	return untagged || !slices.Contains(s.Skip, "tagged")
}

// Select leaves out the tasks that do not run. Tags are resolved by resolve.
func (s Selection) Select(b *Block, resolve func([]any) []string) *Block {
	out := &Block{Keywords: b.Keywords, Name: b.Name}
	filter := func(items []Item) []Item {
		var kept []Item
		for _, i := range items {
			switch v := i.(type) {
			case *Block:
				if inner := s.Select(v, resolve); !inner.Empty() {
					kept = append(kept, inner)
				}
			case *Task:
				if v.Short() == "meta" && v.Implicit || s.Runs(resolve(v.Tags)) {
					kept = append(kept, v)
				}
			}
		}
		return kept
	}
	out.Body, out.Rescue, out.Always = filter(b.Body), filter(b.Rescue), filter(b.Always)
	return out
}

// Empty says whether there is no task in a block.
func (b *Block) Empty() bool { return len(b.Body) == 0 && len(b.Rescue) == 0 && len(b.Always) == 0 }
