package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"goodstate.dev/goodstate/core/inventory"
	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/drift/action"
	"goodstate.dev/goodstate/drift/agent"
	"goodstate.dev/goodstate/drift/playbook"
)

// connection is a host that is opened when it is needed for the first time.
type connection struct {
	mu   sync.Mutex
	host Host
}

func (c *connection) open(ctx context.Context, t Target, connect func(context.Context, Target) (Host, error)) (Host, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.host == nil {
		h, err := connect(ctx, t)
		var none *noConnection
		if errors.As(err, &none) {
			return nil, &plainError{none}
		}
		if err != nil {
			return nil, &action.Unreachable{Err: err}
		}
		c.host = h
	}
	return c.host, nil
}

func (c *connection) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.host != nil {
		_ = c.host.Close() // nothing is left to be done on it
		c.host = nil
	}
}

// reset ends the connection for good, where a host might keep it beyond Close.
func (c *connection) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if kept, ok := c.host.(interface{ Discard() error }); ok {
		_ = kept.Discard() // it is not wanted any more
		c.host = nil
		return
	}
	if c.host != nil {
		_ = c.host.Close() // nothing is left to be done on it
		c.host = nil
	}
}

// reach is the host of a task as its actions see it.
type reach struct {
	e      *executor
	s      *scope // whose variables say how it is reached: those of the host that is delegated to
	target Target
	become *agent.Become
	env    map[string]string
	python string
	async  time.Duration
	sent   []string // hashes of the contents that were offered
}

// remote works out where and as whom the task runs.
func (e *executor) remote(s *scope) (*reach, error) {
	r := &reach{e: e, s: s}
	host := e.host
	if e.fields.delegate != "" {
		var err error
		if r.s, host, err = e.delegated(s); err != nil {
			return nil, err
		}
	}
	if err := r.where(host); err != nil {
		return nil, err
	}
	if e.fields.delegate != "" {
		e.fields.address = r.target.Address
	}
	if err := r.whom(); err != nil {
		return nil, err
	}
	if err := r.environment(s); err != nil {
		return nil, err
	}
	limit, err := e.number(e.task.Async, s, "async", 0)
	r.async = time.Duration(limit) * time.Second
	return r, err
}

// delegated is the scope of the host that does the task for another one: connection variables are its own, all else stays.
func (e *executor) delegated(s *scope) (*scope, *inventory.Host, error) {
	name := e.fields.delegate
	host, ok := e.p.r.host(name)
	if !ok {
		host = &inventory.Host{Name: name, Vars: py.NewDict()}
	}
	own, err := e.p.hostScope(host, nil)
	if err != nil {
		return nil, nil, err
	}
	c := *own
	c.task, c.roles, c.local = s.task, s.roles, s.local
	return &c, host, nil
}

// text resolves a variable to text.
func (r *reach) text(names ...string) (string, bool, error) {
	for _, name := range names {
		raw, ok := r.s.set(name)
		if !ok || raw == nil {
			continue
		}
		v, err := r.e.env().Value(r.e.p.r.ctx, raw, r.s)
		if err != nil {
			return "", false, r.e.undefined(err)
		}
		if v == nil || v == r.e.p.r.omit {
			continue
		}
		return py.Str(v), true, nil
	}
	return "", false, nil
}

// keyword resolves a keyword of the task to text.
func (r *reach) keyword(value any) (string, bool, error) {
	if value == nil {
		return "", false, nil
	}
	v, err := r.e.env().Value(r.e.p.r.ctx, value, r.s)
	if err != nil {
		return "", false, r.e.undefined(err)
	}
	if v == nil || v == r.e.p.r.omit {
		return "", false, nil
	}
	return py.Str(v), true, nil
}

// first takes a variable, then a keyword, then what the command line says.
func (r *reach) first(keyword any, otherwise string, names ...string) (string, error) {
	if v, ok, err := r.text(names...); ok || err != nil {
		return v, err
	}
	if v, ok, err := r.keyword(keyword); ok || err != nil {
		return v, err
	}
	return otherwise, nil
}

