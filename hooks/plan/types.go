package plan

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"goodstate.dev/goodstate/hooks/rule"
)

// byEnding says what a file is by how its name ends.
var byEnding = map[string]string{
	"c": "c", "h": "c", "cc": "c++", "cpp": "c++", "cxx": "c++", "hpp": "c++", "cs": "c#", "css": "css", "dart": "dart", "ex": "elixir", "exs": "elixir",
	"go": "go", "gradle": "groovy", "groovy": "groovy", "hs": "haskell", "htm": "html", "html": "html", "java": "java", "js": "javascript",
	"cjs": "javascript", "mjs": "javascript", "json": "json", "jsx": "jsx", "kt": "kotlin", "kts": "kotlin", "lua": "lua", "md": "markdown",
	"markdown": "markdown", "php": "php", "pl": "perl", "pm": "perl", "proto": "proto", "ps1": "powershell", "py": "python", "pyi": "python", "r": "r",
	"rb": "ruby", "rs": "rust", "rst": "rst", "sass": "sass", "scala": "scala", "scss": "scss", "sh": "shell", "bash": "shell", "zsh": "shell",
	"sql": "sql", "svelte": "svelte", "swift": "swift", "tf": "terraform", "toml": "toml", "ts": "ts", "tsx": "tsx", "txt": "plain-text", "vue": "vue",
	"xml": "xml", "xsd": "xml", "svg": "xml", "yaml": "yaml", "yml": "yaml", "zig": "zig",
}

// byProgram says what a script is by the program in its first line.
var byProgram = map[string]string{
	"sh": "shell", "bash": "shell", "dash": "shell", "ksh": "shell", "zsh": "shell", "python": "python", "python2": "python", "python3": "python",
	"node": "javascript", "ruby": "ruby", "perl": "perl", "php": "php", "lua": "lua",
}

// KnownTypes lists the words for types, sorted.
func KnownTypes() []string {
	all := []string{"file", "symlink", "executable", "text", "binary", "dockerfile", "makefile"}
	for _, t := range byEnding {
		all = append(all, t)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Chooses tells whether a file is selected. The head is its first bytes, read only when a type depends on them. Links are chosen by the type symlink alone,
// so that no command follows one out of the repository; submodules never.
func (s Select) Chooses(name string, mode rule.Mode, head func() []byte) bool {
	if mode == rule.Submodule || mode == rule.Symlink && !slices.Contains(s.Types, "symlink") {
		return false
	}
	return s.Matches(name) && s.typed(name, mode, head)
}

// Matches tells whether a path is selected by its name.
func (s Select) Matches(name string) bool {
	if s.Under != "" {
		below, ok := strings.CutPrefix(name, s.Under+"/")
		if !ok {
			return false
		}
		name = below
	}
	hit := func(glob string) bool { return Match(glob, name) }
	return (len(s.Files) == 0 || slices.ContainsFunc(s.Files, hit)) && !slices.ContainsFunc(s.Exclude, hit)
}

func (s Select) typed(name string, mode rule.Mode, head func() []byte) bool {
	for _, want := range s.Types {
		if !is(want, name, mode, head) {
			return false
		}
	}
	return true
}

func is(want, name string, mode rule.Mode, head func() []byte) bool {
	switch want {
	case "file":
		return mode == rule.Regular || mode == rule.Executable
	case "symlink":
		return mode == rule.Symlink
	case "executable":
		return mode == rule.Executable
	case "binary", "text":
		return bytes.IndexByte(head(), 0) >= 0 == (want == "binary")
	}
	base := strings.ToLower(path.Base(name))
	switch {
	case base == "dockerfile" || strings.HasPrefix(base, "dockerfile."):
		return want == "dockerfile"
	case base == "makefile" || base == "gnumakefile":
		return want == "makefile"
	}
	if ending := path.Ext(base); ending != "" {
		return byEnding[ending[1:]] == want
	}
	return byProgram[program(head())] == want
}

// program is the base name of what a script's first line starts, without env and a version: "#!/usr/bin/env python3.12" is python3.
func program(head []byte) string {
	line, _, _ := bytes.Cut(head, []byte("\n"))
	rest, script := bytes.CutPrefix(line, []byte("#!"))
	if !script {
		return ""
	}
	words := strings.Fields(string(rest))
	if len(words) > 1 && path.Base(words[0]) == "env" {
		words = slices.DeleteFunc(words[1:], func(w string) bool { return strings.HasPrefix(w, "-") || strings.Contains(w, "=") })
	}
	if len(words) == 0 {
		return ""
	}
	name, _, _ := strings.Cut(path.Base(words[0]), ".")
	return name
}
