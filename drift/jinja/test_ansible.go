package jinja

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/core/vault"
)

// Ansible's tests of results, sets and files.
func init() {
	flag := func(names, key string, want bool) {
		tests.add(names, "result", func(c *call) (any, error) {
			d, ok := c.args[0].(*py.Dict)
			if !ok {
				return nil, filterErrorf("The '%s' test expects a dictionary", key)
			}
			v, ok := d.Get(key)
			if !ok {
				v = false
			}
			if want {
				return v, nil
			}
			return !py.Truth(v), nil
		}).takesUndefined()
	}
	flag("failed|failure", "failed", true)
	flag("succeeded|success|successful", "failed", false)
	flag("unreachable", "unreachable", true)
	flag("reachable", "unreachable", false)
	flag("skipped|skip", "skipped", true)
	tests.add("changed|change", "result", func(c *call) (any, error) {
		d, ok := c.args[0].(*py.Dict)
		if !ok {
			return nil, filterErrorf("The 'changed' test expects a dictionary")
		}
		if v, ok := d.Get("changed"); ok {
			return v, nil
		}
		v, _ := d.Get("results")
		list, _ := v.(*py.List)
		if list == nil {
			return false, nil
		}
		for _, item := range list.Items {
			if one, ok := item.(*py.Dict); ok {
				if v, ok := one.Get("changed"); ok && py.Truth(v) {
					return true, nil
				}
			}
		}
		return false, nil
	}).takesUndefined()
	for _, key := range []string{"started", "finished"} {
		tests.add(key, "result", func(c *call) (any, error) {
			d, ok := c.args[0].(*py.Dict)
			if !ok {
				return nil, filterErrorf("The '%s' test expects a dictionary", key)
			}
			v, ok := d.Get(key)
			if !ok {
				c.r.env.opt.Warn("The '" + key + "' test expects an async task, but a non-async task was tested")
				return true, nil
			}
			return py.Equal(v, int64(1)), nil
		}).takesUndefined()
	}
	tests.add("subset|issubset", "a b", func(c *call) (any, error) { return c.subset(c.args[0], c.args[1]) })
	tests.add("superset|issuperset", "a b", func(c *call) (any, error) { return c.subset(c.args[1], c.args[0]) })
	for name, want := range map[string]bool{"any": true, "all": false} {
		tests.add(name, "value", func(c *call) (any, error) {
			items, err := c.items(0)
			if err != nil {
				return nil, err
			}
			for _, item := range items {
				ok, err := truth(item)
				if err != nil {
					return nil, err
				}
				if ok == want {
					return want, nil
				}
			}
			return !want, nil
		})
	}
	tests.add("vault_encrypted", "value", func(c *call) (any, error) {
		_, sealed := c.args[0].(*py.Sealed)
		return sealed, nil
	})
	tests.add("vaulted_file", "value", func(c *call) (any, error) {
		path, err := c.str(0)
		if err != nil {
			return nil, err
		}
		f, err := os.Open(path)
		if err != nil {
			return nil, filterErrorf("Cannot test if the file %s is a vault", path)
		}
		defer f.Close()
		head := make([]byte, 20)
		n, _ := f.Read(head)
		return vault.Is(head[:n]), nil
	})
	fileTests()
	urlTests()
}

func (c *call) subset(a, b any) (any, error) {
	small, err := c.r.items(a)
	if err != nil {
		return nil, err
	}
	large, err := c.r.items(b)
	if err != nil {
		return nil, err
	}
	set := py.NewDict()
	for _, item := range large {
		if err := hashable(item); err != nil {
			return nil, err
		}
		set.Set(item, true)
	}
	for _, item := range small {
		if err := hashable(item); err != nil {
			return nil, err
		}
	}
	for _, item := range small {
		if !set.Has(item) {
			return false, nil
		}
	}
	return true, nil
}

func fileTests() {
	path := func(names string, do func(path string) bool) {
		tests.add(names, "path", func(c *call) (any, error) {
			p, err := c.str(0)
			return err == nil && (strings.HasPrefix(names, "abs") || c.r.within(p) == nil) && do(p), err
		})
	}
	stat := func(p string, want func(os.FileInfo) bool) bool {
		info, err := os.Stat(p)
		return err == nil && want(info)
	}
	path("directory|is_dir", func(p string) bool { return stat(p, os.FileInfo.IsDir) })
	path("file|is_file", func(p string) bool { return stat(p, func(i os.FileInfo) bool { return i.Mode().IsRegular() }) })
	path("exists", func(p string) bool { return stat(p, func(os.FileInfo) bool { return true }) })
	path("link|is_link", func(p string) bool {
		info, err := os.Lstat(p)
		return err == nil && info.Mode()&os.ModeSymlink != 0
	})
	path("link_exists", func(p string) bool { _, err := os.Lstat(p); return err == nil })
	path("abs|is_abs", func(p string) bool { return strings.HasPrefix(p, "/") })
	path("mount|is_mount", isMount)
	tests.add("same_file|is_same_file", "a b", func(c *call) (any, error) {
		var infos [2]os.FileInfo
		for i := range infos {
			p, err := c.str(i)
			if err != nil {
				return nil, err
			}
			if err = c.r.within(p); err != nil {
				return nil, err
			}
			if infos[i], err = os.Stat(p); err != nil {
				return nil, err
			}
		}
		return os.SameFile(infos[0], infos[1]), nil
	})
}

// isMount: another device than its parent's, or the root of all.
func isMount(p string) bool {
	info, err := os.Lstat(p)
	if err != nil || info.Mode()&os.ModeSymlink != 0 {
		return false
	}
	up, err := os.Stat(filepath.Join(p, ".."))
	if err != nil {
		return false
	}
	a, ok := info.Sys().(*syscall.Stat_t)
	b, ok2 := up.Sys().(*syscall.Stat_t)
	return ok && ok2 && (a.Dev != b.Dev || a.Ino == b.Ino)
}

func urlTests() {
	uri := func(c *call, schemes []any) (urlParts, bool) {
		text, ok := py.Text(c.args[0])
		if !ok {
			return urlParts{}, false
		}
		u, err := splitURL(text)
		if err != nil {
			return u, false
		}
		found := len(schemes) == 0
		for _, s := range schemes {
			found = found || py.Str(s) == u.scheme
		}
		return u, found
	}
	schemes := func(c *call) ([]any, error) {
		if c.args[1] == nil {
			return nil, nil
		}
		return c.items(1)
	}
	tests.add("uri", "value schemes=None", func(c *call) (any, error) {
		s, err := schemes(c)
		_, ok := uri(c, s)
		return ok, err
	})
	tests.add("url", "value schemes=None", func(c *call) (any, error) {
		s, err := schemes(c)
		u, ok := uri(c, s)
		return ok && (u.netloc != "" || u.scheme == "file"), err
	})
	tests.add("urn", "value", func(c *call) (any, error) {
		_, ok := uri(c, []any{"urn"})
		return ok, nil
	})
}
