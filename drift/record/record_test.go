package record_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/remote"
	"goodstate.dev/goodstate/core/store"
	"goodstate.dev/goodstate/core/vault"
	"goodstate.dev/goodstate/drift/engine"
	"goodstate.dev/goodstate/drift/record"
	"goodstate.dev/goodstate/drift/state"
	"goodstate.dev/goodstate/internal/real"
)

// yard is three hosts that are folders of this machine, with a playbook and a record.
type yard struct {
	name string // of the playbook in the record
	t    *testing.T
	dir  string
	s    *store.Store
	book *record.Book
	now  time.Time
	runs int
	key  vault.Keys
}

const play = `
- hosts: all
  gather_facts: false
  tasks:
    - {name: motd, template: {src: motd.j2, dest: "{{ root }}/motd", mode: "0644"}}
    - {name: folders, file: {path: "{{ root }}/{{ item }}", state: directory, mode: "0750"}, loop: [a, b]}
    - {name: limits, lineinfile: {path: "{{ root }}/limits", line: "nofile {{ nofile }}", regexp: ^nofile, create: true, mode: "0600"}}
    - {name: only on web2, copy: {content: x, dest: "{{ root }}/x", mode: "0600"}, when: inventory_hostname == "web2"}
    - {name: act, shell: "echo ran >> {{ root }}/ran"}
    - {name: hidden, copy: {content: "{{ word }}", dest: "{{ root }}/hidden", mode: "0600"}, no_log: true}
    - {name: say, debug: {msg: hello}}
`

