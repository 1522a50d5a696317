package drift

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/core/remote"
	"goodstate.dev/goodstate/core/vault"
	"goodstate.dev/goodstate/drift/engine"
	"goodstate.dev/goodstate/drift/fallback"
	"goodstate.dev/goodstate/drift/jinja"
	"goodstate.dev/goodstate/drift/record"
	"goodstate.dev/goodstate/drift/settings"
)

// source is where a run has its playbook from.
type source struct {
	Commit string `json:"commit,omitempty"` // empty: as it is in its folder
	Why    string `json:"why,omitempty"`
}

// play is a playbook made ready for the engine.
type play struct {
	name    string
	conf    Playbook
	root    string // files are known by their path from here
	opt     engine.Options
	ansible *fallback.Ansible
	remove  string // a checkout
}

// play makes a playbook ready. The caller closes it.
func (d *Drift) play(ctx context.Context, o Order, from source) (*play, error) {
	conf, err := d.playbook(o.Playbook)
	if err != nil {
		return nil, err
	}
	p := &play{name: o.Playbook, conf: conf, root: d.Base}
	if from.Commit != "" {
		if err := d.checkout(ctx, p, from.Commit); err != nil {
			return nil, errors.Join(err, p.close())
		}
	}
	if err := d.options(ctx, p); err != nil {
		return nil, errors.Join(fmt.Errorf("playbook %s: %w", o.Playbook, err), p.close())
	}
	return p, nil
}

func (p *play) close() error {
	var errs []error
	if p.ansible != nil {
		errs = append(errs, p.ansible.Close())
	}
	if p.remove != "" {
		errs = append(errs, os.RemoveAll(p.remove))
	}
	return errors.Join(errs...)
}

// options are the engine's, from goodstate.yaml and the ansible.cfg beside it.
func (d *Drift) options(ctx context.Context, p *play) error {
	s, err := settings.Load(d.environment(p.root))
	if err != nil {
		return err
	}
	c := p.conf
	p.opt = engine.Options{
		Playbooks: []string{c.File}, Inventory: c.Inventory, Limit: c.Limit, Tags: orList(c.Tags, s.Tags), SkipTags: orList(c.SkipTags, s.SkipTags), Diff: true, Forks: c.Shard,
		Connection: s.Connection, RemoteUser: orText(c.User, s.RemoteUser), KeyFile: orText(c.Key, s.KeyFile), BecomeMethod: s.BecomeMethod, BecomeUser: s.BecomeUser,
		Become: c.Become || s.Become, Timeout: s.Timeout, Settings: s.Engine, Fingerprint: d.Book.Fingerprint, Console: silent{},
	}
	if len(p.opt.Inventory) == 0 {
		p.opt.Inventory = s.Inventory
	}
	if p.opt.Extra, err = variables(c.Vars); err != nil {
		return err
	}
	if err := d.passwords(ctx, c.Passwords, &p.opt); err != nil {
		return err
	}
	p.ansible = fallback.New(fallback.Options{Bases: []string{filepath.Dir(c.File)}, Roles: s.Engine.RolePaths, Collections: s.Engine.CollectionPaths, Library: s.Library})
	p.opt.Knows, p.opt.Fallback, p.opt.Python = p.ansible.Knows, p.ansible.Call, p.ansible.Python
	p.opt.Plugin = func(kind, name string) (jinja.Function, bool) {
		f, ok := p.ansible.Plugin(kind, name)
		return f, ok
	}
	password := p.opt.ConnectionPassword
	dialer := &engine.Dialer{Settings: p.opt.Settings, Keys: &remote.Keys{}, Ask: func(_ context.Context, q remote.Question) (string, error) {
		if q.Kind != remote.AskPassphrase && password != "" && q.Try == 0 {
			return password, nil
		}
		return "", remote.ErrNoAnswer
	}}
	p.opt.Connect = d.pool.connect(p.name, dialer.Connect)
	return nil
}

// environment is what ansible.cfg and the variables of Ansible say: the file beside goodstate.yaml counts, whatever folder the process was started in.
func (d *Drift) environment(root string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		if name != "ANSIBLE_CONFIG" {
			return os.LookupEnv(name)
		}
		own := filepath.Join(root, "ansible.cfg")
		if _, err := os.Stat(own); err != nil {
			return os.DevNull, true
		}
		return own, true
	}
}

func variables(vars map[string]any) (*py.Dict, error) {
	if len(vars) == 0 {
		return py.NewDict(), nil
	}
	text, err := json.Marshal(vars)
	if err != nil {
		return nil, fmt.Errorf("vars: %w", err)
	}
	v, err := py.FromJSON(text, false)
	if err != nil {
		return nil, fmt.Errorf("vars: %w", err)
	}
	dict, ok := v.(*py.Dict)
	if !ok {
		return nil, fmt.Errorf("vars are %T, want names with values", v)
	}
	return dict, nil
}

func (d *Drift) passwords(ctx context.Context, c Passwords, opt *engine.Options) (err error) {
	if !c.Login.IsZero() {
		if opt.ConnectionPassword, err = d.Secret(ctx, c.Login.Name()); err != nil {
			return err
		}
	}
	if !c.Become.IsZero() {
		if opt.BecomePassword, err = d.Secret(ctx, c.Become.Name()); err != nil {
			return err
		}
	}
	for id, secret := range c.Vault.All() {
		value, err := d.Secret(ctx, secret.Name())
		if err != nil {
			return err
		}
		opt.Vault = append(opt.Vault, vault.Secret{ID: id, Password: []byte(value)})
	}
	return nil
}

// record begins to write down what a shard or a group of the run says.
func (d *Drift) record(ctx context.Context, p *play, id, who, why string, mode record.Mode, again bool) (*record.Recorder, error) {
	return d.Book.Begin(ctx, record.Start{
		ID: id, Playbook: p.name, Mode: mode, Who: who, Why: why, Partial: len(p.opt.Tags)+len(p.opt.SkipTags) > 0, Shard: true, Again: again, Root: p.root,
	})
}

// carry lets the engine go over some hosts, and the record hear of it.
func carry(ctx context.Context, p *play, rec *record.Recorder, only []string, check bool, hold func(engine.Want) bool) error {
	opt := p.opt
	opt.Only, opt.Check, opt.Hold, opt.Report, opt.Opened = only, check, hold, rec, rec.Opened
	_, _, failure := engine.Run(ctx, opt)
	return errors.Join(failure, rec.Close(failure))
}

// silent is who sits before a run: nobody.
type silent struct{}

// Display shows nothing.
func (silent) Display(string) {}

// Warn tells nobody.
func (silent) Warn(string) {}

// Interactive is false.
func (silent) Interactive() bool { return false }

// Ask has no answer.
func (silent) Ask(context.Context, string, bool) (answer string, ok bool, err error) {
	return "", false, nil
}

func orText(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func orList(a, b []string) []string {
	if len(a) > 0 {
		return a
	}
	return b
}
