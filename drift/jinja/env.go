// Package jinja evaluates templates and expressions as Jinja2 does under Ansible's templar: values of Python, Ansible's filters, tests and lookups,
// variables whose values are templates themselves, and text from hosts that is never a template. What a template costs is bounded.
package jinja

import (
	"context"
	"slices"
	"time"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/core/vault"
)

// Scope has the variables. A value may be a template, or have templates in it; it is evaluated when it is used.
type Scope interface {
	Lookup(name string) (value any, ok bool)
	Names() []string
}

// Object is a value of the caller's that templates read like a dict, such as hostvars. What it returns is not templated again.
type Object interface {
	Get(key any) (value any, ok bool, err error)
	Keys() []any
}

// Variables is an Object whose elements are the variables of a scope, such as those of another host. They are evaluated there, in the same run.
type Variables interface {
	Object
	Scope() Scope
	// Soft says that a variable which cannot be evaluated, because something in it is undefined, stays as it is.
	Soft() bool
}

// Describer is an Object that says what it is called in errors: its type, and what is told of an element that is not there, "" for the usual words.
type Describer interface {
	TypeName() string
	Missing(key any) string
}

// Vars is a Scope of one map.
type Vars map[string]any

// Lookup finds a variable.
func (v Vars) Lookup(name string) (any, bool) { value, ok := v[name]; return value, ok }

// Names lists the variables.
func (v Vars) Names() []string {
	names := make([]string, 0, len(v))
	for name := range v {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Function is a filter, a test or a lookup of the caller's. For filters and tests the first argument is the value.
type Function func(ctx context.Context, args []any, named *py.Dict) (any, error)

// Options say where templates and lookups find things, and what they may cost.
type Options struct {
	// Search finds a file for lookups and templates: kind is "files", "templates" or "vars", name as written. It returns the path, or an error that is
	// fs.ErrNotExist. Without it, names are taken relative to Dir.
	Search func(kind, name string) (path string, err error)
	// Dir is the folder that relative names start from without Search.
	Dir string
	// ReadFile reads a file, decrypted; without it files are read as they are, and vaults with Vault.
	ReadFile func(path string) ([]byte, error)
	// Run carries out a command of the pipe lookup with /bin/sh.
	Run func(ctx context.Context, command string) (stdout, stderr []byte, code int, err error)
	// Getenv is for the env lookup and expandvars; without it os.Getenv.
	Getenv func(name string) (string, bool)
	// Within refuses paths that templates may not look at; nil allows all.
	Within func(path string) error
	// Allowed refuses lookups; nil allows all.
	Allowed func(lookup string) error
	// Get fetches for the url lookup.
	Get func(ctx context.Context, url string, options *py.Dict) ([]byte, error)
	// Hosts are the names that a pattern means, for inventory_hostnames.
	Hosts func(pattern string) ([]string, error)
	// Config is the value of a setting of Ansible's, for the config lookup.
	Config func(name string) (any, bool)
	// Vault has the passwords for the vault filters and lookups.
	Vault vault.Keys
	// Plugin finds a filter, test or lookup that is not built in: kind is "filter", "test" or "lookup".
	Plugin func(kind, name string) (Function, bool)
	// Warn is told what Ansible would warn about.
	Warn func(message string)
	// Now is the clock, without it time.Now.
	Now func() time.Time
	// Strict refuses conditions that are no booleans, as ansible-core 2.19 does.
	Strict bool

	// Native is jinja2_native: a lone expression keeps its type, whatever it is, and text that reads as a value of Python becomes that value.
	Native bool
	// Extensions are the names of jinja2_extensions that are on: jinja2.ext.do and jinja2.ext.loopcontrols; the others are always on or do nothing.
	Extensions []string

	// Steps, Output and Time bound one evaluation; zero means 5 million steps, 64 MiB and 30 seconds.
	Steps  int
	Output int
	Time   time.Duration
}

// Env evaluates templates. It keeps compiled ones, and may be used by several goroutines.
type Env struct {
	opt   Options
	cache *cache
}

// New makes an Env.
func New(opt Options) *Env {
	if opt.Steps == 0 {
		opt.Steps = 5_000_000
	}
	if opt.Output == 0 {
		opt.Output = 64 << 20
	}
	if opt.Time == 0 {
		opt.Time = 30 * time.Second
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Warn == nil {
		opt.Warn = func(string) {}
	}
	return &Env{opt: opt, cache: newCache()}
}

// With makes an Env with other options that shares the compiled templates; change gets a copy of the options.
func (e *Env) With(change func(*Options)) *Env {
	opt := e.opt
	change(&opt)
	return &Env{opt: opt, cache: e.cache}
}
