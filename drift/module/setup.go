package module

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// fact is one group of facts about the host.
type fact struct {
	name  string   // as in gather_subset
	ids   []string // facts of it that gather_subset may name too
	min   bool     // gathered unless min is excluded
	needs []string // groups whose facts it brings with it
	look  func(ctx context.Context, t *Task, into map[string]any) error
}

// facts is the family of groups; each file of facts adds its own.
var facts = map[string]fact{}

func addFact(f fact) { facts[f.name] = f }

func init() {
	register(Kind{
		Name:    "setup",
		Help:    "Facts about the host",
		Example: "setup: {gather_subset: [min, network], filter: 'ansible_eth*'}",
		Options: []Option{
			{Name: "gather_subset", Type: List, Elements: Str, Default: []any{"all"}},
			{Name: "gather_timeout", Type: Int, Default: 10},
			{Name: "filter", Type: List, Elements: Str, Default: []any{}},
			{Name: "fact_path", Type: Path, Default: "/etc/ansible/facts.d"},
		},
		Check: CheckFull,
		Plan:  planSetup,
	})
}

func planSetup(ctx context.Context, t *Task) error {
	groups, err := subset(t.Strs("gather_subset"))
	if err != nil {
		return err
	}
	found := map[string]any{}
	for _, name := range groups {
		limited, done := context.WithTimeout(ctx, time.Duration(t.Int("gather_timeout"))*time.Second)
		err := facts[name].look(limited, t, found)
		done()
		if err != nil && ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			t.Warn("facts of %s: %v", name, err)
		}
	}
	out := map[string]any{}
	for name, value := range found {
		key := name
		if name != "module_setup" && name != "gather_subset" {
			key = "ansible_" + strings.NewReplacer("-", "_", ":", "_", ".", "_").Replace(name)
		}
		if kept(key, t.Strs("filter")) {
			out[key] = value
		}
	}
	if len(t.Strs("filter")) == 0 {
		out["gather_subset"], out["module_setup"] = toAny(t.Strs("gather_subset")), true
	}
	t.Return("ansible_facts", out)
	return nil
}

// kept tells whether one of the shell patterns matches; a name without its prefix counts too.
func kept(key string, filters []string) bool {
	if len(filters) == 0 || slices.Contains(filters, "*") {
		return true
	}
	for _, f := range filters {
		for _, pattern := range []string{f, "ansible_" + f} {
			if ok, err := path.Match(pattern, key); ok && err == nil {
				return true
			}
		}
	}
	return false
}

// subset resolves gather_subset: min is always in unless it is excluded; what is named wins over what is excluded.
func subset(asked []string) ([]string, error) {
	all := slices.Sorted(maps.Keys(facts))
	in, out, named := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, word := range append([]string{"min"}, asked...) {
		name, exclude := strings.CutPrefix(word, "!")
		group := groupOf(name)
		if group == "" && name != "all" && name != "min" {
			return nil, fail(fmt.Sprintf("Bad subset '%s' given to Ansible. gather_subset options allowed: all, %s", name, strings.Join(subsetNames(), ", ")))
		}
		for _, f := range all {
			member := f == group || name == "min" && facts[f].min || name == "all" && (!exclude || !facts[f].min)
			switch {
			case !member:
			case exclude:
				out[f] = true
			default:
				in[f] = true
				named[f] = named[f] || f == group
			}
		}
	}
	if len(asked) == 0 {
		for _, f := range all {
			in[f] = true
		}
	}
	for _, f := range all {
		if in[f] && (!out[f] || named[f]) {
			for _, n := range facts[f].needs {
				in[n] = true
				named[n] = true
			}
		}
	}
	return slices.DeleteFunc(all, func(f string) bool { return !in[f] || out[f] && !named[f] }), nil
}

func groupOf(name string) string {
	if _, ok := facts[name]; ok {
		return name
	}
	for _, f := range facts {
		if slices.Contains(f.ids, name) {
			return f.name
		}
	}
	return ""
}

func subsetNames() []string {
	var list []string
	for _, f := range facts {
		list = append(append(list, f.name), f.ids...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}