func (r *reach) where(host *inventory.Host) error {
	t, o := r.e.task, &r.e.p.r.opt
	r.target = Target{Name: host.Name, Address: host.Name, Timeout: time.Duration(o.Timeout) * time.Second}
	connection := t.Connection
	if r.e.fields.delegate != "" {
		connection = nil // a keyword is about the play's own hosts
	}
	var port string
	var all error
	get := func(into *string, keyword any, otherwise string, names ...string) {
		v, err := r.first(keyword, otherwise, names...)
		if err != nil && all == nil {
			all = err
		}
		*into = v
	}
	otherwise := o.Connection
	if otherwise == "" || otherwise == "smart" {
		otherwise = "ssh"
	}
	if host.Implicit || r.e.fields.delegate != "" && isLocal(host.Name) {
		otherwise = "local"
	}
	get(&r.target.Connection, connection, otherwise, "ansible_connection")
	r.target.Connection = playbook.Short(r.target.Connection)
	if r.target.Connection == "smart" {
		r.target.Connection = "ssh"
	}
	get(&r.target.Address, nil, host.Name, "ansible_host", "ansible_ssh_host")
	get(&port, t.Port, "", "ansible_port", "ansible_ssh_port")
	get(&r.target.User, t.RemoteUser, o.RemoteUser, "ansible_user", "ansible_ssh_user")
	get(&r.target.Password, nil, o.ConnectionPassword, "ansible_password", "ansible_ssh_password", "ansible_ssh_pass")
	get(&r.target.KeyFile, nil, o.KeyFile, "ansible_private_key_file", "ansible_ssh_private_key_file")
	get(&r.python, nil, o.Settings.Interpreter, "ansible_python_interpreter")
	if all != nil {
		return all
	}
	if port != "" {
		n, err := strconv.Atoi(port)
		if err != nil {
			return fmt.Errorf("port of %s is %q, want a number", host.Name, port)
		}
		r.target.Port = n
	}
	r.target.Var = func(name string) (string, bool) {
		v, ok, err := r.text(name)
		return v, ok && err == nil
	}
	return nil
}

func isLocal(name string) bool { return name == "localhost" || name == "127.0.0.1" || name == "::1" }

