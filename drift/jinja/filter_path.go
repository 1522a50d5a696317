package jinja

import (
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"goodstate.dev/goodstate/core/py"
)

// Filters over paths, as Python's os.path has them.
func init() {
	path := func(name string, do func(p string) any) {
		filters.add(name, "path", func(c *call) (any, error) {
			p, err := c.text(0)
			if err != nil {
				return nil, err
			}
			return do(p), nil
		})
	}
	path("basename", func(p string) any { return p[strings.LastIndexByte(p, '/')+1:] })
	path("dirname", func(p string) any { return dirname(p) })
	path("splitext", func(p string) any { root, ext := splitext(p); return py.Tuple{root, ext} })
	path("win_basename", func(p string) any { _, rest := winDrive(p); return rest[strings.LastIndexAny(rest, `\/`)+1:] })
	path("win_dirname", func(p string) any {
		drive, rest := winDrive(p)
		head := rest[:strings.LastIndexAny(rest, `\/`)+1]
		if trimmed := strings.TrimRight(head, `\/`); trimmed != "" {
			head = trimmed
		}
		return drive + head
	})
	path("win_splitdrive", func(p string) any { drive, rest := winDrive(p); return py.Tuple{drive, rest} })
	path("expanduser", func(p string) any { return expandUser(p) })
	filters.add("expandvars", "path", func(c *call) (any, error) {
		p, err := c.text(0)
		if err != nil {
			return nil, err
		}
		get := c.r.env.opt.Getenv
		if get == nil {
			get = os.LookupEnv
		}
		return envName.ReplaceAllStringFunc(p, func(m string) string {
			if v, ok := get(strings.Trim(m, "${}")); ok {
				return v
			}
			return m
		}), nil
	})
	path("realpath", func(p string) any {
		abs := absolute(p)
		rest := ""
		for at := abs; ; at = filepath.Dir(at) {
			if real, err := filepath.EvalSymlinks(at); err == nil {
				return filepath.Join(real, rest)
			}
			if at == "/" {
				return abs
			}
			rest = filepath.Join(filepath.Base(at), rest)
		}
	})
	filters.add("relpath", "path start=None", func(c *call) (any, error) {
		p, err := c.text(0)
		if err != nil {
			return nil, err
		}
		if p == "" {
			return nil, valueErrorf("no path specified")
		}
		start := "."
		if c.args[1] != nil {
			if start, err = c.text(1); err != nil {
				return nil, err
			}
		}
		return filepath.Rel(absolute(start), absolute(p))
	})
	filters.add("path_join", "paths", func(c *call) (any, error) {
		var parts []any
		switch x := c.args[0].(type) {
		case *py.List:
			parts = x.Items
		case py.Tuple:
			parts = x
		default:
			if _, ok := py.Text(x); !ok {
				return nil, filterTypeErrorf("|path_join expects string or sequence, got %s instead.", class2(x))
			}
			return py.Str(x), nil
		}
		joined := ""
		for i, part := range parts {
			if err := defined(part); err != nil {
				return nil, err
			}
			p, ok := py.Text(part)
			if !ok {
				return nil, typeErrorf("join() argument must be str, bytes, or os.PathLike object, not '%s'", py.TypeName(part))
			}
			switch {
			case i == 0 || strings.HasPrefix(p, "/"):
				joined = p
			case joined == "" || strings.HasSuffix(joined, "/"):
				joined += p
			default:
				joined += "/" + p
			}
		}
		return joined, nil
	})
	filters.add("fileglob", "pathname", func(c *call) (any, error) {
		p, err := c.text(0)
		if err != nil {
			return nil, err
		}
		found, err := filepath.Glob(p)
		if err != nil {
			return nil, err
		}
		slices.Sort(found)
		out := py.NewList()
		for _, f := range found {
			if info, err := os.Stat(f); err == nil && c.r.within(f) == nil && info.Mode().IsRegular() {
				out.Items = append(out.Items, f)
			}
		}
		return out, nil
	})
	filters.add("commonpath", "paths", func(c *call) (any, error) {
		items, err := c.items(0)
		if err != nil || len(items) == 0 {
			return nil, valueErrorf("commonpath() arg is an empty sequence")
		}
		common := strings.Split(filepath.Clean(py.Str(items[0])), "/")
		for _, item := range items[1:] {
			parts := strings.Split(filepath.Clean(py.Str(item)), "/")
			n := 0
			for n < len(common) && n < len(parts) && common[n] == parts[n] {
				n++
			}
			common = common[:n]
		}
		if len(common) == 1 && common[0] == "" {
			return "/", nil
		}
		return strings.Join(common, "/"), nil
	})
}

var envName = regexp.MustCompile(`\$(\w+|\{[^}]*\})`)

func absolute(p string) string {
	if abs, err := filepath.Abs(p); err == nil {
		return abs
	}
	return p
}

func dirname(p string) string {
	head := p[:strings.LastIndexByte(p, '/')+1]
	if trimmed := strings.TrimRight(head, "/"); trimmed != "" {
		return trimmed
	}
	return head
}

func splitext(p string) (root, ext string) {
	dot := strings.LastIndexByte(p, '.')
	name := strings.LastIndexByte(p, '/') + 1
	if dot <= name || strings.Trim(p[name:dot], ".") == "" {
		return p, ""
	}
	return p[:dot], p[dot:]
}

func winDrive(p string) (drive, rest string) {
	if len(p) >= 2 && p[1] == ':' {
		return p[:2], p[2:]
	}
	if n := strings.ReplaceAll(p, "/", `\`); strings.HasPrefix(n, `\\`) && !strings.HasPrefix(n, `\\\`) {
		if i := strings.IndexByte(n[2:], '\\'); i > 0 {
			share := 2 + i + 1
			end := strings.IndexByte(n[share:], '\\')
			switch {
			case end == 0:
			case end < 0:
				return p, ""
			default:
				return p[:share+end], p[share+end:]
			}
		}
	}
	return "", p
}

func expandUser(p string) string {
	if !strings.HasPrefix(p, "~") {
		return p
	}
	name, rest, _ := strings.Cut(p[1:], "/")
	if rest != "" || strings.HasSuffix(p, "/") {
		rest = "/" + rest
	}
	home := ""
	if name == "" {
		home = os.Getenv("HOME")
	}
	if home == "" {
		lookup := user.Lookup
		if name == "" {
			lookup = func(string) (*user.User, error) { return user.Current() }
		}
		u, err := lookup(name)
		if err != nil {
			return p
		}
		home = u.HomeDir
	}
	return strings.TrimRight(home, "/") + rest
}
