// Package settings reads what ansible.cfg and the environment say, where the meaning is the same as Ansible's.
package settings

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/drift/action"
	"goodstate.dev/goodstate/drift/engine"
)

// Settings are what a command goes by when its flags do not say otherwise.
type Settings struct {
	Engine engine.Settings
	File   string // the ansible.cfg that was read, if any

	Inventory                                                             []string
	Forks, Verbosity, Timeout, DiffContext                                int
	RemoteUser, Connection, KeyFile, BecomeMethod, BecomeUser             string
	Become, AskBecome, AskPassword, AskVault, Diff                        bool
	VaultFile, VaultIdentity, EncryptIdentity                             string
	VaultIDs, Tags, SkipTags, Callbacks                                   []string
	BecomePasswordFile, ConnectionPasswordFile                            string
	NoColor, ForceColor                                                   bool
	HideSkipped, HideOK, ShowStats, Markers, PerHostStart, ArgsToo, ToErr bool
	InventoryIgnore                                                       []string
	Library                                                               []string
}

// reader looks a setting up in the environment, then in the file.
type reader struct {
	file map[string]string // "section.key"
	dir  string            // of the file
	env  func(string) (string, bool)
	errs []error
}

// Load reads the first ansible.cfg of ANSIBLE_CONFIG, this folder, the home and /etc/ansible, and the environment.
func Load(env func(string) (string, bool)) (*Settings, error) {
	path := find(env)
	r := &reader{file: map[string]string{}, env: env}
	if path != "" {
		if err := r.read(path); err != nil {
			return nil, err
		}
	}
	s := r.settings()
	s.File, s.Engine.ConfigFile = path, path
	if len(r.errs) > 0 {
		return nil, r.errs[0]
	}
	return s, nil
}

func find(env func(string) (string, bool)) string {
	if path, ok := env("ANSIBLE_CONFIG"); ok && path != "" {
		path = expand(path)
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			path = filepath.Join(path, "ansible.cfg")
		}
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	var candidates []string
	if here, err := os.Getwd(); err == nil {
		// A folder that everybody may write to must not say how the run goes.
		if info, err := os.Stat(here); err == nil && info.Mode()&0o002 == 0 {
			candidates = append(candidates, filepath.Join(here, "ansible.cfg"))
		}
	}
	candidates = append(candidates, expand("~/.ansible.cfg"), "/etc/ansible/ansible.cfg")
	for _, path := range candidates {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

func expand(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	return os.ExpandEnv(path)
}

func (r *reader) read(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("settings %s: %w", path, err)
	}
	r.dir = filepath.Dir(path)
	section, last := "", ""
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		raw := lines.Text()
		line := strings.TrimSpace(raw)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if line[0] == '[' && line[len(line)-1] == ']' {
			section = line[1 : len(line)-1]
			continue
		}
		if (raw[0] == ' ' || raw[0] == '\t') && last != "" {
			r.file[last] += "\n" + line
			continue
		}
		at := strings.IndexAny(line, "=:")
		if at < 0 {
			return fmt.Errorf("settings %s:%d: %q is no key = value", path, n, line)
		}
		value := strings.TrimSpace(line[at+1:])
		if i := strings.Index(value, " ;"); i >= 0 {
			value = strings.TrimSpace(value[:i])
		}
		last = section + "." + strings.TrimSpace(line[:at])
		r.file[last] = value
	}
	return lines.Err()
}

// value looks up one setting.
func (r *reader) value(env string, keys ...string) (string, bool) {
	for _, name := range strings.Fields(env) {
		if v, ok := r.env(name); ok {
			return v, true
		}
	}
	for _, key := range keys {
		if v, ok := r.file[key]; ok {
			return strings.Trim(v, `"'`), true
		}
	}
	return "", false
}

func (r *reader) text(into *string, env string, keys ...string) {
	if v, ok := r.value(env, keys...); ok {
		*into = v
	}
}

// path is relative to the file that says it.
func (r *reader) path(into *string, env string, keys ...string) {
	if v, ok := r.value(env, keys...); ok && v != "" {
		*into = r.resolve(v)
	}
}

func (r *reader) resolve(path string) string {
	path = strings.ReplaceAll(path, "{{CWD}}", ".")
	path = expand(path)
	if !filepath.IsAbs(path) && r.dir != "" {
		return filepath.Join(r.dir, path)
	}
	return path
}

func (r *reader) paths(into *[]string, separator, env string, keys ...string) {
	v, ok := r.value(env, keys...)
	if !ok {
		return
	}
	*into = nil
	for part := range strings.SplitSeq(v, separator) {
		if part = strings.TrimSpace(part); part != "" {
			*into = append(*into, r.resolve(part))
		}
	}
}

func (r *reader) list(into *[]string, env string, keys ...string) {
	v, ok := r.value(env, keys...)
	if !ok {
		return
	}
	*into = nil
	for part := range strings.SplitSeq(v, ",") {
		if part = strings.TrimSpace(part); part != "" {
			*into = append(*into, part)
		}
	}
}

func (r *reader) flag(into *bool, env string, keys ...string) {
	v, ok := r.value(env, keys...)
	if !ok {
		return
	}
	b, is := action.Bool(v)
	if !is {
		r.errs = append(r.errs, fmt.Errorf("setting %s: %q is no boolean", strings.Join(append(strings.Fields(env), keys...), ", "), v))
		return
	}
	*into = b
}

func (r *reader) number(into *int, env string, keys ...string) {
	v, ok := r.value(env, keys...)
	if !ok || v == "" {
		return
	}
	n, err := strconv.Atoi(strings.TrimSpace(v))
	if err != nil {
		r.errs = append(r.errs, fmt.Errorf("setting %s: %q is no number", strings.Join(append(strings.Fields(env), keys...), ", "), v))
		return
	}
	*into = n
}
