package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/remote"
	"goodstate.dev/goodstate/core/store"
	"goodstate.dev/goodstate/drift/engine"
	"goodstate.dev/goodstate/drift/record"
	"goodstate.dev/goodstate/drift/state"
)

// DriftOutcome is what was found of what was planted, measured.
type DriftOutcome struct {
	Hosts     int      `json:"hosts"`
	Planted   int      `json:"planted"`       // differences on hosts
	Found     int      `json:"found"`         // of those
	Claimed   int      `json:"falsely_found"` // differences that nobody planted
	Entries   int      `json:"entries"`       // after equal ones were folded
	Unchecked int      `json:"cannot_be_checked"`
	Corrected int      `json:"corrected"`
	Ignored   string   `json:"ignored"` // the reason
	Missed    []string `json:"missed,omitempty"`
	Wrong     []string `json:"wrong,omitempty"`
	Detect    float64  `json:"detect_seconds"`
	Seconds   float64  `json:"seconds"`
	Problem   string   `json:"problem,omitempty"`
}

const (
	driftHosts  = 12
	driftName   = "site.yml"
	driftReason = "load test until Friday"
)

// driftPlaybook is what the toy hosts should be like. Its last task cannot be checked, and is never counted as good.
const driftPlaybook = `- hosts: all
  gather_facts: false
  tasks:
    - name: the folder of parts
      file: {path: "{{ root }}/conf.d", state: directory, mode: "0755"}
    - name: the greeting
      copy: {content: "welcome to {{ inventory_hostname }}\n", dest: "{{ root }}/motd", mode: "0644"}
    - name: no root logins
      lineinfile: {path: "{{ root }}/sshd_config", line: "PermitRootLogin no", regexp: "^PermitRootLogin", create: true, mode: "0600"}
    - name: the limit
      lineinfile: {path: "{{ root }}/limits", line: "nofile 1024", regexp: "^nofile", create: true, mode: "0644"}
    - name: the key
      copy: {content: "not a real key\n", dest: "{{ root }}/key", mode: "0600"}
    - name: no foreign part
      file: {path: "{{ root }}/conf.d/extra.conf", state: absent}
    - name: say that it was set up
      shell: "echo set up >> {{ root }}/log"
`

// planted is what somebody does behind the tool's back.
type planted struct {
	task, what string
	hosts      []string
	do         func(root string) error
}

func plants() []planted {
	return []planted{
		{"the greeting", "edits the greeting", hostNames(1, 9), func(root string) error { return rewrite(filepath.Join(root, "motd"), "hello\n") }},
		{"no root logins", "removes the line that forbids root logins", hostNames(3, 3), func(root string) error { return rewrite(filepath.Join(root, "sshd_config"), "") }},
		{"the key", "lets everybody read the key", hostNames(5, 6), func(root string) error { return os.Chmod(filepath.Join(root, "key"), 0o644) }}, //nolint:gosec // that is what is to be found
		{"no foreign part", "adds a file to conf.d", hostNames(12, 12), func(root string) error { return rewrite(filepath.Join(root, "conf.d", "extra.conf"), "debug on\n") }},
		{"the limit", "raises the limit for a load test", hostNames(11, 11), func(root string) error { return rewrite(filepath.Join(root, "limits"), "nofile 65536\n") }},
	}
}

// rewrite puts text into a file and leaves the mode of one that is there.
func rewrite(path, text string) error {
	return os.WriteFile(path, []byte(text), 0o600)
}

func hostNames(first, last int) (names []string) {
	for i := first; i <= last; i++ {
		names = append(names, fmt.Sprintf("web%d", i))
	}
	return names
}

// driftYard is the folder of the demo with its hosts and its record.
type driftYard struct {
	o    Options
	dir  string
	book *record.Book
	runs int
}

// Drift shows hosts that are changed behind the tool's back, what is found, and what is done about it. The error says why it did not come out as it should.
func Drift(ctx context.Context, o Options) (out DriftOutcome, err error) {
	began := time.Now()
	dir, err := os.MkdirTemp("", "goodstate-demo-")
	if err != nil {
		return out, fmt.Errorf("folder of the demo: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	data, err := store.Open(ctx, filepath.Join(dir, "data"))
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, data.Close()) }()
	y := &driftYard{o: o, dir: dir}
	if y.book, err = record.Open(data); err != nil {
		return out, err
	}
	err = y.show(ctx, &out)
	out.Seconds = time.Since(began).Seconds()
	return out, err
}

