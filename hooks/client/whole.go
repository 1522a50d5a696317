package client

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"goodstate.dev/goodstate/hooks/rule"
)

// changeRules judges the change as a whole.
func (r *round) changeRules(ctx context.Context, rules []native) error {
	var all map[string]listed
	load := sync.OnceValue(func() (err error) {
		all, err = r.listing(ctx)
		return err
	})
	for _, n := range rules {
		if n.change == nil {
			continue
		}
		c := &rule.Change{Branch: r.repo.branch()}
		for _, f := range r.scope.files {
			v := r.seenAs(f)
			v.Content = func() ([]byte, error) {
				content, _, err := r.batch.get(f.oid)
				return content, err
			}
			if !r.chosen(n.Select, f, v) {
				continue
			}
			if err := r.measure(f, v); err != nil && f.mode != rule.Submodule {
				return err
			}
			c.Files = append(c.Files, v)
		}
		c.Tree = func(path string) (rule.Mode, error) {
			if err := load(); err != nil {
				return 0, err
			}
			return modeIn(all, path), nil
		}
		c.Paths = func() ([]string, error) {
			if err := load(); err != nil {
				return nil, err
			}
			return keys(all), nil
		}
		found, err := n.change.CheckChange(c)
		if err != nil {
			return fmt.Errorf("rule %s: %w", n.Name, err)
		}
		r.report.find(found)
	}
	return nil
}

// listing is the tree after the change.
func (r *round) listing(ctx context.Context) (map[string]listed, error) {
	if r.tip != "" {
		return r.repo.treeOf(ctx, r.tip)
	}
	return r.repo.entries(ctx, r.index, nil)
}

func keys(all map[string]listed) []string {
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

const folderMode rule.Mode = 0o040000

func modeIn(all map[string]listed, path string) rule.Mode {
	if e, ok := all[path]; ok {
		return e.mode
	}
	for name := range all {
		if strings.HasPrefix(name, path+"/") {
			return folderMode
		}
	}
	return 0
}
