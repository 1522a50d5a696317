package drift

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/drift/record"
	"goodstate.dev/goodstate/drift/state"
	"goodstate.dev/goodstate/internal/real"
)

func TestOnlyWhatThePolicyAllowsIsCorrected(t *testing.T) {
	y := newYard(t, `
      policy:
        - {tags: [kernel], do: ask}
        - {path: "/**/motd", do: report}
      cap: {share: 100%}
`, nil)
	y.run(record.Correct)
	if y.read("web1/motd") != "" || y.read("web1/kernel") != "" || y.read("web1/greeted") != "" {
		t.Fatal("something was made that the policy does not allow, or its handler ran")
	}
	if _, err := os.Stat(filepath.Join(y.dir, "web4")); err != nil {
		t.Errorf("what no rule names was not corrected: %v", err)
	}
	asks, err := y.d.Book.Asks(t.Context(), "base", time.Now())
	if err != nil || len(asks) != 1 || asks[0].Task != "the kernel" || len(asks[0].Hosts) != 4 || !strings.Contains(asks[0].Diff, "+quiet") {
		t.Fatalf("%+v, %v; want one question about the kernel of four hosts", asks, err)
	}
	y.write("web2/kernel", "quiet\n") // it is right already, and web3's is another difference than the one that was asked about
	y.write("web3/kernel", "loud\n")
	info, err := y.d.Approve(t.Context(), asks[0].ID, "vera", "")
	if err != nil {
		t.Fatal(err)
	}
	y.ends(info.ID)
	if y.read("web1/kernel") != "quiet" || y.read("web3/kernel") != "loud" || y.read("web1/motd") != "" {
		t.Errorf("kernel of web1 %q, of web3 %q, greeting %q; want only what was approved", y.read("web1/kernel"), y.read("web3/kernel"), y.read("web1/motd"))
	}
	if _, err := y.d.Approve(t.Context(), asks[0].ID, "vera", ""); err == nil || !strings.Contains(err.Error(), "approved by vera") {
		t.Errorf("approved twice: %v", err)
	}
	y.run(record.Correct)
	if asks, err = y.d.Book.Asks(t.Context(), "base", time.Now()); err != nil || len(asks) != 1 || asks[0].Hosts[0] != "web3" {
		t.Fatalf("%+v, %v; want a question about web3", asks, err)
	}
	if err := y.d.Reject(t.Context(), asks[0].ID, "vera", "no"); err != nil {
		t.Fatal(err)
	}
	if out := y.run(record.Correct); out.Asked != 0 {
		t.Errorf("%+v: what was refused is asked about again", out)
	}
}

func TestMoreThanTheCapIsAskedAboutAndNothingIsDone(t *testing.T) {
	y := newYard(t, "      cap: {share: 50%}\n", nil)
	out := y.run(record.Correct)
	if !strings.Contains(out.Stopped, "4 of 4 hosts") || out.Asked != 1 || y.read("web1/motd") != "" {
		t.Errorf("%+v, greeting %q; want nothing done and one question", out, y.read("web1/motd"))
	}
	y.ready()
	y.write("web1/motd", "x")
	y.write("web2/motd", "x")
	if out := y.run(record.Correct); out.Corrected != 2 || out.Stopped != "" || y.read("web2/motd") != "welcome" || y.read("web2/greeted") != "yes" {
		t.Errorf("%+v, greeting %q; want both corrected, and their handler run", out, y.read("web2/motd"))
	}
}

func TestAFailingCheckStopsBeforeTheNextGroup(t *testing.T) {
	y := newYard(t, `
      cap: {at_once: 1, share: 100%}
      checks:
        alive: {command: {run: "test ! -e web2/greeted"}}
`, nil)
	id := y.begin(record.Correct, "base").ID
	_, out := y.ends(id)
	if !strings.Contains(out.Stopped, "alive") || out.Corrected != 2 {
		t.Fatalf("%+v, want a stop after web2", out)
	}
	want := map[string]record.CorrectionState{"web1": record.Done, "web2": record.Done, "web3": record.Left, "web4": record.Left}
	if got := y.corrections(id); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if out := y.run(record.Correct); !strings.Contains(out.Stopped, "before anything was corrected") || out.Corrected != 0 || y.read("web3/motd") != "" {
		t.Errorf("%+v, want nothing corrected while the check fails", out)
	}
}