// whom works out the user that a task becomes.
func (r *reach) whom() error {
	t, o := r.e.task, &r.e.p.r.opt
	if r.e.info.local && !needsHost(r.e.task.Short()) {
		return nil
	}
	v, ok, err := r.text("ansible_become")
	if err != nil {
		return err
	}
	var yes bool
	if ok {
		yes, _ = action.Bool(v)
	} else if yes, err = r.e.p.flagIn(t.Become, o.Become, "become", r.s); err != nil {
		return err
	}
	if !yes {
		return nil
	}
	b := &agent.Become{}
	method := orElse(o.BecomeMethod, "sudo")
	if b.Method, err = r.first(t.BecomeMethod, method, "ansible_become_method"); err != nil {
		return err
	}
	b.Method = playbook.Short(b.Method)
	for _, field := range []struct {
		into      *string
		keyword   any
		otherwise string
		name      string
	}{
		{&b.User, t.BecomeUser, orElse(o.BecomeUser, "root"), "user"},
		{&b.Flags, t.BecomeFlags, "", "flags"},
		{&b.Exe, t.BecomeExe, "", "exe"},
		{&b.Password, nil, o.BecomePassword, "password"},
	} {
		keys := []string{"ansible_become_" + field.name, "ansible_" + b.Method + "_" + field.name}
		if field.name == "password" {
			keys = append(keys, "ansible_become_pass", "ansible_"+b.Method+"_pass")
		}
		if *field.into, err = r.first(field.keyword, field.otherwise, keys...); err != nil {
			return err
		}
	}
	r.become = b
	return nil
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// needsHost is false for actions that never speak with the host.
func needsHost(name string) bool {
	switch name {
	case "debug", "assert", "fail", "set_fact", "include_vars", "add_host", "group_by", "set_stats", "pause", "validate_argument_spec":
		return false
	}
	return true
}

// environment resolves the environment of the task.
func (r *reach) environment(s *scope) error {
	if len(r.e.task.Environment) == 0 {
		return nil
	}
	r.env = map[string]string{}
	for _, item := range r.e.task.Environment {
		if item == nil {
			continue
		}
		v, err := r.e.env().Value(r.e.p.r.ctx, item, s)
		if err != nil {
			if gathering(r.e.task) && strings.Contains(err.Error(), "ansible_env") {
				continue // facts are being gathered for it
			}
			return inField("environment", err)
		}
		if v == r.e.p.r.omit || v == nil {
			continue
		}
		for _, one := range itemsOf(v) {
			d, ok := one.(*py.Dict)
			if !ok {
				return fmt.Errorf("environment must be a dictionary, received %s (%T)", py.Str(one), one)
			}
			for k, value := range d.All() {
				if value != r.e.p.r.omit {
					r.env[py.Str(k)] = py.Str(value)
				}
			}
		}
	}
	return nil
}

func gathering(t *playbook.Task) bool { return t.Short() == "setup" || t.Short() == "gather_facts" }

// Module runs a module for an action.
func (r *reach) Module(ctx context.Context, name string, args *py.Dict, blobs ...action.Blob) (*py.Dict, error) {
	return r.call(ctx, name, args, blobs, 0)
}

// task runs the module of the task itself, in the background where the task says so.
func (r *reach) task(ctx context.Context, name string, args *py.Dict) (*py.Dict, error) {
	return r.call(ctx, name, args, nil, r.async)
}

func (r *reach) call(ctx context.Context, name string, args *py.Dict, blobs []action.Blob, async time.Duration) (*py.Dict, error) {
	host, err := r.connect(ctx)
	if err != nil {
		return nil, err
	}
	text, err := py.ToJSON(args)
	if err != nil {
		return nil, fmt.Errorf("arguments of %s: %w", name, err)
	}
	call := agent.Call{
		Module: name, Args: text, Check: r.e.fields.check, Diff: r.e.fields.diff, NoLog: r.e.fields.noLog, Verbosity: r.e.p.r.opt.Verbosity, Env: r.env, Become: r.become,
	}
	for _, b := range blobs {
		call.Blobs = append(call.Blobs, agent.Blob(b))
		if !slices.Contains(r.sent, b.Hash) { // a try after the first offers it again
			r.sent = append(r.sent, b.Hash)
		}
	}
	if async > 0 {
		call.Async = &agent.Async{ID: jobID(), Seconds: int(async.Seconds()), Dir: py.Str(r.e.asyncDir(r.s))}
	}
	if r.e.p.r.opt.Fallback != nil {
		if err := r.e.p.r.opt.Fallback(ctx, name, r.python, &call); err != nil {
			return nil, err
		}
	}
	answer, err := host.Do(ctx, call)
	if err != nil {
		return nil, r.unreachable(err)
	}
	res, err := result(name, answer)
	if err != nil || r.e.p.r.opt.Python == nil || call.Python != nil || !notNative(res) {
		return res, err
	}
	if err := r.e.p.r.opt.Python(ctx, name, r.python, &call); err != nil {
		res.Set("hint", py.Unsafe("it could run as the module in Python, but: "+err.Error()))
		return res, nil
	}
	if answer, err = host.Do(ctx, call); err != nil {
		return nil, r.unreachable(err)
	}
	return result(name, answer)
}

// notNative says that a native module did nothing, because it does not know what it was told to do.
func notNative(res *py.Dict) bool {
	said, ok := res.Get("not_native")
	return ok && said == true
}

// unreachable tells a host that does not answer from an account that cannot be changed to, which is a failure.
func (r *reach) unreachable(err error) error {
	var become *agent.BecomeError
	if errors.As(err, &become) || r.e.p.r.ctx.Err() != nil {
		return err
	}
	return &action.Unreachable{Err: err}
}

// jobID names a job in the background as Ansible does.
func jobID() string {
	return "j" + strconv.FormatInt(rand.Int64N(1e12), 10) + "." + strconv.Itoa(os.Getpid())
}

// result reads what a module said. Its text is never a template.
func result(name string, answer json.RawMessage) (*py.Dict, error) {
	v, err := py.FromJSON(answer, true)
	if err != nil {
		return nil, fmt.Errorf("result of %s: %w", name, err)
	}
	d, ok := v.(*py.Dict)
	if !ok {
		return nil, fmt.Errorf("result of %s is %T, want a dictionary", name, v)
	}
	return d, nil
}

// connect opens the host, once for each way of reaching it.
func (r *reach) connect(ctx context.Context) (Host, error) {
	if r.e.p.r.opt.Connect == nil {
		return nil, &action.Unreachable{Err: fmt.Errorf("no connection to %s", r.target.Name)}
	}
	return r.connection().open(ctx, r.target, r.e.p.r.opt.Connect)
}

func (r *reach) connection() *connection {
	key := strings.Join([]string{r.target.Name, r.target.Connection, r.target.Address, strconv.Itoa(r.target.Port), r.target.User, r.target.KeyFile}, "\x00")
	run := r.e.p.r
	run.mu.Lock()
	defer run.mu.Unlock()
	c := run.hosts[key]
	if c == nil {
		c = &connection{}
		run.hosts[key] = c
	}
	return c
}

// Reset closes the connection.
func (r *reach) Reset(context.Context) error {
	r.connection().reset()
	return nil
}

func statFile(path string) (os.FileInfo, error) { return os.Stat(path) }
