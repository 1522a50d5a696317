package module

import (
	"context"
	"strings"
)

func init() {
	register(Kind{
		Name:    "debconf",
		Help:    "Answer a question of a Debian package beforehand",
		Example: "debconf: {name: locales, question: locales/default_environment_locale, value: C.UTF-8, vtype: select}",
		Options: []Option{
			{Name: "name", Required: true, Aliases: []string{"pkg"}},
			{Name: "question", Aliases: []string{"selection", "setting"}},
			{Name: "vtype", Choices: words("boolean", "error", "multiselect", "note", "password", "seen", "select", "string", "text", "title")},
			{Name: "value", Aliases: []string{"answer"}},
			{Name: "unseen", Type: Bool, Default: false},
		},
		RequiredTogether: [][]string{{"question", "vtype", "value"}},
		Check:            CheckFull,
		Diff:             true,
		Plan:             planDebconf,
	})
}

func planDebconf(ctx context.Context, t *Task) error {
	pkg, question, value := t.Str("name"), t.Str("question"), t.Str("value")
	if t.Str("vtype") == "password" {
		t.addSecret(value)
	}
	out, err := t.run(ctx, program{args: []string{"debconf-show", pkg}})
	if err != nil {
		return err
	}
	if out.rc != 0 {
		return fail(out.stderr)
	}
	now := map[string]any{}
	for line := range strings.SplitSeq(out.stdout, "\n") {
		if key, said, ok := strings.Cut(line, ":"); ok {
			now[strings.TrimSpace(strings.Trim(key, "* "))] = strings.TrimSpace(said)
		}
	}
	t.Return("msg", "")
	t.Return("current", now)
	if !t.Has("question") {
		return nil
	}
	before, asked := now[question].(string)
	if t.Str("vtype") == "boolean" {
		value, before = strings.ToLower(value), strings.ToLower(before)
	}
	said := t.Str("value")
	if asked && before == value {
		return nil
	}
	t.Return("current", map[string]any{question: said})
	t.Return("previous", map[string]any{question: before})
	t.Return("diff", map[string]any{})
	if t.Call.Diff {
		t.Return("diff", map[string]any{"before": map[string]any{question: before}, "after": map[string]any{question: said}})
	}
	t.Change(func(ctx context.Context) error {
		args := []string{"debconf-set-selections"}
		if t.Bool("unseen") {
			args = append(args, "-u")
		}
		line := strings.Join([]string{pkg, question, t.Str("vtype"), value}, " ")
		out, err := t.run(ctx, program{args: args, stdin: strings.NewReader(line + "\n")})
		if err == nil && out.rc != 0 {
			err = fail(out.stderr)
		}
		t.Return("msg", out.stdout)
		return err
	})
	return nil
}