func TestWhatGoodstateYamlLetsStayIsInOneListWithWhatPeopleLetStay(t *testing.T) {
	y := newYard(t, `
      cap: {share: 100%}
      ignore:
        - {path: "/**/motd", reason: load test, until: "2999-01-01"}
`, nil)
	y.run(record.Correct)
	if y.read("web1/motd") != "" || y.read("web1/kernel") != "quiet" {
		t.Errorf("greeting %q, kernel %q; want the ignored one left", y.read("web1/motd"), y.read("web1/kernel"))
	}
	if out := y.run(record.Detect); out.Differing != 0 {
		t.Errorf("%+v, want nothing but what may stay", out)
	}
	causes, err := y.d.Book.Causes(t.Context(), "base", "", 0, 0, time.Now())
	if err != nil || len(causes) != 1 || causes[0].Ignored != "load test" {
		t.Fatalf("%+v, %v; want one difference that may stay", causes, err)
	}
}

// holdsUp begins a correction that waits inside its play until the file "go" is there, and returns when it does.
func (y *yard) holdsUp() run.Info {
	y.t.Helper()
	y.write("web1/motd", "edited")
	if err := os.Remove(filepath.Join(y.dir, "go")); err != nil {
		y.t.Fatal(err)
	}
	info := y.begin(record.Correct, "base")
	real.Eventually(y.t, 2*time.Minute, "the first task is done", func() bool { return y.read("web1/motd") == "welcome" })
	return info
}

func TestTwoPlaybooksNeverHaveAHostInHandAtOnce(t *testing.T) {
	y := newYard(t, `
      cap: {share: 100%}
    other: {file: other.yml, inventory: [hosts.ini], wait: 0s}
    patient: {file: other.yml, inventory: [hosts.ini], limit: web1, wait: 10m}
`, nil)
	y.write("other.yml", "- hosts: all\n  gather_facts: false\n  tasks:\n    - file: {path: \"{{ root }}/{{ inventory_hostname }}\", state: directory}\n")
	y.ready()
	first := y.holdsUp()
	id := y.begin(record.Detect, "other").ID
	_, out := y.ends(id)
	if out.Left != 1 || out.Hosts != 3 || out.Unreached != 1 {
		t.Errorf("%+v, want web1 left out and three looked at", out)
	}
	hosts, err := y.d.Book.Host(t.Context(), "web1")
	if err != nil || len(hosts) != 2 || hosts[1].State != state.Unknown || !strings.Contains(hosts[1].Trouble, first.ID) {
		t.Errorf("%+v, %v; want web1 unknown under the other playbook, and who holds it", hosts, err)
	}
	waits := y.begin(record.Detect, "patient")
	real.Eventually(t, time.Minute, "the patient run says for whom it waits", func() bool {
		info, err := y.d.Engine.Get(t.Context(), waits.ID)
		return err == nil && strings.Contains(info.Note, "waits for web1, which run "+first.ID)
	})
	y.write("go", "")
	if _, out := y.ends(first.ID); out.Corrected != 1 {
		t.Errorf("%+v", out)
	}
	if _, out := y.ends(waits.ID); out.Hosts != 1 || out.Left != 0 {
		t.Errorf("%+v, want the patient run to look after it has waited", out)
	}
	if left, err := y.d.Book.Leases(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("%+v, %v are held by nobody", left, err)
	}
}

func TestACancelledCorrectionLeavesNoHostWithoutAWord(t *testing.T) {
	y := newYard(t, "      cap: {share: 100%, at_once: 1}\n", nil)
	y.ready()
	y.write("web3/motd", "edited")
	info := y.holdsUp()
	if err := y.d.Cancel(t.Context(), info.ID, "vera", "enough"); err != nil {
		t.Fatal(err)
	}
	want := map[string]record.CorrectionState{"web1": record.Uncertain, "web3": record.Left}
	if got := y.corrections(info.ID); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	r, err := y.d.Book.Run(t.Context(), info.ID)
	if err != nil || r.Ended.IsZero() || !strings.Contains(r.Error, "cancelled by vera: enough") {
		t.Errorf("%+v, %v; want an end that says who and why", r, err)
	}
	hosts, err := y.d.Book.Host(t.Context(), "web1")
	if err != nil || hosts[0].State == state.Good {
		t.Errorf("%+v, %v: a host in the middle of a correction is taken for good", hosts, err)
	}
	y.write("go", "")
	if out := y.run(record.Correct); out.Corrected != 1 || y.read("web3/motd") != "welcome" {
		t.Errorf("%+v, want the rest corrected by the next run", out)
	}
}

