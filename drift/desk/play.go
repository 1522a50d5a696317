package desk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/core/remote"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/core/vault"
	"goodstate.dev/goodstate/drift/engine"
	"goodstate.dev/goodstate/drift/fallback"
	"goodstate.dev/goodstate/drift/jinja"
	"goodstate.dev/goodstate/drift/settings"
)

// Outcome is what a run came to.
type Outcome struct {
	Code   int                     `json:"code"` // ansible-playbook's exit code
	Hosts  map[string]engine.Count `json:"hosts"`
	Failed []string                `json:"failed,omitempty"` // hosts that failed or could not be reached
}

// OutcomeOf reads the outcome of a run; it is empty while the run is under way.
func OutcomeOf(info run.Info) (o Outcome, err error) {
	if len(info.Result) == 0 || string(info.Result) == "null" {
		return o, nil
	}
	if err := json.Unmarshal(info.Result, &o); err != nil {
		return o, fmt.Errorf("outcome of run %s: %w", info.ID, err)
	}
	return o, nil
}

// play carries an order out. Playbooks say how things are to be, so one that was interrupted is carried out again from its beginning.
func (d *Desk) play(r *run.Run, o Order) (Outcome, error) {
	out, err := run.Step(r, "play", func(ctx context.Context) (Outcome, error) {
		n, err := d.forget(ctx, r.ID())
		if err != nil {
			return Outcome{}, err
		}
		what := "is carried out"
		if o.Check {
			what = "is checked, nothing is changed"
		}
		if n > 0 {
			what += ", again from its beginning: it was interrupted"
		}
		if err := r.Journal(ctx, "play-begun", fmt.Sprintf("%s of project %s at %.12s %s", o.Template.Playbook, o.Template.Project, o.Commit, what), nil); err != nil {
			return Outcome{}, err
		}
		return d.carry(ctx, r, o)
	})
	if err != nil {
		return out, err
	}
	if out.Code != engine.Good {
		return out, fmt.Errorf("%s: %s; what happened: goodstate template results %s", failedHosts(out), words(out.Code), r.ID())
	}
	return out, nil
}

func words(code int) string {
	switch {
	case code&engine.Unreachable != 0:
		return "not all hosts could be reached"
	case code&engine.Failed != 0:
		return "tasks failed"
	}
	return fmt.Sprintf("the playbook ended with code %d", code)
}

func failedHosts(o Outcome) string {
	const shown = 5
	names := o.Failed
	if len(names) > shown {
		names = append(names[:shown:shown], "...")
	}
	return fmt.Sprintf("%d of %d hosts (%s)", len(o.Failed), len(o.Hosts), strings.Join(names, ", "))
}

// carry runs the engine in a checkout of its own.
func (d *Desk) carry(ctx context.Context, r *run.Run, o Order) (out Outcome, err error) {
	p, err := d.Project(ctx, o.Template.Project)
	if err != nil {
		return out, err
	}
	dir, err := d.checkout(ctx, p.Name, o.Commit)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	opt, secrets, err := d.options(ctx, p, o, dir)
	if err != nil {
		return out, err
	}
	hide := secrets.hide()
	rec := newRecorder(d, r, hide)
	files := filepath.Join(dir, "files")
	saw, err := d.sight(ctx, r, o, files, secrets)
	if err != nil {
		return out, err
	}
	opt.Report, opt.Console, opt.Fingerprint, opt.Opened = both{rec, saw}, nobody{rec}, d.fingerprint(files), saw.Opened
	ansible := fallback.New(plugins(p, opt))
	opt.Knows, opt.Fallback, opt.Python = ansible.Knows, ansible.Call, ansible.Python
	if p.Local { // plugins are programs that run on the controller
		opt.Plugin = func(kind, name string) (jinja.Function, bool) {
			f, ok := ansible.Plugin(kind, name)
			return f, ok
		}
	}
	stop := rec.begin(ctx)
	code, stats, failure := engine.Run(ctx, opt)
	if failure != nil {
		failure = errors.New(hide(strings.ReplaceAll(failure.Error(), files+"/", "")))
	}
	if err := errors.Join(failure, ansible.Close(), stop(), saw.Close(failure)); err != nil {
		return out, err
	}
	out = Outcome{Code: code, Hosts: map[string]engine.Count{}}
	for _, h := range stats.Hosts() {
		c := stats.Count(h)
		out.Hosts[h] = c
		if c.Failed > 0 || c.Unreachable > 0 {
			out.Failed = append(out.Failed, h)
		}
	}
	return out, nil
}

// plugins say where modules in Python come from: of a project that may not use the controller nothing of its own counts, only the Ansible that is installed.
func plugins(p Project, opt engine.Options) fallback.Options {
	if p.Local {
		return fallback.Options{Bases: []string{filepath.Dir(opt.Playbooks[0])}, Collections: opt.Settings.CollectionPaths}
	}
	return fallback.Options{Library: []string{}, ModuleUtils: []string{}}
}

