package engine

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"goodstate.dev/goodstate/core/inventory"
	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/core/vault"
	"goodstate.dev/goodstate/core/yaml11"
	"goodstate.dev/goodstate/drift/action"
	"goodstate.dev/goodstate/drift/jinja"
	"goodstate.dev/goodstate/drift/playbook"
)

// run is one run over all its playbooks.
type run struct {
	ctx    context.Context //nolint:containedctx // values of templates are resolved where no context comes along; it is the run's and ends with it
	opt    Options
	inv    *inventory.Inventory
	loader *playbook.Loader
	env    *jinja.Env
	extra  *py.Dict
	omit   string
	limit  []string
	only   map[string]bool
	base   string // folder of the playbook

	mu         sync.Mutex // over the inventory and what is worked out from it
	groupsDict any
	records    records
	scopes     map[string]*scope
	hosts      map[string]*connection
	files      map[string]any
	warned     map[string]bool

	stats       *Stats
	failed      map[string]bool
	unreachable map[string]bool
	startDone   bool
	step        bool
	dynamic     []func() // what add_host and group_by did, to do it again after a refresh
}

// Run carries the playbooks out and returns ansible-playbook's exit code. An error is what kept a playbook from being read or carried out at all.
func Run(ctx context.Context, opt Options) (int, *Stats, error) {
	r, err := prepare(ctx, opt)
	if err != nil {
		return 1, newStats(), err
	}
	defer r.close()
	code := Good
	for _, path := range opt.Playbooks {
		result, err := r.playbook(path)
		if err != nil {
			return 1, r.stats, err
		}
		if code = result; code != Good {
			break
		}
	}
	if opt.StartAt != "" && !r.startDone && !opt.Syntax {
		r.say(Event{Kind: Problem, Text: fmt.Sprintf("No matching task \"%s\" found. Note: --start-at-task can only follow static includes.", opt.StartAt)})
	}
	return code, r.stats, ctx.Err()
}

// prepare reads the inventory and makes what all plays share.
func prepare(ctx context.Context, opt Options) (*run, error) {
	if opt.Forks < 1 {
		opt.Forks = 5
	}
	if opt.Extra == nil {
		opt.Extra = py.NewDict()
	}
	r := &run{
		ctx: ctx, opt: opt, extra: opt.Extra, records: records{of: map[string]*record{}}, scopes: map[string]*scope{}, hosts: map[string]*connection{},
		files: map[string]any{}, warned: map[string]bool{}, stats: newStats(), failed: map[string]bool{}, unreachable: map[string]bool{}, step: opt.Step,
	}
	r.records.new = r.cached
	if len(opt.Only) > 0 {
		r.only = map[string]bool{}
		for _, name := range opt.Only {
			r.only[name] = true
		}
	}
	var token [20]byte
	if _, err := rand.Read(token[:]); err != nil {
		return nil, err
	}
	r.omit = "__omit_place_holder__" + hex.EncodeToString(token[:])
	r.base = "."
	if len(opt.Playbooks) > 0 {
		abs, err := filepath.Abs(opt.Playbooks[0])
		if err != nil {
			return nil, fmt.Errorf("playbook %s: %w", opt.Playbooks[0], err)
		}
		r.base = filepath.Dir(abs)
	}
	r.env = jinja.New(r.jinjaOptions())
	r.loader = &playbook.Loader{
		Node: r.node, Template: r.static, Knows: r.knows, Warn: r.warn, RolePaths: opt.Settings.RolePaths, CollectionPaths: opt.Settings.CollectionPaths, Extra: opt.Extra,
		Imported: func(path string) { r.say(Event{Kind: Imported, Text: path}) },
	}
	var err error
	if r.inv, err = inventory.Load(ctx, opt.Inventory, inventory.Options{Load: r.load, Decrypt: r.decrypt, Warn: r.warn}); err != nil {
		return nil, err
	}
	r.flushCache()
	return r, r.limits()
}

// limits checks that the limit leaves hosts.
func (r *run) limits() error {
	if r.opt.Limit == "" {
		if len(r.inv.Hosts()) == 0 && !r.opt.Syntax {
			r.warn("provided hosts list is empty, only localhost is available. Note that the implicit localhost does not match 'all'")
		}
		return nil
	}
	parts, err := inventory.SplitLimit(r.opt.Limit)
	if err != nil {
		return err
	}
	r.limit = parts
	hosts, err := r.inv.Select(parts)
	if err != nil {
		return err
	}
	if len(hosts) == 0 {
		return errors.New("Specified inventory, host pattern and/or --limit leaves us with no hosts to target.")
	}
	return nil
}

func (r *run) jinjaOptions() jinja.Options {
	o := jinja.Options{
		Dir: r.base, ReadFile: r.readFile, Vault: r.opt.Vault, Plugin: r.opt.Plugin, Warn: r.warn, Strict: r.opt.Settings.JinjaStrict,
		Hosts: func(pattern string) ([]string, error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			hosts, err := r.inv.Match(pattern)
			return names(hosts), err
		},
		Run: func(ctx context.Context, command string) (stdout, stderr []byte, code int, err error) {
			cmd := exec.CommandContext(ctx, "/bin/sh", "-c", command)
			cmd.Dir = r.base
			stdout, err = cmd.Output()
			var exit *exec.ExitError
			if errors.As(err, &exit) {
				return stdout, exit.Stderr, exit.ExitCode(), nil
			}
			return stdout, nil, 0, err
		},
	}
	r.opt.confine(&o)
	return o
}

