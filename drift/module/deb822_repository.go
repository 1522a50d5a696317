package module

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

func init() {
	options := []Option{
		{Name: "name", Required: true},
		{Name: "state", Default: "present", Choices: words("absent", "present")},
		{Name: "mode", Type: Raw, Default: "0644"},
		{Name: "types", Type: List, Elements: Str, Choices: words("deb", "deb-src"), Default: []any{"deb"}},
		{Name: "signed_by"},
		{Name: "inrelease_path"},
		{Name: "date_max_future", Type: Int},
		{Name: "install_python_debian", Type: Bool, Default: false},
		{Name: "exclude", Type: List, Elements: Str, Since: "2.20"},
		{Name: "include", Type: List, Elements: Str, Since: "2.20"},
	}
	for _, name := range []string{"allow_downgrade_to_insecure", "allow_insecure", "allow_weak", "by_hash", "check_date", "check_valid_until", "enabled", "pdiffs", "trusted"} {
		options = append(options, Option{Name: name, Type: Bool})
	}
	for _, name := range []string{"architectures", "components", "languages", "suites", "targets", "uris"} {
		options = append(options, Option{Name: name, Type: List, Elements: Str})
	}
	register(Kind{
		Name:    "deb822_repository",
		Help:    "A file of apt's sources in deb822 form",
		Example: "deb822_repository: {name: debian, uris: 'https://apt.example.org/debian', suites: stable, components: main, signed_by: /usr/share/keyrings/debian-archive-keyring.gpg}",
		Options: options,
		Since:   "2.15",
		Check:   CheckFull,
		Diff:    true,
		Plan:    planDeb822,
	})
}

const keyrings = "/etc/apt/keyrings"

var (
	blanks    = regexp.MustCompile(`[_\s]+`)
	noSlug    = regexp.MustCompile(`[^a-z0-9-]+`)
	wordStart = regexp.MustCompile(`(^|-)[a-z]`)
)

func planDeb822(ctx context.Context, t *Task) error {
	slug := noSlug.ReplaceAllString(blanks.ReplaceAllString(strings.ToLower(t.Str("name")), "-"), "")
	dest := "/etc/apt/sources.list.d/" + slug + ".sources"
	t.Return("dest", dest)
	t.Return("key_filename", nil)
	if t.Str("state") == "absent" {
		t.Return("repo", nil)
		t.Return("key_filename", keyrings+"/"+slug+".gpg")
		for _, path := range []string{dest, keyrings + "/" + slug + ".asc", keyrings + "/" + slug + ".gpg"} {
			if exists(path) {
				t.Change(func(context.Context) error { return os.Remove(path) })
			}
		}
		return nil
	}
	if strings.Contains(t.Str("signed_by"), "://") {
		if err := t.signedBy(ctx, slug); err != nil {
			return err
		}
	}
	repo := t.deb822()
	t.Return("repo", repo)
	before, err := os.ReadFile(dest)
	fresh := err != nil
	attrs := attributes{t: t}
	if err := attrs.setMode(t.args["mode"]); err != nil {
		return err
	}
	if !fresh && string(before) == repo {
		_, err := attrs.plan(dest)
		return err
	}
	t.addDiff(textDiff(dest, before, []byte(repo)))
	t.Change(func(ctx context.Context) error {
		if err := t.replaceText(ctx, dest, []byte(repo), nil); err != nil {
			return err
		}
		_, err := attrs.apply(dest)
		return err
	})
	return nil
}

// deb822 writes the options as fields, by the names of the options.
func (t *Task) deb822() string {
	var names []string
	for name, value := range t.args {
		if value != nil && !slices.Contains([]string{"state", "mode", "install_python_debian"}, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		var value string
		switch v := t.args[name].(type) {
		case bool:
			value = map[bool]string{true: "yes", false: "no"}[v]
		case []any:
			value = strings.Join(t.Strs(name), " ")
		default:
			value = pyStr(v)
		}
		if strings.Contains(value, "\n") {
			lines := splitLines(strings.TrimSpace(value))
			for i, line := range lines {
				if line = strings.TrimSpace(line); line == "" {
					line = "."
				}
				lines[i] = "    " + line
			}
			value = "\n" + strings.Join(lines, "\n")
		}
		field := wordStart.ReplaceAllStringFunc(strings.ReplaceAll(name, "_", "-"), strings.ToUpper)
		switch name {
		case "name":
			field = "X-Repolib-Name"
		case "uris":
			field = "URIs"
		}
		separator := ": "
		if strings.HasPrefix(value, "\n") {
			separator = ":"
		}
		b.WriteString(field + separator + value + "\n")
	}
	return b.String()
}

// signedBy fetches the key of a repository into apt's keyrings.
func (t *Task) signedBy(ctx context.Context, slug string) error {
	dir, err := os.MkdirTemp(t.tmp(), "ansible-key-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := download(ctx, t.Str("signed_by"), dir+"/key"); err != nil {
		return fail("Could not fetch signed_by key: " + err.Error())
	}
	key, err := readText(dir + "/key")
	if err != nil {
		return err
	}
	path := fmt.Sprintf("%s/%s.gpg", keyrings, slug)
	if bytes.Contains(key, []byte("-----BEGIN PGP PUBLIC KEY BLOCK-----")) {
		path = fmt.Sprintf("%s/%s.asc", keyrings, slug)
	}
	t.args["signed_by"] = path
	t.Return("key_filename", path)
	if now, err := os.ReadFile(path); err == nil && bytes.Equal(now, key) {
		return nil
	}
	t.Change(func(ctx context.Context) error {
		if err := os.MkdirAll(keyrings, 0o755); err != nil {
			return err
		}
		if err := t.replaceText(ctx, path, key, nil); err != nil {
			return err
		}
		return os.Chmod(path, 0o644)
	})
	return nil
}
