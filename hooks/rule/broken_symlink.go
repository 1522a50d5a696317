package rule

import (
	"fmt"
	"path"
	"strings"
)

func init() {
	Register(Kind{
		Name:    "broken-symlink",
		Aliases: []string{"check-symlinks"},
		Help:    "a symbolic link points to something in the repository",
		Example: "{outside: refuse}",
		As:      map[string]map[string]any{"check-symlinks": {"outside": "allow"}},
		New: func(decode func(any) error) (any, error) {
			r := &brokenSymlink{Outside: "refuse"}
			if err := decode(r); err != nil {
				return nil, err
			}
			return r, oneOf("broken-symlink", "outside", r.Outside, "refuse", "allow")
		},
	})
}

type brokenSymlink struct {
	// Outside says what becomes of links that leave the repository, which point to different things on different machines.
	Outside string `json:"outside"`
}

// hops is how many links are followed before it is called a loop; Linux follows 40.
const hops = 40

func (r *brokenSymlink) CheckChange(c *Change) ([]Finding, error) {
	links := map[string]*File{}
	for _, f := range c.Files {
		if f.Mode == Symlink {
			links[f.Path] = f
		}
	}
	var found []Finding
	for _, f := range c.Files {
		if f.Mode != Symlink {
			continue
		}
		why, unchecked, err := r.follow(c, links, f)
		if err != nil {
			return nil, fmt.Errorf("rule broken-symlink: following %q: %w", f.Path, err)
		}
		if why != "" {
			found = append(found, Finding{Rule: "broken-symlink", Path: f.Path, Message: why, Unchecked: unchecked})
		}
	}
	return found, nil
}

// follow returns why a link leads nowhere, empty when it leads somewhere.
func (r *brokenSymlink) follow(c *Change, links map[string]*File, f *File) (why string, unchecked bool, err error) {
	at := f
	for range hops {
		target, err := at.Content()
		if err != nil {
			return "", false, err
		}
		to := string(target)
		if to == "" {
			return "the link has no target", false, nil
		}
		full := path.Join(above(at.Path), to)
		if path.IsAbs(to) || full == ".." || strings.HasPrefix(full, "../") {
			if r.Outside == "allow" {
				return "", false, nil
			}
			return fmt.Sprintf("the link points to %q, outside of the repository; point it to a path in it, or set outside: allow", to), false, nil
		}
		if full == "." {
			return "", false, nil
		}
		rest, mode, err := r.walk(c, full)
		if err != nil {
			return "", false, err
		}
		switch {
		case mode == 0:
			return fmt.Sprintf("the link points to %q, and there is no such path; create it or delete the link", to), false, nil
		case mode != Symlink:
			return "", false, nil
		}
		next := links[rest]
		if next == nil {
			if rest == full {
				return "", false, nil // a link that was there before was judged when it came
			}
			return fmt.Sprintf("not checked: %q goes through the link %q, which this change does not touch", to, rest), true, nil
		}
		if rest != full { // a link in the middle of the path: what it points to takes its place
			middle, err := next.Content()
			if err != nil {
				return "", false, err
			}
			at = &File{Path: rest, Content: func() ([]byte, error) { return []byte(string(middle) + strings.TrimPrefix(full, rest)), nil }}
			continue
		}
		at = next
	}
	return fmt.Sprintf("the link goes round in a circle: %d links followed", hops), false, nil
}

// walk finds the mode of a path, or the first link on the way to it.
func (r *brokenSymlink) walk(c *Change, full string) (string, Mode, error) {
	for end := 0; end < len(full); end++ {
		if end > 0 && full[end] == '/' {
			mode, err := c.Tree(full[:end])
			if err != nil || mode == Symlink {
				return full[:end], mode, err
			}
		}
	}
	mode, err := c.Tree(full)
	return full, mode, err
}