func (r *run) knows(name string) bool {
	short := playbook.Short(name)
	if _, ok := action.Find(short); ok {
		return true
	}
	return r.opt.Knows == nil || r.opt.Knows(name)
}

// static resolves what stands in names of files and roles.
func (r *run) static(value any, vars ...*py.Dict) (any, error) {
	return r.env.Value(r.ctx, value, staticScope{r, vars})
}

// staticScope is what is known while playbooks are read: dicts of which the first wins, and what does not depend on a host.
type staticScope struct {
	r     *run
	dicts []*py.Dict
}

// Lookup finds a variable.
func (d staticScope) Lookup(name string) (any, bool) {
	for _, dict := range d.dicts {
		if dict == nil {
			continue
		}
		if v, ok := dict.Get(name); ok {
			return v, true
		}
	}
	return (&scope{r: d.r}).magic(name)
}

// Names lists the variables of the dicts.
func (d staticScope) Names() []string {
	var out []string
	for _, dict := range d.dicts {
		if dict == nil {
			continue
		}
		for k := range dict.All() {
			out = append(out, py.Str(k))
		}
	}
	return out
}

// readFile reads a file, decrypted.
func (r *run) readFile(path string) ([]byte, error) {
	if err := r.opt.within(path); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return r.decrypt(path, text)
}

func (r *run) decrypt(path string, text []byte) ([]byte, error) {
	if !vault.Is(text) {
		return text, nil
	}
	plain, _, err := r.opt.Vault.Decrypt(text)
	if errors.Is(err, vault.ErrNoPassword) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%w on %s", err, path)
	}
	r.opened(plain)
	return plain, nil
}

func (r *run) opened(plain []byte) {
	if r.opt.Opened != nil {
		r.opt.Opened(string(plain))
	}
}

func (r *run) yamlOptions() yaml11.Options {
	return yaml11.Options{Warn: r.warn, Open: func(cipher string) (string, error) {
		plain, _, err := r.opt.Vault.Decrypt([]byte(cipher))
		if err == nil {
			r.opened(plain)
		}
		return string(plain), err
	}}
}

func (r *run) node(path string) (*yaml11.Node, error) {
	text, err := r.readFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, notFound(path)
	}
	if err != nil {
		return nil, err
	}
	return yaml11.LoadNode(path, text, r.yamlOptions())
}

func notFound(path string) error {
	return &missing{path}
}

// missing is a file of the controller that is not there.
type missing struct{ path string }

func (m *missing) Is(target error) bool { return target == os.ErrNotExist }

func (m *missing) Error() string {
	return fmt.Sprintf("Could not find or access '%s' on the Ansible Controller.\nIf you are using a module and expect the file to exist on the remote, see the remote_src option", m.path)
}

// load reads a file of values, once.
func (r *run) load(path string) (any, error) {
	r.mu.Lock()
	known, ok := r.files[path]
	r.mu.Unlock()
	if ok {
		return known, nil
	}
	n, err := r.node(path)
	if err != nil || n == nil {
		return nil, err
	}
	value, err := n.Value()
	if err == nil {
		r.mu.Lock()
		r.files[path] = value
		r.mu.Unlock()
	}
	return value, err
}

func (r *run) say(e Event) {
	if r.opt.Report != nil {
		r.opt.Report.Event(e)
	}
}

// warn says each warning once.
func (r *run) warn(text string) {
	r.mu.Lock()
	known := r.warned[text]
	r.warned[text] = true
	r.mu.Unlock()
	if !known {
		r.say(Event{Kind: Warning, Text: text})
	}
}

func (r *run) groups() any {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.groupsDict == nil {
		d := py.NewDict()
		members := r.inv.Members()
		for _, g := range r.inv.Groups() {
			d.Set(g.Name, members[g.Name])
		}
		r.groupsDict = d
	}
	return r.groupsDict
}

// changed is called after the inventory has changed.
func (r *run) inventoryChanged() {
	r.inv.Reconcile()
	r.groupsDict = nil
	r.scopes = map[string]*scope{}
}

func (r *run) host(name string) (*inventory.Host, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inv.Host(name)
}

func (r *run) allHosts() []*inventory.Host {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]*inventory.Host{}, r.inv.Hosts()...)
}

// hostScope is what hostvars shows of a host.
func (r *run) hostScope(h *inventory.Host) (*scope, error) {
	r.mu.Lock()
	known := r.scopes[h.Name]
	r.mu.Unlock()
	if known != nil {
		return known, nil
	}
	layers, err := r.layers(h, r.base)
	if err != nil {
		return nil, err
	}
	s := &scope{r: r, host: h, record: r.records.host(h.Name), layers: layers, roles: noRole}
	r.mu.Lock()
	r.scopes[h.Name] = s
	r.mu.Unlock()
	return s, nil
}

func (r *run) layers(h *inventory.Host, dirs ...string) (inventory.Layers, error) {
	// Files are read under a lock of their own, which load takes.
	layering.Lock()
	defer layering.Unlock()
	return r.inv.Layers(h, dirs...)
}

var layering sync.Mutex

func (r *run) dir(p *playRun) string {
	if p != nil {
		return p.play.Dir
	}
	return r.base
}

func (r *run) python() any {
	if path, err := exec.LookPath("python3"); err == nil {
		return path
	}
	return "/usr/bin/python3"
}

func (r *run) close() {
	for _, c := range r.hosts {
		c.close()
	}
}