func newYard(t *testing.T) *yard {
	y := &yard{name: "site", t: t, dir: t.TempDir(), now: time.Unix(1_700_000_000, 0)}
	s, err := store.Open(t.Context(), filepath.Join(y.dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	y.s = s
	if y.book, err = record.Open(s); err != nil {
		t.Fatal(err)
	}
	y.write("site.yml", play)
	y.write("motd.j2", "welcome to the yard\n")
	inventory := ""
	for _, h := range []string{"web1", "web2", "web3"} {
		if err := os.Mkdir(filepath.Join(y.dir, h), 0o750); err != nil {
			t.Fatal(err)
		}
		inventory += h + " ansible_connection=local root=" + filepath.Join(y.dir, h) + "\n"
	}
	y.write("hosts", inventory+"[all:vars]\nnofile=1024\nword=correct-horse\n")
	return y
}

func (y *yard) write(name, text string) {
	y.t.Helper()
	if err := os.WriteFile(filepath.Join(y.dir, name), []byte(text), 0o600); err != nil {
		y.t.Fatal(err)
	}
}

// run runs the playbook an hour later, under the yard's name for it.
func (y *yard) run(mode record.Mode) record.Run {
	y.t.Helper()
	y.now = y.now.Add(time.Hour)
	y.runs++
	id := "run" + string(rune('0'+y.runs))
	r, err := y.book.Begin(y.t.Context(), record.Start{ID: id, Playbook: y.name, Mode: mode, Who: "ann", Now: func() time.Time { return y.now }})
	if err != nil {
		y.t.Fatal(err)
	}
	d := &engine.Dialer{Settings: engine.DefaultSettings(), Keys: &remote.Keys{}}
	_, _, err = engine.Run(y.t.Context(), engine.Options{
		Playbooks: []string{filepath.Join(y.dir, "site.yml")}, Inventory: []string{filepath.Join(y.dir, "hosts")}, Settings: engine.DefaultSettings(), Connect: d.Connect,
		Report: r, Forks: 5, Timeout: 30, Check: mode == record.Detect, Diff: true, Fingerprint: y.book.Fingerprint, Opened: r.Opened, Vault: y.key,
	})
	if err := errors.Join(err, r.Close(err)); err != nil {
		y.t.Fatal(err)
	}
	got, err := y.book.Run(y.t.Context(), id)
	if err != nil {
		y.t.Fatal(err)
	}
	return got
}

func (y *yard) causes() []record.Cause {
	y.t.Helper()
	list, err := y.book.Causes(y.t.Context(), "site", "", 0, 0, y.now)
	if err != nil {
		y.t.Fatal(err)
	}
	return list
}

func TestDriftIsFoundFoldedAndBoundedInTime(t *testing.T) {
	y := newYard(t)
	if r := y.run(record.Correct); r.Corrected != 16 || r.Counts.Good != 16 || r.Counts.Uncheckable != 3 || r.Unreached != 0 {
		t.Fatalf("%+v, want 5 resources corrected on each of 3 hosts and one more on web2", r)
	}
	if r := y.run(record.Detect); r.Counts.Differing() != 0 || r.Counts.Good != 16 {
		t.Fatalf("%+v: a look at what was just corrected finds nothing", r)
	}
	good := y.now
	y.write("web1/motd", "pwned\n")
	y.write("web2/motd", "pwned\n")
	if err := os.Remove(filepath.Join(y.dir, "web3", "b")); err != nil {
		t.Fatal(err)
	}
	y.run(record.Detect)
	found := y.now
	r := y.run(record.Detect)
	if r.Counts.Drifted != 3 || r.Counts.Differing() != 3 || r.Counts.Good != 13 {
		t.Fatalf("%+v, want three drifted resources and nothing else", r)
	}
	list := y.causes()
	if len(list) != 2 || list[0].Hosts != "web[1-2]" || list[0].Task != "motd" || list[1].Hosts != "web3" || list[1].Item != "b" {
		t.Fatalf("%+v", list)
	}
	if c := list[0]; !strings.Contains(c.Diff, "-pwned\n+welcome to the yard") || !c.GoodAt.Equal(good) || !c.DiffersAt.Equal(found) {
		t.Errorf("%+v, want the diff, good at %v and different at %v", c, good, found)
	}
	if _, err := y.book.Ignore(t.Context(), "site", list[0].Cause[:8], "party", "ann", y.now, y.now.Add(90*time.Minute)); err != nil {
		t.Fatal(err)
	}
	if list = y.causes(); list[0].Ignored != "party" {
		t.Errorf("%+v is not ignored", list[0])
	}
	y.now = y.now.Add(2 * time.Hour)
	if list = y.causes(); list[0].Ignored != "" {
		t.Errorf("%+v is ignored after its time", list[0])
	}
	fleet, err := y.book.Fleet(t.Context(), "site")
	if err != nil || fleet.Hosts[state.Drifted] != 3 || fleet.Coverage != 84 {
		t.Errorf("%+v, %v; want three drifted hosts, and 16 of 19 resources looked at", fleet, err)
	}
}

func TestAChangedPlaybookIsNoDrift(t *testing.T) {
	y := newYard(t)
	y.run(record.Correct)
	y.run(record.Detect)
	y.write("motd.j2", "a new text\n")
	if r := y.run(record.Detect); r.Counts.Pending != 3 || r.Counts.Drifted != 0 {
		t.Errorf("%+v, want three pending changes", r)
	}
}

func TestATaskThatIsNotIdempotentIsToldFromDrift(t *testing.T) {
	y := newYard(t)
	y.write("site.yml", `
- hosts: all
  gather_facts: false
  tasks:
    - {name: one, copy: {content: one, dest: "{{ root }}/f", mode: "0600"}}
    - {name: two, copy: {content: two, dest: "{{ root }}/f", mode: "0600"}}
`)
	for range 3 {
		y.run(record.Correct)
		y.run(record.Detect)
	}
	list := y.causes()
	if len(list) != 1 || list[0].Task != "one" || list[0].States.Flapping != 3 || list[0].Hosts != "web[1-3]" {
		t.Errorf("%+v, want the task that the other undoes to be flapping on three hosts", list)
	}
}

func TestSecretsAreNotInTheDatabase(t *testing.T) {
	y := newYard(t)
	y.run(record.Correct)
	y.write("web1/hidden", "somebody's edit\n")
	y.run(record.Detect)
	list := y.causes()
	if len(list) != 1 || list[0].Task != "hidden" || !strings.Contains(list[0].Diff, "not shown") {
		t.Errorf("%+v, want one difference that is not shown", list)
	}
	if err := y.s.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(y.dir, "data", store.File))
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"correct-horse", "somebody's edit"} {
		if strings.Contains(string(raw), word) {
			t.Errorf("the database has %q", word)
		}
	}
}

