package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"goodstate.dev/goodstate/app"
	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/drift"
	"goodstate.dev/goodstate/drift/record"
	"goodstate.dev/goodstate/drift/state"
)

// DriftOutcome is what was found of what was planted, measured.
type DriftOutcome struct {
	Hosts     int      `json:"hosts"`
	Real      bool     `json:"real_hosts"`    // with sshds; else folders
	Planted   int      `json:"planted"`       // differences on hosts
	Found     int      `json:"found"`         // of those
	Claimed   int      `json:"falsely_found"` // differences that nobody planted
	Entries   int      `json:"entries"`       // after equal ones were folded
	Unchecked int      `json:"cannot_be_checked"`
	Automatic int      `json:"corrected_automatically"`
	Approved  int      `json:"corrected_when_approved"`
	Ignored   string   `json:"ignored"` // the reason
	Missed    []string `json:"missed,omitempty"`
	Wrong     []string `json:"wrong,omitempty"`
	Page      int      `json:"page_bytes"`
	Detect    float64  `json:"detect_seconds"`
	Seconds   float64  `json:"seconds"`
	Problem   string   `json:"problem,omitempty"`
}

const (
	driftName   = "site"
	driftReason = "load test until Friday"
	driftWho    = "demo"
)

// driftConfig is what a user would write: the greeting is corrected when somebody agrees, everything else by itself as long as few hosts differ.
const driftConfig = `data: data
server: {listen: "127.0.0.1:0"}
services: {}
drift:
  playbooks:
    site:
      file: site.yml
      inventory: [hosts.ini]
      cap: {at_once: 2, share: 35%}
      policy:
        - {task: the greeting, do: ask}
`

// fate is what becomes of a planted difference.
type fate int

const (
	corrected fate = iota // by itself, under the cap
	asked                 // when an approver agrees
	stays                 // for a reason
)

// planted is what somebody does behind the tool's back.
type planted struct {
	task, what string
	hosts      []string
	fate       fate
	do         func(ctx context.Context, host string) error
}

// driftHosts are the hosts of the demo.
type driftHosts struct {
	what      string // they are
	names     []string
	inventory string
	playbook  string
	plants    []planted
	end       func() error
}

// driftYard is the folder of the demo with its hosts and its goodstate.
type driftYard struct {
	*driftHosts
	o       Options
	dir     string
	a       *app.App
	address string // of the pages
	word    string // password of the pages' user
}

// Drift shows hosts that are changed behind the tool's back, what is found, and what is done about it. The error says why it did not come out as it should.
func Drift(ctx context.Context, o Options) (out DriftOutcome, err error) {
	began := time.Now()
	dir, err := os.MkdirTemp("", "goodstate-demo-")
	if err != nil {
		return out, fmt.Errorf("folder of the demo: %w", err)
	}
	y := &driftYard{o: o, dir: dir, word: rand.Text()[:16]}
	defer func() { err = errors.Join(err, y.tidy()) }()
	if err := y.lay(ctx, &out); err != nil {
		return out, err
	}
	err = y.show(ctx, &out)
	out.Seconds = time.Since(began).Seconds()
	return out, err
}

// lay makes the hosts and opens a goodstate that knows them.
func (y *driftYard) lay(ctx context.Context, out *DriftOutcome) (err error) {
	if y.driftHosts, err = machines(ctx, y.dir); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		y.o.Say("hosts are folders; real ones with sshd: " + err.Error())
		y.driftHosts, err = folders(y.dir)
	} else {
		out.Real = true
	}
	if err != nil {
		return fmt.Errorf("hosts of the demo: %w", err)
	}
	out.Hosts = len(y.names)
	path := filepath.Join(y.dir, app.ConfigName)
	for name, text := range map[string]string{path: driftConfig, filepath.Join(y.dir, "hosts.ini"): y.inventory, filepath.Join(y.dir, "site.yml"): y.playbook} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			return fmt.Errorf("files of the demo: %w", err)
		}
	}
	conf, err := app.Load(path)
	if err != nil {
		return err
	}
	if y.a, err = app.Open(ctx, app.Options{Config: conf, Base: y.dir, Self: y.o.Self, Log: y.o.Log}); err != nil {
		return err
	}
	if err := y.a.Auth.UserAdd(ctx, driftWho, auth.Approver, y.word); err != nil {
		return err
	}
	if y.address, err = y.a.Listen(ctx); err != nil {
		return err
	}
	y.o.Say("watch it at " + y.address + "/drift as user demo with the password " + y.word)
	return nil
}

