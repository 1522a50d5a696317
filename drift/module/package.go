package module

import (
	"bufio"
	"context"
	"os"
	"strings"
)

func init() {
	register(Kind{
		Name:    "package",
		Help:    "Packages, by the manager that the host has",
		Example: "package: {name: [git, curl], state: present}",
		Raw:     true,
		Check:   CheckFull,
		Own:     true,
		Choose: func(t *Task) (string, map[string]any, error) {
			args := map[string]any{}
			manager := "auto"
			for k, v := range t.args {
				if k != "use" {
					args[k] = v
				} else if v != nil {
					manager = pyStr(v)
				}
			}
			if manager == "auto" {
				manager = pkgMgr()
			}
			return manager, args, nil
		},
	})
	register(Kind{
		Name:    "package_facts",
		Help:    "What is installed, as facts",
		Example: "package_facts: {manager: auto}",
		Options: []Option{
			{Name: "manager", Type: List, Elements: Str, Default: []any{"auto"}},
			{Name: "strategy", Default: "first", Choices: words("first", "all")},
		},
		Check: CheckFull,
		Plan:  planPackageFacts,
	})
	register(Kind{
		Name:    "dpkg_selections",
		Help:    "Hold a package, or let it go",
		Example: "dpkg_selections: {name: nginx, selection: hold}",
		Options: []Option{
			{Name: "name", Required: true},
			{Name: "selection", Required: true, Choices: words("install", "hold", "deinstall", "purge")},
		},
		Check: CheckFull,
		Plan:  planSelections,
	})
}

func planPackageFacts(_ context.Context, t *Task) error {
	for _, m := range t.Strs("manager") {
		if m != "auto" && m != "apt" || m == "auto" && pkgMgr() != "apt" {
			return notNative("the facts of %s", m)
		}
	}
	f, err := os.Open("/var/lib/dpkg/status")
	if err != nil {
		return err
	}
	defer f.Close()
	packages := map[string]any{}
	one := map[string]any{}
	installed := false
	scan := bufio.NewScanner(f)
	scan.Buffer(make([]byte, 64<<10), 4<<20)
	flush := func() {
		if name, ok := one["name"].(string); ok && installed {
			one["source"], one["origin"] = "apt", ""
			list, _ := packages[name].([]any)
			packages[name] = append(list, one)
		}
		one, installed = map[string]any{}, false
	}
	for scan.Scan() {
		line := scan.Text()
		if line == "" {
			flush()
			continue
		}
		key, value, ok := strings.Cut(line, ": ")
		switch {
		case !ok:
		case key == "Package":
			one["name"] = value
		case key == "Version":
			one["version"] = value
		case key == "Architecture":
			one["arch"] = value
		case key == "Section":
			one["category"] = value
		case key == "Status":
			installed = strings.HasSuffix(value, " installed")
		}
	}
	flush()
	t.Return("ansible_facts", map[string]any{"packages": packages})
	return scan.Err()
}

func planSelections(ctx context.Context, t *Task) error {
	name, want := t.Str("name"), t.Str("selection")
	out, err := t.must(ctx, "dpkg", "--get-selections", name)
	if err != nil {
		return err
	}
	now := "not present"
	if f := strings.Fields(out.stdout); len(f) > 1 {
		now = f[1]
	}
	t.Return("before", now)
	t.Return("after", want)
	if now == want {
		return nil
	}
	t.Change(func(ctx context.Context) error {
		out, err := t.run(ctx, program{args: []string{"dpkg", "--set-selections"}, stdin: strings.NewReader(name + " " + want + "\n")})
		if err == nil && out.rc != 0 {
			err = fail(strings.TrimSpace(out.stderr), Result{"rc": int64(out.rc)})
		}
		return err
	})
	return nil
}