// occupied says that somebody works on hosts.
type occupied map[string]string

func (o occupied) Occupied(context.Context, []string, []string) (map[string]string, error) {
	return o, nil
}

func TestHostsOfARolloutAreLeftAlone(t *testing.T) {
	busy := occupied{}
	y := newYard(t, "      wait: 0s\n      cap: {share: 100%}\n", func(o *Options) { o.Occupants = busy })
	busy["web2"] = "the rollout of shop"
	if out := y.run(record.Correct); out.Left != 1 || out.Corrected != 3 || y.read("web2/motd") != "" {
		t.Errorf("%+v, greeting of web2 %q; want web2 left alone", out, y.read("web2/motd"))
	}
	delete(busy, "web2")
	busy[""] = "the rollout of shop"
	if out := y.run(record.Correct); out.Left != 4 || out.Hosts != 0 {
		t.Errorf("%+v, want all left alone", out)
	}
}

// back says that a service went back to a point.
type back struct{ p *Point }

func (b back) WentBack(context.Context, []string) (Point, bool, error) {
	if b.p == nil {
		return Point{}, false, nil
	}
	return *b.p, true, nil
}

func TestAfterARollbackThePlaybookOfTheKnownGoodPointCounts(t *testing.T) {
	if real.Need(t, "git") == "" {
		return
	}
	known := &back{}
	y := newYard(t, "      services: [shop]\n      cap: {share: 100%}\n", func(o *Options) { o.KnownGood = known })
	y.write(".gitignore", "data\nweb*\ngo\n")
	commit := func(at string) string {
		for _, args := range [][]string{{"init", "-q"}, {"add", "."}, {"-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "x"}} {
			cmd := exec.Command("git", args...)
			cmd.Dir, cmd.Env = y.dir, append(os.Environ(), "GIT_COMMITTER_DATE="+at, "GIT_AUTHOR_DATE="+at)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("git %v: %v\n%s", args, err, out)
			}
		}
		cmd := exec.Command("git", "rev-parse", "HEAD")
		cmd.Dir = y.dir
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(out))
	}
	first := commit("2026-01-01T12:00:00Z")
	y.ready()
	y.write("site.yml", strings.Replace(yardPlay, "welcome", "hello", 1))
	commit("2026-02-01T12:00:00Z")
	if out := y.run(record.Detect); out.Differing != 4 || out.Commit != "" {
		t.Fatalf("%+v, want the new greeting to be missing on four hosts", out)
	}
	for what, p := range map[string]Point{
		"by its commit":                      {Service: "shop", ID: "p1", Commit: first},
		"by its time, in another repository": {Service: "shop", ID: "p1", Commit: strings.Repeat("ab", 20), At: time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC)},
	} {
		known.p = &p
		if out := y.run(record.Detect); out.Differing != 0 || out.Commit != first {
			t.Errorf("%s: %+v, want the old greeting to be right", what, out)
		}
	}
	known.p.At, known.p.Commit = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), ""
	info, _ := y.ends(y.begin(record.Detect, "base").ID)
	if info.State != run.Failed || !strings.Contains(info.Error, "no commit from then") {
		t.Errorf("%s %s, want a failure that says what is missing", info.State, info.Error)
	}
	if left, err := filepath.Glob(filepath.Join(y.dir, "data", "playbooks", "*")); err != nil || len(left) != 0 {
		t.Errorf("checkouts are left: %v %v", left, err)
	}
}