// options are the engine's for an order, and the secrets of the run.
func (d *Desk) options(ctx context.Context, p Project, o Order, dir string) (opt engine.Options, s *secrets, err error) {
	files := filepath.Join(dir, "files")
	t := o.Template
	// Nobody's ansible.cfg counts: not the account's, and the project's could name programs and turn the checking of host keys off.
	set, err := settings.Load(func(name string) (string, bool) { return os.DevNull, name == "ANSIBLE_CONFIG" })
	if err != nil {
		return opt, nil, err
	}
	opt = engine.Options{
		Tags: t.Tags, SkipTags: t.SkipTags, Limit: o.Limit, Check: o.Check, Diff: true, Forks: t.Forks, Become: t.Become, Connection: "ssh", Settings: set.Engine,
		BecomeMethod: set.BecomeMethod, BecomeUser: set.BecomeUser, Timeout: set.Timeout,
	}
	opt.Settings.RolePaths = []string{filepath.Join(files, "roles")}
	opt.Settings.CollectionPaths = []string{filepath.Join(files, "collections")}
	path, err := inside(files, t.Playbook)
	if err != nil {
		return opt, nil, fmt.Errorf("playbook %w", err)
	}
	opt.Playbooks = []string{path}
	if !p.Local {
		if opt.Inside, err = filepath.EvalSymlinks(dir); err != nil {
			return opt, nil, err
		}
	}
	inv, err := d.Inventory(ctx, p.Name, t.Inventory)
	if err != nil {
		return opt, nil, err
	}
	source, err := inv.source(p, dir, files)
	if err != nil {
		return opt, nil, err
	}
	opt.Inventory = []string{source}
	s = &secrets{}
	if opt.Extra, err = d.extra(o, s); err != nil {
		return opt, nil, err
	}
	dialer := &engine.Dialer{Keys: &remote.Keys{}, Remote: !p.Local}
	if err := d.credentials(ctx, t, &opt, dialer, s); err != nil {
		return opt, nil, err
	}
	if p.KnownHosts != "" {
		known := filepath.Join(dir, "known_hosts")
		if err := os.WriteFile(known, []byte(strings.ReplaceAll(p.KnownHosts, "\r\n", "\n")+"\n"), 0o600); err != nil {
			return opt, nil, err
		}
		opt.Settings.SSHArgs = append(opt.Settings.SSHArgs, "-o", "UserKnownHostsFile="+known, "-o", "GlobalKnownHostsFile=none")
	}
	dialer.Settings, dialer.Ask = opt.Settings, s.ask
	opt.Connect = dialer.Connect
	return opt, s, nil
}

// extra are the extra variables: those of the template, and the answers of the survey, which are data and never templates.
func (d *Desk) extra(o Order, s *secrets) (*py.Dict, error) {
	all, err := o.Template.vars()
	if err != nil {
		return nil, err
	}
	open, err := json.Marshal(o.Answers)
	if err != nil {
		return nil, err
	}
	texts := [][]byte{open}
	if len(o.Hidden) > 0 {
		text, err := d.box.Open(place("answers", o.SealedAs), o.Hidden)
		if err != nil {
			return nil, fmt.Errorf("answers to the survey: %w", err)
		}
		texts = append(texts, text)
		hidden := map[string]string{}
		if err := json.Unmarshal(text, &hidden); err != nil {
			return nil, errors.New("answers to the survey: the hidden ones cannot be read")
		}
		for _, v := range hidden {
			s.values = append(s.values, v)
		}
	}
	for _, text := range texts {
		v, err := py.FromJSON(text, true)
		if err != nil {
			return nil, errors.New("answers to the survey cannot be read")
		}
		if given, ok := v.(*py.Dict); ok {
			for k, v := range given.All() {
				all.Set(k, v)
			}
		}
	}
	return all, nil
}

// credentials hands the values of a template's credentials to the connections.
func (d *Desk) credentials(ctx context.Context, t Template, opt *engine.Options, dialer *engine.Dialer, s *secrets) error {
	for _, name := range t.Credentials {
		c, err := find[Credential](ctx, d, kindCredential, t.Project, name)
		if err != nil {
			return err
		}
		v, err := d.values(ctx, t.Project, name)
		if err != nil {
			return err
		}
		for _, value := range v.fields() {
			s.values = append(s.values, *value)
		}
		if v.Key != "" {
			var signer ssh.Signer
			if signer, err = v.signer(); err != nil {
				return fmt.Errorf("credential %s: %w", name, err)
			}
			dialer.Signers = append(dialer.Signers, signer)
		}
		if v.Password != "" {
			s.password, opt.ConnectionPassword = v.Password, v.Password
		}
		if v.BecomePass != "" {
			opt.BecomePassword = v.BecomePass
		}
		if v.VaultPass != "" {
			opt.Vault = append(opt.Vault, vault.Secret{ID: c.VaultID, Password: []byte(v.VaultPass)})
		}
		if c.User != "" {
			opt.RemoteUser = c.User
		}
		if c.Become != "" {
			opt.BecomeUser = c.Become
		}
	}
	return nil
}
