package jinja

import (
	"strings"
	"sync"
)

// cache keeps compiled templates by their text.
type cache struct {
	mu   sync.RWMutex
	kept map[cacheKey]*cached
	// values has the templates of playbooks, which are written in the usual way and have no name: their key is cheap.
	values map[string]*cached
}

type cacheKey struct {
	text   string
	syn    syntax
	escape bool
	name   string
}

type cached struct {
	tmpl *template
	err  error
}

const mostTemplates = 20_000

func newCache() *cache { return &cache{kept: map[cacheKey]*cached{}, values: map[string]*cached{}} }

// load compiles a text, or takes what it was compiled to before.
func (e *Env) load(key cacheKey) (*template, error) {
	value := key.escape && key.name == "" && key.syn == usual
	var c *cached
	var ok bool
	e.cache.mu.RLock()
	if value {
		c, ok = e.cache.values[key.text]
	} else {
		c, ok = e.cache.kept[key]
	}
	e.cache.mu.RUnlock()
	if ok {
		return c.tmpl, c.err
	}
	text := key.text
	var err error
	if key.escape {
		text, err = doubled(text, key.syn)
	}
	c = &cached{}
	if err == nil {
		c.tmpl, err = e.compile(text, key.name, key.syn)
	} else if s, ok := err.(*SyntaxError); ok { //nolint:errorlint // it is made by the lexer
		s.Text = text
	}
	c.err = err
	if err != nil && strings.Contains(err.Error(), "Could not load") {
		return nil, err // a plugin may be there next time
	}
	e.cache.mu.Lock()
	defer e.cache.mu.Unlock()
	if len(e.cache.kept)+len(e.cache.values) >= mostTemplates {
		clear(e.cache.kept)
		clear(e.cache.values)
	}
	key.text = strings.Clone(key.text)
	if value {
		e.cache.values[key.text] = c
	} else {
		e.cache.kept[key] = c
	}
	return c.tmpl, c.err
}

func (e *Env) plugin(kind, name string) bool {
	if e.opt.Plugin == nil {
		return false
	}
	_, ok := e.opt.Plugin(kind, name)
	return ok
}
