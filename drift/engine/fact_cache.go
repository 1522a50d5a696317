package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/py"
)

// FactCache keeps facts between runs, in the form of Ansible's cache plugin jsonfile: a file of JSON for each host.
type FactCache struct {
	Dir, Prefix string
	Keep        time.Duration // how long facts of a host are good; 0 is for ever
}

// maxFacts bounds a file of facts.
const maxFacts = 64 << 20

func (c *FactCache) path(host string) (string, error) {
	if host == "" || strings.ContainsAny(host, "/\x00") || strings.HasPrefix(host, ".") && c.Prefix == "" {
		return "", fmt.Errorf("facts of host %q: its name cannot be that of a file", host)
	}
	return filepath.Join(c.Dir, c.Prefix+host), nil
}

// read gives the facts of a host; nil if there are none that are still good. What is in them came from the host, so it is never a template.
func (c *FactCache) read(host string) (*py.Dict, error) {
	path, err := c.path(host)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil //nolint:nilnil // there are none
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() || info.Size() > maxFacts:
		return nil, fmt.Errorf("facts in %s: want a file of at most %d bytes", path, maxFacts)
	case c.Keep > 0 && time.Since(info.ModTime()) > c.Keep:
		return nil, nil //nolint:nilnil // they are too old
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	v, err := py.FromJSON(text, true)
	if err != nil {
		return nil, fmt.Errorf("facts in %s: %w; delete the file", path, err)
	}
	d, ok := v.(*py.Dict)
	if !ok {
		return nil, fmt.Errorf("facts in %s: want a dictionary, this is a %s; delete the file", path, py.TypeName(v))
	}
	return d, nil
}

// write keeps the facts of a host. The file is there as a whole or not at all, and for its owner only.
func (c *FactCache) write(host string, facts *py.Dict) error {
	path, err := c.path(host)
	if err != nil {
		return err
	}
	text, err := py.ToJSON(facts)
	if err != nil {
		return fmt.Errorf("facts of %s: %w", host, err)
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(c.Dir, ".facts-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // it is not there any more when all went well
	_, err = f.Write(indented(text))
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func indented(text []byte) []byte {
	var v json.RawMessage = text
	out, err := json.MarshalIndent(v, "", "    ")
	if err != nil {
		return text
	}
	return out
}

func (c *FactCache) remove(host string) error {
	path, err := c.path(host)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// cached makes a record with what the cache has of its host, and lets it keep what it learns.
func (r *run) cached(name string, rec *record) {
	c := r.opt.Settings.FactCache
	if c == nil {
		return
	}
	var facts *py.Dict
	var err error
	if r.opt.FlushCache {
		err = c.remove(name)
	} else {
		facts, err = c.read(name)
	}
	if err != nil {
		r.warn("the fact cache is not used: " + err.Error())
	}
	if facts != nil {
		rec.learn(facts)
	}
	rec.keep = func(facts *py.Dict) {
		err := c.remove(name)
		if facts != nil {
			err = c.write(name, facts)
		}
		if err != nil {
			r.warn("facts are not kept: " + err.Error())
		}
	}
}

// flushCache forgets the facts of all hosts.
func (r *run) flushCache() {
	c := r.opt.Settings.FactCache
	if c == nil || !r.opt.FlushCache {
		return
	}
	for _, h := range r.inv.Hosts() {
		if err := c.remove(h.Name); err != nil {
			r.warn(err.Error())
		}
	}
}
