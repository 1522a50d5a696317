package moving

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// narrowed adds what an item says of files and environment to what holds around it.
func (f *lefthookFile) narrowed(k *keys, s lefthookScope) (lefthookScope, error) {
	if root := k.text("root"); root != "" {
		s.root = path.Clean(path.Join(s.root, root))
		if s.root == "." {
			s.root = ""
		}
		if strings.HasPrefix(s.root, "..") || path.IsAbs(root) {
			return s, fmt.Errorf("root %q leads out of the repository", root)
		}
	}
	if env := k.texts("env"); len(env) > 0 {
		all := maps.Clone(s.env)
		if all == nil {
			all = map[string]string{}
		}
		maps.Copy(all, env)
		s.env = all
	}
	var globs []string
	for _, text := range k.list("glob") {
		p, err := f.glob(text)
		if err != nil {
			return s, fmt.Errorf("glob %q: %w", text, err)
		}
		if p.all {
			globs = nil
			break
		}
		globs = append(globs, p.globs...)
	}
	var err error
	if s.globs, err = intersect(s.globs, globs); err != nil {
		return s, err
	}
	more, err := f.excluded(k.of.get("exclude"))
	s.exclude = slices.Concat(s.exclude, more)
	return s, err
}

func (f *lefthookFile) glob(text string) (paths, error) {
	if f.strict {
		if !strings.Contains(text, "/") {
			text = "./" + text // doublestar matches the whole path
		}
		return fromStrictGlob(text)
	}
	return fromLooseGlob(text)
}

// excluded reads exclude: a text is a regular expression, a list has globs.
func (f *lefthookFile) excluded(n *node) ([]string, error) {
	if n == nil || n.kind == null {
		return nil, nil
	}
	var out []string
	add := func(text string, p paths, err error) error {
		if err != nil {
			return fmt.Errorf("exclude %q: %w", text, err)
		}
		if p.all {
			return fmt.Errorf("exclude %q leaves no file", text)
		}
		out = append(out, p.globs...)
		return nil
	}
	switch n.kind {
	case scalar:
		p, err := fromRegexp(n.text)
		if strings.HasPrefix(n.text, "*") || strings.Contains(n.text, "/*") {
			p, err = f.glob(n.text)
		}
		return out, add(n.text, p, err)
	case sequence:
		for _, item := range n.list {
			p, err := f.glob(item.text)
			if err := add(item.text, p, err); err != nil {
				return nil, err
			}
		}
		return out, nil
	default:
		return nil, fmt.Errorf("exclude is %s, want an expression or a list of globs", n.kind)
	}
}

func lefthookTypes(given []string) ([]string, error) {
	var out []string
	for _, t := range given {
		switch t {
		case "text", "binary", "executable", "symlink":
			out = append(out, t)
		case "not symlink": // which are never chosen unless they are wanted
		default:
			return nil, fmt.Errorf("file type %q has no equal", t)
		}
	}
	return out, nil
}
