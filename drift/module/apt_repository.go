package module

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

func init() {
	register(Kind{
		Name:    "apt_repository",
		Help:    "A line of sources.list(5) is there, or is not",
		Example: "apt_repository: {repo: 'deb https://apt.example.org/debian bookworm-backports main', state: present}",
		Options: []Option{
			{Name: "repo", Required: true},
			{Name: "state", Default: "present", Choices: words("absent", "present")},
			{Name: "mode", Type: Raw},
			{Name: "update_cache", Type: Bool, Default: true, Aliases: []string{"update-cache"}},
			{Name: "update_cache_retries", Type: Int, Default: 5},
			{Name: "update_cache_retry_max_delay", Type: Int, Default: 12},
			{Name: "filename"},
			{Name: "install_python_apt", Type: Bool, Default: true},
			{Name: "validate_certs", Type: Bool, Default: true},
			{Name: "codename"},
		},
		Check: CheckFull,
		Diff:  true,
		Plan:  planAptRepository,
	})
}

// sourceLine is one line of a file of sources.
type sourceLine struct {
	text     string // as it is in the file
	source   string // deb ..., with single blanks; empty when the line is none
	enabled  bool
	trailing string // its comment
}

func parseSource(text string) sourceLine {
	line := sourceLine{text: text, enabled: true}
	rest := strings.TrimSpace(text)
	for strings.HasPrefix(rest, "#") {
		line.enabled = false
		rest = strings.TrimSpace(rest[1:])
	}
	if at := strings.IndexByte(rest, '#'); at >= 0 {
		line.trailing = strings.TrimSpace(rest[at+1:])
		rest = strings.TrimSpace(rest[:at])
	}
	if f := strings.Fields(rest); len(f) >= 3 && (f[0] == "deb" || f[0] == "deb-src") {
		line.source = strings.Join(f, " ")
	}
	return line
}

// sourcesFiles are the files of one-line sources, with their lines.
func sourcesFiles() (map[string][]sourceLine, error) {
	files, err := filepath.Glob("/etc/apt/sources.list.d/*.list")
	if err != nil {
		return nil, err
	}
	all := map[string][]sourceLine{}
	for _, path := range append(files, "/etc/apt/sources.list") {
		text, err := readText(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all[path] = nil
		for _, line := range splitKeep(string(text)) {
			all[path] = append(all[path], parseSource(strings.TrimRight(line, "\n")))
		}
	}
	return all, nil
}

var (
	bracketed = regexp.MustCompile(`\[[^\]]+\]`)
	scheme    = regexp.MustCompile(`\w+://`)
	noLetters = regexp.MustCompile(`[^a-zA-Z0-9]+`)
)

// sourcesName is the name of the file that a new line gets.
func (t *Task) sourcesName(source string) string {
	if name := t.Str("filename"); name != "" {
		if strings.Contains(name, "/") {
			return name + ".list"
		}
		return "/etc/apt/sources.list.d/" + name + ".list"
	}
	rest := scheme.ReplaceAllString(bracketed.ReplaceAllString(source, ""), "")
	for _, word := range strings.Fields(rest) {
		if word == "deb" || word == "deb-src" {
			continue
		}
		if _, after, ok := strings.Cut(word, "@"); ok {
			word = after
		}
		return "/etc/apt/sources.list.d/" + strings.Trim(noLetters.ReplaceAllString(word, "_"), "_") + ".list"
	}
	return "/etc/apt/sources.list"
}

func planAptRepository(_ context.Context, t *Task) error {
	repo := t.Str("repo")
	if strings.HasPrefix(repo, "ppa:") {
		return notNative("repositories of Launchpad")
	}
	want := parseSource(repo)
	if want.source == "" || !want.enabled {
		return fail("Invalid repository string: " + repo)
	}
	files, err := sourcesFiles()
	if err != nil {
		return err
	}
	t.Return("repo", repo)
	t.Return("state", t.Str("state"))
	changes := map[string][]sourceLine{}
	if t.Str("state") == "absent" {
		withoutSource(files, want.source, changes)
	} else {
		t.withSource(files, want, changes)
	}
	return t.writeSources(files, changes)
}

func withoutSource(files map[string][]sourceLine, source string, changes map[string][]sourceLine) {
	for path, lines := range files {
		kept := slices.DeleteFunc(slices.Clone(lines), func(l sourceLine) bool { return l.source == source && l.enabled })
		if len(kept) != len(lines) {
			changes[path] = kept
		}
	}
}

func (t *Task) withSource(files map[string][]sourceLine, want sourceLine, changes map[string][]sourceLine) {
	found := false
	for path, lines := range files {
		for i, l := range lines {
			if l.source != want.source {
				continue
			}
			found = true
			if !l.enabled {
				fixed := slices.Clone(lines)
				fixed[i].text = l.source
				changes[path] = fixed
			}
		}
	}
	if !found {
		path := t.sourcesName(want.source)
		text := want.source
		if want.trailing != "" {
			text += " # " + want.trailing
		}
		changes[path] = append(slices.Clone(files[path]), sourceLine{text: text, source: want.source, enabled: true})
	}
}

func sourcesText(lines []sourceLine) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(l.text + "\n")
	}
	return b.String()
}

// writeSources plans the files; when the lists cannot be fetched afterwards they are put back as they were.
func (t *Task) writeSources(files, changes map[string][]sourceLine) error {
	added, removed, diffs := []any{}, []any{}, []any{}
	for path, lines := range changes {
		_, there := files[path]
		before, after := sourcesText(files[path]), sourcesText(lines)
		d := map[string]any{"before": before, "after": after, "before_header": path, "after_header": path}
		if !there {
			d["before_header"] = "/dev/null"
			added = append(added, path)
		}
		if len(lines) == 0 && path != "/etc/apt/sources.list" {
			d["after_header"] = "/dev/null"
			removed = append(removed, path)
		}
		diffs = append(diffs, d)
	}
	t.Return("sources_added", added)
	t.Return("sources_removed", removed)
	t.Return("diff", map[string]any{})
	if t.Call.Diff && len(diffs) > 0 {
		t.Return("diff", diffs)
	}
	if len(changes) == 0 {
		return nil
	}
	attrs := attributes{t: t}
	if t.args["mode"] != nil {
		if err := attrs.setMode(t.args["mode"]); err != nil {
			return err
		}
	}
	t.Change(func(ctx context.Context) error {
		if err := t.putSources(ctx, changes, attrs); err != nil {
			return err
		}
		if !t.Bool("update_cache") {
			return nil
		}
		a := &aptTask{Task: t}
		if err := a.update(ctx); err != nil {
			back := map[string][]sourceLine{}
			for path := range changes {
				back[path] = files[path]
			}
			return errors.Join(err, t.putSources(ctx, back, attrs))
		}
		return nil
	})
	return nil
}

func (t *Task) putSources(ctx context.Context, files map[string][]sourceLine, attrs attributes) error {
	for path, lines := range files {
		if len(lines) == 0 && path != "/etc/apt/sources.list" {
			if err := removeIfThere(path); err != nil {
				return err
			}
			continue
		}
		fresh := !exists(path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fail(fmt.Sprintf("Failed to create directory %s: %v", filepath.Dir(path), err))
		}
		if err := t.replaceText(ctx, path, []byte(sourcesText(lines)), nil); err != nil {
			return err
		}
		if fresh && attrs.mode == nil {
			if err := os.Chmod(path, 0o644); err != nil {
				return err
			}
		}
		if _, err := attrs.apply(path); err != nil {
			return err
		}
	}
	return nil
}