// tidy leaves nothing behind.
func (y *driftYard) tidy() (err error) {
	if y.a != nil {
		err = y.a.Close()
	}
	if y.driftHosts != nil {
		err = errors.Join(err, y.end())
	}
	return errors.Join(err, os.RemoveAll(y.dir))
}

func (y *driftYard) show(ctx context.Context, out *DriftOutcome) error {
	y.o.Say(fmt.Sprintf("%d hosts, %s, are made as a playbook says, and looked at once", len(y.names), y.what))
	if err := y.make(ctx); err != nil {
		return err
	}
	if _, err := y.run(ctx, record.Detect); err != nil {
		return err
	}
	if clean, err := y.causes(ctx); err != nil || len(clean) > 0 {
		return errors.Join(err, falseAlarm(clean))
	}
	for _, p := range y.plants {
		y.o.Say("somebody " + p.what + " on " + state.Fold(p.hosts))
		for _, h := range p.hosts {
			if err := p.do(ctx, h); err != nil {
				return fmt.Errorf("plant a difference on %s: %w", h, err)
			}
		}
	}
	at := time.Now()
	r, err := y.run(ctx, record.Detect)
	if err != nil {
		return err
	}
	out.Detect, out.Unchecked = time.Since(at).Seconds(), r.Counts.Uncheckable
	found, err := y.causes(ctx)
	if err != nil {
		return err
	}
	for _, c := range found {
		y.tell(c)
	}
	if err := y.compare(ctx, len(found), out); err != nil {
		return err
	}
	if len(out.Missed)+len(out.Wrong) > 0 {
		return fmt.Errorf("not found: %s; found and not planted: %s", strings.Join(out.Missed, ", "), strings.Join(out.Wrong, ", "))
	}
	if out.Page, err = y.page(ctx, found); err != nil {
		return err
	}
	return y.settle(ctx, found, out)
}

func falseAlarm(found []record.Cause) error {
	if len(found) == 0 {
		return nil
	}
	return fmt.Errorf("%s: %s is said to differ right after it was made so", found[0].Hosts, found[0].Task)
}

// run looks at the hosts, or corrects them as the policy allows, and waits for the end.
func (y *driftYard) run(ctx context.Context, mode record.Mode) (record.Run, error) {
	info, err := y.a.Drift.Start(ctx, mode, driftWho, "the demo", drift.Order{Playbook: driftName})
	if err != nil {
		return record.Run{}, err
	}
	return y.ended(ctx, info)
}

func (y *driftYard) ended(ctx context.Context, info run.Info) (record.Run, error) {
	info, err := y.a.Engine.Wait(ctx, info.ID)
	if err != nil {
		return record.Run{}, err
	}
	if info.State != run.Succeeded {
		return record.Run{}, fmt.Errorf("run %s is %s: %s", info.ID, info.State, info.Error)
	}
	got, err := y.a.Drift.Book.Run(ctx, info.ID)
	if err == nil && got.Unreached > 0 {
		err = fmt.Errorf("run %s: %d of %d hosts were not gone through, want all", info.ID, got.Unreached, got.Hosts)
	}
	return got, err
}

func (y *driftYard) causes(ctx context.Context) ([]record.Cause, error) {
	return y.a.Drift.Book.Causes(ctx, driftName, "", 0, 0, time.Now())
}

func (y *driftYard) tell(c record.Cause) {
	y.o.Say(fmt.Sprintf("  %s: %s, since after %s and before %s", c.Hosts, c.Task, c.GoodAt.Local().Format("15:04:05"), c.DiffersAt.Local().Format("15:04:05")))
	for line := range strings.Lines(c.Diff) {
		y.o.Say("      " + strings.ReplaceAll(strings.TrimRight(line, "\r\n"), y.dir+"/", ""))
	}
}