func TestATaskThatIsNotIdempotentIsCorrectedOnceAndThenOnlySaid(t *testing.T) {
	y := newYard(t, "      cap: {share: 100%}\n", nil)
	y.write("site.yml", `
- hosts: all
  gather_facts: false
  tasks:
    - {name: one, copy: {content: one, dest: "{{ root }}/f-{{ inventory_hostname }}", mode: "0600"}}
    - {name: two, copy: {content: two, dest: "{{ root }}/f-{{ inventory_hostname }}", mode: "0600"}}
`)
	id := y.begin(record.Correct, "base").ID
	if _, out := y.ends(id); out.Failed == 0 || out.Corrected != 0 || out.Stopped == "" {
		t.Errorf("%+v, want corrections that did not hold, and a stop", out)
	}
	fleet, err := y.d.Book.Fleet(t.Context(), "base")
	if err != nil || fleet.Resources.Flapping == 0 || fleet.Resources.Drifted != 0 {
		t.Errorf("%+v, %v; want flapping and no drift", fleet.Resources, err)
	}
	y.run(record.Correct)
	y.run(record.Correct)
	if out := y.run(record.Correct); out.Corrected != 0 || out.Failed != 0 || out.Stopped != "" {
		t.Errorf("%+v, want nothing to be done again and again", out)
	}
}

func TestConnectionsAreKeptForTheNextRun(t *testing.T) {
	y := newYard(t, "      cap: {share: 100%}\n  connections: {keep: 1h, most: 3}\n", nil)
	y.run(record.Detect)
	if n := y.d.pool.size(); n != 3 {
		t.Errorf("%d connections are kept, want the three that are allowed", n)
	}
	y.run(record.Detect)
	if n := y.d.pool.size(); n != 3 {
		t.Errorf("%d connections are kept after a second run, want three", n)
	}
	if err := y.d.Close(); err != nil || y.d.pool.size() != 0 {
		t.Errorf("%v, %d are open after the end", err, y.d.pool.size())
	}
}

func TestAHostThatGoesOnInARescueIsGoneThrough(t *testing.T) {
	y := newYard(t, "      cap: {share: 100%}\n", nil)
	y.write("site.yml", `
- hosts: all
  gather_facts: false
  tasks:
    - block:
        - {name: probe, command: test -e /nonexistent, check_mode: false, changed_when: false}
      rescue:
        - {name: instead, copy: {content: "x\n", dest: "{{ root }}/rescued-{{ inventory_hostname }}", mode: "0600"}}
`)
	if out := y.run(record.Correct); out.Corrected != 4 || out.Unreached != 0 || out.Stopped != "" {
		t.Errorf("%+v, want four hosts corrected", out)
	}
	fleet, err := y.d.Book.Fleet(t.Context(), "base")
	if err != nil || fleet.Resources.Uncheckable != 4 || fleet.Resources.Unknown != 0 {
		t.Errorf("%+v, %v; want the probe to be what cannot be checked", fleet.Resources, err)
	}
}

func TestAHostThatLeftTheInventoryIsForgottenAndADeadOneIsNot(t *testing.T) {
	y := newYard(t, "      cap: {share: 100%}\n", nil)
	y.ready()
	y.write("hosts.ini", "web1 ansible_connection=local\nweb2 ansible_host=127.0.0.1 ansible_port=1 ansible_timeout=2\n[all:vars]\nroot="+y.dir+"\n")
	info, err := y.d.Start(t.Context(), record.Detect, "ann", "", Order{Playbook: "base", Limit: "web1"})
	if err != nil {
		t.Fatal(err)
	}
	y.ends(info.ID)
	if hosts, err := y.d.Book.Hosts(t.Context(), "base", "", "", 0); err != nil || len(hosts) != 4 {
		t.Errorf("after a look at a part %d hosts are known, %v; want four", len(hosts), err)
	}
	if out := y.run(record.Correct); out.Unreached != 1 || out.Corrected != 0 {
		t.Errorf("%+v, want one host that does not answer", out)
	}
	hosts, err := y.d.Book.Hosts(t.Context(), "base", "", "", 0)
	if err != nil || len(hosts) != 2 || hosts[1].State != state.Unknown || hosts[1].Trouble == "" {
		t.Errorf("%+v, %v; want web1, and web2 unknown", hosts, err)
	}
}
