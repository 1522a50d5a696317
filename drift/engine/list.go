package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/drift/playbook"
)

// Listing says what List shows.
type Listing struct{ Hosts, Tasks, Tags bool }

// List tells what playbooks would do, without connecting to a host.
func List(ctx context.Context, opt Options, what Listing) (string, error) {
	r, err := prepare(ctx, opt)
	if err != nil {
		return "", err
	}
	defer r.close()
	var b strings.Builder
	for _, path := range opt.Playbooks {
		pb, err := r.loader.Load(path)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "\nplaybook: %s\n", path)
		for i, play := range pb.Plays {
			if err := r.listPlay(&b, i+1, play, what); err != nil {
				return "", err
			}
		}
	}
	return b.String(), nil
}

func (r *run) listPlay(b *strings.Builder, number int, play *playbook.Play, what Listing) error {
	r.base = play.Dir
	p := &playRun{r: r, play: play, vars: play.Vars.Copy(), removed: map[string]bool{}}
	for _, prompt := range play.Prompts {
		name, _ := prompt.Get("name")
		standard, _ := prompt.Get("default")
		p.vars.Set(name, standard)
	}
	batches, err := p.batches()
	if err != nil {
		return err
	}
	p.begin(nil)
	parts, err := p.patterns()
	if err != nil {
		return err
	}
	own := p.tagsOf(play.Tags)
	fmt.Fprintf(b, "\n  play #%d (%s): %s\tTAGS: [%s]\n", number, strings.Join(parts, ","), p.title(), strings.Join(own, ","))
	if what.Hosts {
		count := 0
		for _, batch := range batches {
			count += len(batch)
		}
		fmt.Fprintf(b, "    pattern: %s\n    hosts (%d):\n", py.Repr(texts(parts)), count)
		for _, batch := range batches {
			for _, h := range batch {
				fmt.Fprintf(b, "      %s\n", h.Name)
			}
		}
	}
	if what.Tasks || what.Tags {
		p.listTasks(b, own, what)
	}
	return nil
}

func (p *playRun) listTasks(b *strings.Builder, own []string, what Listing) {
	selection := playbook.Selection{Only: p.r.opt.Tags, Skip: p.r.opt.SkipTags}
	all := slices.Clone(own)
	if what.Tasks {
		b.WriteString("    tasks:\n")
	}
	for _, block := range p.play.Compile(false, p.r.loader) {
		for _, t := range bodyTasks(selection.Select(block, p.tagsOf)) {
			if t.Implicit && t.Short() == "meta" {
				continue
			}
			tags := p.tagsOf(t.Tags)
			for _, tag := range tags {
				if !slices.Contains(all, tag) {
					all = append(all, tag)
				}
			}
			if what.Tasks {
				slices.Sort(tags)
				name := t.Title()
				if t.Name == "" {
					name = t.Action
				}
				fmt.Fprintf(b, "      %s\tTAGS: [%s]\n", name, strings.Join(tags, ", "))
			}
		}
	}
	if what.Tags {
		slices.Sort(all)
		fmt.Fprintf(b, "      TASK TAGS: [%s]\n", strings.Join(all, ", "))
	}
}

// bodyTasks are the tasks that run when nothing fails.
func bodyTasks(b *playbook.Block) []*playbook.Task {
	var out []*playbook.Task
	for _, i := range b.Body {
		switch v := i.(type) {
		case *playbook.Task:
			out = append(out, v)
		case *playbook.Block:
			out = append(out, bodyTasks(v)...)
		}
	}
	return out
}