func TestPagesOfDifferencesAndHostsHaveEverythingOnce(t *testing.T) {
	y := newYard(t)
	y.run(record.Detect) // nothing is there yet: every resource waits
	want := y.causes()
	if len(want) < 5 {
		t.Fatalf("%d differences, want at least 5", len(want))
	}
	var got []string
	after, count := "", 0
	for {
		page, err := y.book.Causes(t.Context(), "site", after, count, 2, y.now)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, c := range page {
			got = append(got, c.Cause)
		}
		after, count = page[len(page)-1].Key(), page[len(page)-1].Count
	}
	for i, c := range want {
		if len(got) != len(want) || got[i] != c.Cause {
			t.Fatalf("pages have %v, want the %d differences in their order", got, len(want))
		}
	}
	first, err := y.book.Hosts(t.Context(), "", "", "", 2)
	if err != nil || len(first) != 2 || first[1].Host != "web2" {
		t.Fatalf("%+v, %v", first, err)
	}
	rest, err := y.book.Hosts(t.Context(), "", first[1].Host, first[1].Playbook, 2)
	if err != nil || len(rest) != 1 || rest[0].Host != "web3" {
		t.Errorf("%+v, %v; want web3", rest, err)
	}
	found, err := y.book.Results(t.Context(), "run1", record.Filter{Host: "web2", Text: "FOLD"}, 0, 0)
	if err != nil || len(found) != 2 || found[0].Outcome != "changed" || found[1].Item != "b" {
		t.Errorf("%+v, %v; want both items of folders on web2", found, err)
	}
}

func TestAPlayThatEndsEarlyMakesNothingGreenAndForgetsNothing(t *testing.T) {
	y := newYard(t)
	y.run(record.Correct)
	y.write("site.yml", strings.Replace(play, "  tasks:\n", "  any_errors_fatal: true\n  tasks:\n    - {name: stop, fail: {msg: no}, when: inventory_hostname == 'web1'}\n", 1))
	y.run(record.Detect)
	fleet, err := y.book.Fleet(t.Context(), "site")
	if err != nil || fleet.Hosts[state.Unknown] != 3 || fleet.Resources.Unknown != 19 {
		t.Errorf("%+v, %v; want three hosts with all their 19 resources unknown", fleet, err)
	}
}

func TestARunThatWasKilledLeavesHostsThatAreNotTakenForGood(t *testing.T) {
	y := newYard(t)
	y.run(record.Correct)
	y.run(record.Detect)
	r, err := y.book.Begin(t.Context(), record.Start{ID: "killed", Playbook: "site", Mode: record.Correct, Who: "ann", Now: func() time.Time { return y.now }})
	if err != nil {
		t.Fatal(err)
	}
	r.Event(engine.Event{Kind: engine.PlayStart, Play: &engine.PlayInfo{Hosts: []string{"web1"}}})
	real.Eventually(t, time.Minute, "the host is marked", func() bool {
		hosts, err := y.book.Host(t.Context(), "web1")
		return err == nil && len(hosts) == 1 && hosts[0].State == state.Unknown && strings.Contains(hosts[0].Trouble, "killed")
	})
	fleet, err := y.book.Fleet(t.Context(), "site")
	if err != nil || fleet.Hosts[state.Unknown] != 1 || fleet.Hosts[state.Good] != 2 {
		t.Errorf("%+v, %v; want one host unknown and two good", fleet, err)
	}
	if err := r.Close(nil); err != nil {
		t.Fatal(err)
	}
}

func TestOneDifferenceUnderTwoPlaybooksIsOnNoPageTwiceAndLeftOutOfNone(t *testing.T) {
	y := newYard(t)
	y.run(record.Correct)
	y.write("web1/motd", "pwned\n")
	for _, name := range []string{"site", "other", "third"} {
		y.name = name
		y.run(record.Detect)
	}
	got := map[string]int{}
	for after, count := "", 0; ; {
		page, err := y.book.Causes(t.Context(), "", after, count, 1, y.now)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		got[page[0].Playbook]++
		after, count = page[0].Key(), page[0].Count
	}
	if len(got) != 3 || got["site"] != 1 || got["other"] != 1 || got["third"] != 1 {
		t.Errorf("%v, want the difference once under each of three playbooks", got)
	}
}
