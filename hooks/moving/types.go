package moving

import (
	"fmt"
	"slices"
	"strings"

	"goodstate.dev/goodstate/hooks/plan"
)

// byName are tags of pre-commit's identify that depend on the name of a file alone, and which globs say the same.
var byName = map[string][]string{
	"astro": {"*.astro"}, "bats": {"*.bats"}, "cmake": {"*.cmake", "CMakeLists.txt"}, "csv": {"*.csv"}, "cuda": {"*.cu", "*.cuh"}, "cython": {"*.pxd", "*.pyx"},
	"gif": {"*.gif"}, "graphql": {"*.gql", "*.graphql"}, "ini": {"*.ini"}, "jpeg": {"*.jpeg", "*.jpg"}, "json5": {"*.json5"}, "jupyter": {"*.ipynb"},
	"less": {"*.less"}, "markdown": {"*.markdown", "*.md", "*.mdown"}, "mdx": {"*.mdx"}, "nix": {"*.nix"}, "pdf": {"*.pdf"}, "png": {"*.png"}, "pyi": {"*.pyi"},
	"svg": {"*.svg"}, "css": {"*.css"}, "scss": {"*.scss"}, "html": {"*.htm", "*.html"}, "rst": {"*.rst"}, "vue": {"*.vue"}, "svelte": {"*.svelte"},
}

// narrower are types that take fewer files here than the tag of the same name does there.
var narrower = map[string]string{
	"shell": "*.bats, *.ksh and the start files of shells", "json": "*.ipynb, *.geojson and *.webmanifest", "xml": "*.plist and other dialects",
	"ruby": "Gemfile, Rakefile and *.gemspec", "makefile": "*.mk", "dockerfile": "*.dockerfile", "c++": "*.h and *.hh", "yaml": "*.eyaml and dot files",
	"toml": "lock files", "terraform": "*.tfvars",
}

// choice is one way in which the types of a hook are said here. Several mean a job for each, since types here must all hold.
type choice struct {
	name string // of the type; empty when there is one choice
	selection
	remark string
}

// typed translates types, types_or and exclude_types.
func typed(all, either, not []string) ([]choice, error) {
	base := choice{}
	for _, tag := range all {
		if err := base.want(tag, all); err != nil {
			return nil, err
		}
	}
	for _, tag := range not {
		switch globs := byName[tag]; {
		case tag == "symlink":
		case tag == "binary":
			base.types = append(base.types, "text")
		case tag == "text":
			base.types = append(base.types, "binary")
		case globs != nil:
			base.exclude = append(base.exclude, globs...)
		default:
			return nil, fmt.Errorf("exclude_types %q cannot be said here; write globs under exclude", tag)
		}
	}
	if len(either) == 0 {
		return []choice{base}, nil
	}
	var choices []choice
	var globs []string
	for _, tag := range either {
		if tag == "pyi" && slices.Contains(either, "python") {
			continue // the type has both
		}
		if !isType(tag) && byName[tag] != nil && len(base.files) == 0 {
			globs = append(globs, byName[tag]...)
			continue
		}
		c := choice{name: tag, remark: base.remark}
		c.files, c.exclude, c.types = slices.Clone(base.files), slices.Clone(base.exclude), slices.Clone(base.types)
		if err := c.want(tag, either); err != nil {
			return nil, err
		}
		choices = append(choices, c)
	}
	if len(globs) > 0 {
		c := base
		c.name, c.files = "names", globs
		choices = append(choices, c)
	}
	if len(choices) == 1 {
		choices[0].name = ""
	}
	return choices, nil
}

func isType(tag string) bool { return slices.Contains(plan.KnownTypes(), tag) }

// want narrows a choice to a tag; beside are the tags that stand with it.
func (c *choice) want(tag string, beside []string) error {
	switch {
	case tag == "file":
	case isType(tag):
		c.types = append(c.types, tag)
		if tag == "python" && !slices.Contains(beside, "pyi") {
			c.exclude = append(c.exclude, "*.pyi") // another tag there
		}
		if lacks := narrower[tag]; lacks != "" {
			c.remark = join(c.remark, "type "+tag+" has not "+lacks+" here")
		}
	case byName[tag] != nil && len(c.files) == 0:
		c.files = slices.Clone(byName[tag])
	default:
		return fmt.Errorf("type %q is not known here; write globs under files", tag)
	}
	return nil
}

func join(first, second string) string {
	if first == "" || second == "" {
		return first + second
	}
	return first + "; " + second
}

// intersect gives the globs for what both lists choose; an empty list chooses everything.
func intersect(left, right []string) ([]string, error) {
	switch {
	case len(left) == 0 || slices.Equal(left, right):
		return right, nil
	case len(right) == 0:
		return left, nil
	}
	var out []string
	for _, l := range left {
		for _, r := range right {
			both, err := meet(l, r)
			if err != nil {
				return nil, err
			}
			out = append(out, both)
		}
	}
	return out, nil
}

// meet joins a folder with names that may lie in it.
func meet(left, right string) (string, error) {
	for range 2 {
		if strings.HasSuffix(left, "/") && !strings.Contains(right, "/") && !strings.ContainsAny(right, "{}") {
			return left + "**/" + right, nil
		}
		if left == right {
			return left, nil
		}
		left, right = right, left
	}
	return "", fmt.Errorf("files that match %q and %q as well cannot be said by globs", left, right)
}
