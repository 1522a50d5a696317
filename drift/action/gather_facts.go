package action

import (
	"context"

	"goodstate.dev/goodstate/core/py"
)

func init() {
	register(Kind{Name: "gather_facts", Help: "Find out what is known of a host", Run: gatherFacts})
}

func gatherFacts(ctx context.Context, t *Task) (*py.Dict, error) {
	args := py.NewDict()
	for k, v := range t.Args.All() {
		if v != nil && k != "parallel" {
			args.Set(k, v)
		}
	}
	res, err := t.Remote.Module(ctx, "setup", args)
	if err != nil {
		return nil, err
	}
	facts, _ := res.Get("ansible_facts")
	d, ok := facts.(*py.Dict)
	if !ok {
		d = py.NewDict()
	}
	out := py.DictOf("ansible_facts", d, "changed", false)
	for _, key := range []string{"warnings", "deprecations"} {
		if v, ok := res.Get(key); ok {
			out.Set(key, v)
		}
	}
	if Is(res, "failed") {
		out.Set("failed", true)
		out.Set("msg", "The following modules failed to execute: ansible.legacy.setup\n")
		out.Set("failed_modules", py.DictOf("ansible.legacy.setup", res))
	}
	d.Set("_ansible_facts_gathered", true)
	out.Set("_ansible_verbose_override", true)
	return out, nil
}
