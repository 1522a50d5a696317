package module

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func init() {
	register(Kind{
		Name:    "authorized_key",
		Also:    []string{"ansible.posix.authorized_key"},
		Help:    "A key may log in to an account, or may not",
		Example: "authorized_key: {user: deploy, key: 'ssh-ed25519 AAAAC3Nza me@example.com'}",
		Options: []Option{
			{Name: "user", Required: true},
			{Name: "key", Required: true},
			{Name: "path", Type: Path},
			{Name: "manage_dir", Type: Bool, Default: true},
			{Name: "state", Default: "present", Choices: words("absent", "present")},
			{Name: "key_options"},
			{Name: "exclusive", Type: Bool, Default: false},
			{Name: "comment"},
			{Name: "validate_certs", Type: Bool, Default: true},
			{Name: "follow", Type: Bool, Default: false},
		},
		Check: CheckFull,
		Diff:  true,
		Plan:  planAuthorizedKey,
	})
}

// authorizedKey is a line of authorized_keys(5).
type authorizedKey struct {
	options, kind, key, comment string
	raw                         string // a line that is no key, as it is
}

var keyKinds = []string{
	"ssh-ed25519", "ssh-rsa", "ssh-dss", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
	"sk-ecdsa-sha2-nistp256@openssh.com", "sk-ssh-ed25519@openssh.com",
}

// parseKey reads a line; options may have quoted blanks.
func parseKey(line string) (authorizedKey, bool) {
	var words []string
	quoted := false
	start := 0
	for i := 0; i <= len(line); i++ {
		switch {
		case i == len(line) || (line[i] == ' ' || line[i] == '\t') && !quoted:
			if i > start {
				words = append(words, line[start:i])
			}
			start = i + 1
		case line[i] == '"' && (i == 0 || line[i-1] != '\\'):
			quoted = !quoted
		}
	}
	at := slices.IndexFunc(words, func(w string) bool { return slices.Contains(keyKinds, w) })
	if at < 0 || at+1 >= len(words) || strings.HasPrefix(line, "#") {
		return authorizedKey{raw: line}, false
	}
	return authorizedKey{options: strings.Join(words[:at], " "), kind: words[at], key: words[at+1], comment: strings.Join(words[at+2:], " ")}, true
}

func (k authorizedKey) String() string {
	if k.kind == "" {
		return k.raw
	}
	line := k.kind + " " + k.key
	if k.options != "" {
		line = k.options + " " + line
	}
	if k.comment != "" {
		line += " " + k.comment
	}
	return line
}

func planAuthorizedKey(ctx context.Context, t *Task) error {
	user := t.Str("user")
	account, err := lookupUser(user)
	if err != nil && !(t.Check && t.Has("path")) {
		if t.Check {
			t.Change(nil)
			return nil
		}
		return fail(fmt.Sprintf("Failed to lookup user %s: \"getpwnam(): name not found: '%s'\"", user, user))
	}
	path := t.Str("path")
	if path == "" {
		path = filepath.Join(account.Home, ".ssh", "authorized_keys")
	}
	wanted, err := t.wantedKeys(ctx)
	if err != nil {
		return err
	}
	at := t.abs(path)
	if t.Bool("follow") {
		at = realPath(at)
	}
	before, err := readText(at)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	after := t.editKeys(string(before), wanted)
	t.tellKeys(path)
	if after == string(before) {
		return nil
	}
	if t.Call.Diff {
		t.Return("diff", map[string]any{"before": string(before), "after": after, "before_header": path, "after_header": path})
	}
	t.Change(func(ctx context.Context) error { return t.writeKeys(ctx, at, after, account) })
	return nil
}

// tellKeys repeats the options in the result, as Ansible's module does.
func (t *Task) tellKeys(path string) {
	for name, value := range t.args {
		t.Return(name, value)
	}
	t.Return("keyfile", path)
	if !t.Has("path") {
		t.Return("path", nil)
	}
}

// wantedKeys reads the keys of the task: text, or what a URL says.
func (t *Task) wantedKeys(ctx context.Context) ([]authorizedKey, error) {
	text := t.Str("key")
	if strings.HasPrefix(text, "http") || strings.HasPrefix(text, "file:") {
		path := strings.TrimPrefix(text, "file://")
		if !strings.HasPrefix(text, "file:") {
			dir, err := os.MkdirTemp(t.tmp(), "ansible-key-")
			if err != nil {
				return nil, err
			}
			defer os.RemoveAll(dir)
			path = dir + "/key"
			if err := download(ctx, text, path); err != nil {
				return nil, fail("Error getting key from: " + text)
			}
		}
		content, err := readText(path)
		if err != nil {
			return nil, err
		}
		text = string(content)
	}
	var keys []authorizedKey
	for _, line := range splitLines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		k, ok := parseKey(line)
		if !ok {
			return nil, fail("invalid key specified: " + line)
		}
		if t.Has("key_options") {
			k.options = t.Str("key_options")
		}
		if t.Has("comment") {
			k.comment = t.Str("comment")
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// editKeys returns the file as it shall be.
func (t *Task) editKeys(before string, wanted []authorizedKey) string {
	var lines []authorizedKey
	for _, line := range splitLines(before) {
		k, ok := parseKey(line)
		if !ok && strings.TrimSpace(line) == "" {
			continue
		}
		lines = append(lines, k)
	}
	original := slices.Clone(lines)
	find := func(w authorizedKey) int {
		return slices.IndexFunc(lines, func(k authorizedKey) bool { return k.kind == w.kind && k.key == w.key })
	}
	for _, w := range wanted {
		i := find(w)
		switch {
		case t.Str("state") == "absent" && i >= 0:
			lines = slices.Delete(lines, i, i+1)
		case t.Str("state") == "absent":
		case i < 0:
			lines = append(lines, w)
		case lines[i] != w && (t.Has("key_options") || t.Has("comment") || lines[i].options != w.options || lines[i].comment != w.comment):
			lines[i] = w
		}
	}
	if t.Bool("exclusive") && t.Str("state") == "present" {
		lines = slices.DeleteFunc(lines, func(k authorizedKey) bool {
			return k.kind != "" && !slices.ContainsFunc(wanted, func(w authorizedKey) bool { return w.kind == k.kind && w.key == k.key })
		})
	}
	if slices.Equal(lines, original) {
		return before
	}
	var b strings.Builder
	for _, k := range lines {
		b.WriteString(k.String() + "\n")
	}
	return b.String()
}

// writeKeys writes the file for its account only. The folder of an account belongs to it: what it may have put there as a link is not followed.
func (t *Task) writeKeys(ctx context.Context, path, content string, owner account) error {
	dir := filepath.Dir(path)
	if t.Bool("manage_dir") && !t.Has("path") || t.Bool("manage_dir") && !exists(dir) {
		if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return fail(fmt.Sprintf("Failed to create directory %s : %s", dir, pyPathError(err)))
		}
		if isLink(dir) && !t.Bool("follow") {
			return fail(dir + " is a link: follow is needed")
		}
		if err := os.Lchown(dir, owner.UID, owner.GID); err != nil {
			return err
		}
		if err := os.Chmod(dir, 0o700); err != nil {
			return err
		}
	}
	fresh := !exists(path)
	if err := t.replaceText(ctx, path, []byte(content), nil); err != nil {
		return err
	}
	if fresh {
		if err := os.Lchown(path, owner.UID, owner.GID); err != nil {
			return err
		}
		return os.Chmod(path, 0o600)
	}
	return nil
}
