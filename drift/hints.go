package drift

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/drift/engine"
	"goodstate.dev/goodstate/drift/record"
	"goodstate.dev/goodstate/drift/state"
)

//go:embed hints.sh
var hintScript string

// Bounds of what is asked for hints: a fleet that differs everywhere needs none, and the first hosts tell enough.
const (
	hintedHosts = 50
	hintedEach  = 20
	hintLength  = 500
)

// hintPlay asks with the login of the playbook. What it is about goes through the standard input.
const hintPlay = `- hosts: all
  gather_facts: false
  tasks:
    - name: hints
      ansible.builtin.command:
        argv: [/bin/sh, -c, "{{ goodstate_script }}"]
        stdin: "{{ goodstate_about[inventory_hostname] }}"
      check_mode: false
      changed_when: false
      no_log: true
`

// hint is the step that asks hosts which have just drifted who it may have been. A host that says nothing has no hint; that is no reason to fail.
func (d *Drift) hint(r *run.Run, o Order, from source) error {
	_, err := run.Step(r, "hints", func(ctx context.Context) (int, error) {
		info, err := d.Book.Run(ctx, r.ID())
		if err != nil {
			return 0, err
		}
		all, err := d.Book.Differences(ctx, o.Playbook, r.ID(), time.Now())
		if err != nil {
			return 0, err
		}
		about := map[string][]record.Difference{}
		for _, one := range all {
			fresh := one.State == state.Drifted && one.Hint == "" && one.About != "" && !one.DiffersAt.Before(info.Started)
			if known := about[one.Host]; fresh && len(known) < hintedEach && (known != nil || len(about) < hintedHosts) {
				about[one.Host] = append(known, one)
			}
		}
		if len(about) == 0 {
			return 0, nil
		}
		said, err := d.askHosts(ctx, o, from, about)
		if err != nil {
			if ctx.Err() != nil {
				return 0, err
			}
			d.Log.WarnContext(ctx, "no hints", "run", r.ID(), "error", err)
			return 0, nil
		}
		n := 0
		for host, list := range about {
			for _, one := range list {
				text := hintOf(one, said[host])
				if text == "" {
					continue
				}
				n++
				if err := d.Book.SetHint(ctx, o.Playbook, host, one.ID, text); err != nil {
					return n, err
				}
			}
		}
		return n, nil
	})
	return err
}

