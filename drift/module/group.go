package module

import (
	"context"
	"fmt"
	"strconv"
)

func init() {
	register(Kind{
		Name:    "group",
		Help:    "A group of accounts is there, or is not",
		Example: "group: {name: deploy, gid: 1500, system: false}",
		Options: []Option{
			{Name: "name", Required: true},
			{Name: "state", Default: "present", Choices: words("absent", "present")},
			{Name: "force", Type: Bool, Default: false, Since: "2.15"},
			{Name: "gid", Type: Int},
			{Name: "gid_max", Type: Int, Since: "2.18"},
			{Name: "gid_min", Type: Int, Since: "2.18"},
			{Name: "system", Type: Bool, Default: false},
			{Name: "local", Type: Bool, Default: false},
			{Name: "non_unique", Type: Bool, Default: false},
		},
		Check: CheckFull,
		Plan:  planGroup,
		RequiredIf: []RequiredIf{
			{Option: "non_unique", Value: true, Requires: []string{"gid"}},
		},
	})
}

// localName puts an l before a program of shadow-utils where only the files of this host are meant.
func (t *Task) localName(program string) string {
	if t.Bool("local") {
		return "l" + program
	}
	return program
}

func planGroup(_ context.Context, t *Task) error {
	name := t.Str("name")
	now, err := lookupGroup(name)
	there := err == nil
	t.Return("name", name)
	t.Return("state", t.Str("state"))
	if t.Str("state") == "absent" {
		if there {
			args := []string{t.localName("groupdel")}
			if t.Bool("force") {
				args = append(args, "-f")
			}
			t.command(append(args, name)...)
		}
		return nil
	}
	t.Return("system", t.Bool("system"))
	if there {
		t.Return("gid", int64(now.GID))
		if t.Has("gid") && t.Int("gid") != int64(now.GID) {
			args := []string{t.localName("groupmod"), "-g", fmt.Sprint(t.Int("gid"))}
			if t.Bool("non_unique") {
				args = append(args, "-o")
			}
			t.command(append(args, name)...)
		}
	} else {
		t.command(t.groupAdd()...)
	}
	t.After(func(context.Context) error {
		if g, err := lookupGroup(name); err == nil {
			t.Return("gid", int64(g.GID))
			t.Return("system", t.Bool("system"))
		}
		return nil
	})
	return nil
}

func (t *Task) groupAdd() []string {
	args := []string{t.localName("groupadd")}
	if t.Has("gid") {
		args = append(args, "-g", strconv.FormatInt(t.Int("gid"), 10))
		if t.Bool("non_unique") {
			args = append(args, "-o")
		}
	}
	if t.Bool("system") {
		args = append(args, "-r")
	}
	for option, key := range map[string]string{"gid_min": "GID_MIN", "gid_max": "GID_MAX"} {
		if t.Has(option) {
			args = append(args, "-K", fmt.Sprintf("%s=%d", key, t.Int(option)))
		}
	}
	return append(args, t.Str("name"))
}

// command plans a program whose failure is the task's; what it prints is told.
func (t *Task) command(args ...string) {
	t.Change(func(ctx context.Context) error { return t.carry(ctx, args...) })
}

// carry runs a program that changes something, adding what it prints to the result.
func (t *Task) carry(ctx context.Context, args ...string) error {
	if err := t.need(args[0]); err != nil {
		return err
	}
	out, err := t.run(ctx, program{args: args, env: cLocale})
	if err != nil {
		return err
	}
	if out.rc != 0 {
		more := Result{"name": t.Str("name")}
		if t.kind.Name == "user" {
			more["rc"] = int64(out.rc)
		}
		return fail(out.stderr, more)
	}
	for key, said := range map[string]string{"stdout": out.stdout, "stderr": out.stderr} {
		if said != "" {
			before, _ := t.result[key].(string)
			t.Return(key, before+said)
		}
	}
	return nil
}