func (y *driftYard) show(ctx context.Context, out *DriftOutcome) error {
	out.Hosts = driftHosts
	if err := y.lay(); err != nil {
		return err
	}
	y.o.Say(fmt.Sprintf("%d hosts, each a folder of this machine, are made as a playbook says, and looked at once", driftHosts))
	if _, err := y.run(ctx, record.Correct, nil); err != nil {
		return err
	}
	if _, err := y.run(ctx, record.Detect, nil); err != nil {
		return err
	}
	if clean, err := y.causes(ctx); err != nil || len(clean) > 0 {
		return errors.Join(err, falseAlarm(clean))
	}
	list := plants()
	for _, p := range list {
		y.o.Say("somebody " + p.what + " on " + state.Fold(p.hosts))
		for _, h := range p.hosts {
			if err := p.do(filepath.Join(y.dir, h)); err != nil {
				return fmt.Errorf("plant a difference on %s: %w", h, err)
			}
		}
	}
	at := time.Now()
	r, err := y.run(ctx, record.Detect, nil)
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
	if err := y.compare(ctx, list, len(found), out); err != nil {
		return err
	}
	if len(out.Missed)+len(out.Wrong) > 0 {
		return fmt.Errorf("not found: %s; found and not planted: %s", strings.Join(out.Missed, ", "), strings.Join(out.Wrong, ", "))
	}
	return y.settle(ctx, found, out)
}

func falseAlarm(found []record.Cause) error {
	if len(found) == 0 {
		return nil
	}
	return fmt.Errorf("%s: %s is said to differ right after it was made so", found[0].Hosts, found[0].Task)
}

// lay writes the playbook, the inventory and the hosts' folders.
func (y *driftYard) lay() error {
	var hosts strings.Builder
	var errs []error
	for _, h := range hostNames(1, driftHosts) {
		root := filepath.Join(y.dir, h)
		errs = append(errs, os.Mkdir(root, 0o700))
		fmt.Fprintf(&hosts, "%s ansible_connection=local root='%s'\n", h, root)
	}
	errs = append(errs, os.WriteFile(filepath.Join(y.dir, "hosts"), []byte(hosts.String()), 0o600), os.WriteFile(filepath.Join(y.dir, driftName), []byte(driftPlaybook), 0o600))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("hosts of the demo: %w", err)
	}
	return nil
}

// run looks at hosts or corrects them; no limit is all of them.
func (y *driftYard) run(ctx context.Context, mode record.Mode, limit []string) (record.Run, error) {
	y.runs++
	id := fmt.Sprintf("demo-%d", y.runs)
	r, err := y.book.Begin(ctx, record.Start{ID: id, Playbook: driftName, Mode: mode, Who: "demo"})
	if err != nil {
		return record.Run{}, err
	}
	set := engine.DefaultSettings()
	dialer := &engine.Dialer{Settings: set, Keys: &remote.Keys{}}
	_, _, failure := engine.Run(ctx, engine.Options{
		Playbooks: []string{filepath.Join(y.dir, driftName)}, Inventory: []string{filepath.Join(y.dir, "hosts")}, Settings: set, Connect: dialer.Connect, Limit: strings.Join(limit, ","),
		Report: r, Forks: 5, Timeout: 30, Check: mode == record.Detect, Diff: true, Fingerprint: y.book.Fingerprint, Opened: r.Opened,
	})
	if err := errors.Join(failure, r.Close(failure)); err != nil {
		return record.Run{}, err
	}
	got, err := y.book.Run(ctx, id)
	if err == nil && got.Unreached > 0 {
		err = fmt.Errorf("run %s: %d of %d hosts were not gone through, want all", id, got.Unreached, got.Hosts)
	}
	return got, err
}

func (y *driftYard) causes(ctx context.Context) ([]record.Cause, error) {
	return y.book.Causes(ctx, driftName, "", 0, 0, time.Now())
}

func (y *driftYard) tell(c record.Cause) {
	y.o.Say(fmt.Sprintf("  %s: %s, since after %s and before %s", c.Hosts, c.Task, c.GoodAt.Local().Format("15:04:05"), c.DiffersAt.Local().Format("15:04:05")))
	for line := range strings.Lines(c.Diff) {
		y.o.Say("      " + strings.ReplaceAll(strings.TrimRight(line, "\r\n"), y.dir+"/", ""))
	}
}