// askHosts lets hosts say what they know.
func (d *Drift) askHosts(ctx context.Context, o Order, from source, about map[string][]record.Difference) (said map[string]string, err error) {
	p, err := d.play(ctx, o, from)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	dir, err := os.MkdirTemp("", "goodstate-hints-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) // nothing else is in it
	path := filepath.Join(dir, "hints.yml")
	if err := os.WriteFile(path, []byte(hintPlay), 0o600); err != nil {
		return nil, err
	}
	input := map[string]string{}
	var hosts []string
	for host, list := range about {
		hosts = append(hosts, host)
		for _, one := range list {
			if !strings.ContainsAny(one.About, "\n\r\x00") {
				input[host] += one.About + "\n"
			}
		}
	}
	text, err := json.Marshal(map[string]any{"goodstate_about": input, "goodstate_script": hintScript})
	if err != nil {
		return nil, err
	}
	v, err := py.FromJSON(text, true) // data, never templates
	if err != nil {
		return nil, err
	}
	extra, ok := v.(*py.Dict)
	if !ok {
		return nil, fmt.Errorf("what hosts are asked is %T", v)
	}
	for k, v := range p.opt.Extra.All() {
		if !extra.Has(k) {
			extra.Set(k, v)
		}
	}
	heard := &hearing{said: map[string]string{}}
	opt := p.opt
	opt.Playbooks, opt.Only, opt.Extra, opt.Report, opt.Tags, opt.SkipTags, opt.Fingerprint = []string{path}, hosts, extra, heard, nil, nil, nil
	_, _, err = engine.Run(ctx, opt)
	return heard.said, err
}

// hearing takes what hosts say.
type hearing struct {
	mu   sync.Mutex
	said map[string]string
}

// Event takes the output of a task that went well.
func (h *hearing) Event(e engine.Event) {
	if e.Kind != engine.OK || e.Result == nil {
		return
	}
	if out, ok := e.Result.Get("stdout"); ok {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.said[e.Host] = py.Str(out)
	}
}

// around is how long before the last good look a login still counts.
const around = 15 * time.Minute

// hintOf is what a host's words say of one difference; empty: nothing. It is pure.
func hintOf(d record.Difference, said string) string {
	var what, who []string
	for line := range strings.Lines(said) {
		kind, rest, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		switch kind {
		case "file", "gone":
			parts := strings.SplitN(rest, " ", 3)
			if len(parts) != 3 || parts[2] != d.About {
				continue
			}
			seconds, err := strconv.ParseInt(parts[0], 10, 64)
			if err != nil {
				continue
			}
			at := time.Unix(seconds, 0).Local().Format("2006-01-02 15:04:05")
			if kind == "file" {
				what = append(what, "last written "+at+", it belongs to "+parts[1])
			} else {
				what = append(what, "it is gone; its folder last changed "+at)
			}
		case "package":
			if fields := strings.Fields(rest); len(fields) == 4 && isAbout(d.About, fields[3]) {
				what = append(what, fmt.Sprintf("package log: %s %s at %s %s", fields[2], fields[3], fields[0], fields[1]))
			}
		case "login":
			if user, at, ok := login(rest); ok && !at.Before(d.GoodAt.Add(-around)) && !at.After(d.DiffersAt) {
				who = append(who, user+" at "+at.Format("2006-01-02 15:04:05"))
			}
		case "accepted":
			if user, at, ok := accepted(rest, d.DiffersAt); ok && !at.Before(d.GoodAt.Add(-around)) && !at.After(d.DiffersAt) {
				who = append(who, user+" at "+at.Format("2006-01-02 15:04:05"))
			}
		}
	}
	if len(who) > 0 {
		const shown = 3
		if len(who) > shown {
			who = append(who[:shown], fmt.Sprintf("and %d more", len(who)-shown))
		}
		what = append(what, "logins around then: "+strings.Join(who, ", "))
	}
	text := strings.Join(what, "; ")
	if len(text) > hintLength {
		text = strings.ToValidUTF8(text[:hintLength], "") + " ..."
	}
	return text
}

// isAbout says whether a package with its architecture is one of those that a task is about.
func isAbout(about, pkg string) bool {
	name, _, _ := strings.Cut(pkg, ":")
	names, ok := strings.CutPrefix(about, "package ")
	for one := range strings.SplitSeq(names, ",") {
		one, _, _ = strings.Cut(one, "=")
		if ok && one == name {
			return true
		}
	}
	return false
}

// login reads a line of last -F: user, terminal, from where, and when in five words.
func login(line string) (user string, at time.Time, ok bool) {
	fields := strings.Fields(line)
	for i := 2; i+5 <= len(fields) && i <= 3; i++ {
		t, err := time.ParseInLocation("Mon Jan 2 15:04:05 2006", strings.Join(fields[i:i+5], " "), time.Local)
		if err == nil {
			if i == 3 {
				return fields[0] + " from " + fields[2], t, true
			}
			return fields[0], t, true
		}
	}
	return "", time.Time{}, false
}

// accepted reads a login of sshd: the time in three words, which have no year, or in one with all; then user and address. A syslog line with a full time has words of the host
// and the program in the second and third place.
func accepted(line string, before time.Time) (user string, at time.Time, ok bool) {
	fields := strings.Fields(line)
	if len(fields) != 5 {
		return "", time.Time{}, false
	}
	if at, err := time.Parse(time.RFC3339Nano, fields[0]); err == nil {
		return fields[3] + " from " + fields[4], at.Local(), true
	}
	at, err := time.ParseInLocation("2006 Jan 2 15:04:05", fmt.Sprintf("%d %s", before.Local().Year(), strings.Join(fields[:3], " ")), time.Local)
	if err != nil {
		return "", time.Time{}, false
	}
	if at.After(before.Add(24 * time.Hour)) { // it was last year
		at = at.AddDate(-1, 0, 0)
	}
	return fields[3] + " from " + fields[4], at, true
}
