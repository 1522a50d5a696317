package module

import (
	"context"
	"fmt"
	"strings"
)

func init() {
	register(Kind{
		Name:    "alternatives",
		Also:    []string{"community.general.alternatives"},
		Help:    "Which program stands behind a generic name",
		Example: "alternatives: {name: editor, path: /usr/bin/vim.basic}",
		Options: []Option{
			{Name: "name", Required: true},
			{Name: "path", Type: Path, Required: true},
			{Name: "family", Since: "2.17"},
			{Name: "link", Type: Path},
			{Name: "priority", Type: Int},
			{Name: "state", Default: "selected", Choices: words("present", "selected", "absent", "auto")},
			{Name: "subcommands", Type: List, Elements: Dict, Aliases: []string{"slaves"}, Sub: []Option{
				{Name: "name", Required: true}, {Name: "path", Type: Path, Required: true}, {Name: "link", Type: Path, Required: true},
			}},
		},
		Check: CheckFull,
		Diff:  true,
		Plan:  planAlternatives,
	})
}

func planAlternatives(ctx context.Context, t *Task) error {
	if t.Has("subcommands") || t.Has("family") {
		return notNative("alternatives with subcommands or a family")
	}
	name, path, state := t.Str("name"), t.Str("path"), t.Str("state")
	out, err := t.run(ctx, program{args: []string{"update-alternatives", "--query", name}, env: cLocale})
	if err != nil {
		return err
	}
	mode, current, link := "", "", t.Str("link")
	known := map[string]string{} // priority by path
	choice := ""
	for line := range strings.SplitSeq(out.stdout, "\n") {
		key, value, _ := strings.Cut(line, ": ")
		switch key {
		case "Status":
			mode = value
		case "Value":
			current = value
		case "Link":
			if link == "" {
				link = value
			}
		case "Alternative":
			choice = value
		case "Priority":
			known[choice] = value
		}
	}
	priority := fmt.Sprint(t.Int("priority"))
	if !t.Has("priority") {
		priority = "50"
		if known[path] != "" {
			priority = known[path]
		}
	}
	now, there := known[path]
	if state == "absent" {
		if there {
			t.command("update-alternatives", "--remove", name, path)
		}
		return nil
	}
	if !exists(path) && !t.Check {
		return fail("Specified path " + path + " does not exist")
	}
	if !there || now != priority {
		if link == "" {
			return fail("Needed to install the alternative, but unable to do so as we are missing the link")
		}
		t.command("update-alternatives", "--install", link, name, path, priority)
	}
	switch {
	case state == "selected" && current != path:
		t.command("update-alternatives", "--set", name, path)
	case state == "auto" && mode != "auto":
		t.command("update-alternatives", "--auto", name)
	}
	return nil
}
