package drift

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/core/store"
	"goodstate.dev/goodstate/drift/record"
	"goodstate.dev/goodstate/drift/state"
	"goodstate.dev/goodstate/internal/real"
)

// control is this binary as the controller in the yard's folder, with a run that it begins or goes on with.
func (y *yard) control(id string, env ...string) *exec.Cmd {
	cmd := exec.CommandContext(y.t.Context(), os.Args[0])
	cmd.Env = append(append(os.Environ(), folder+"="+y.dir, walked+"="+id), env...)
	cmd.Stderr = os.Stderr
	return cmd
}

// known reads the record as it is on the disk, whoever left it there.
func (y *yard) known(id string) (map[string]record.CorrectionState, map[string]record.HostRow) {
	y.t.Helper()
	s, err := store.OpenReadOnly(y.t.Context(), filepath.Join(y.dir, "data"))
	if err != nil {
		y.t.Fatal(err)
	}
	defer s.Close() // only read
	book := record.Reader(s)
	all, err := book.Corrections(y.t.Context(), id)
	if err != nil {
		y.t.Fatal(err)
	}
	hosts, err := book.Hosts(y.t.Context(), "base", "", "", 0)
	if err != nil {
		y.t.Fatal(err)
	}
	states, rows := map[string]record.CorrectionState{}, map[string]record.HostRow{}
	for _, c := range all {
		states[c.Host] = c.State
	}
	for _, h := range hosts {
		rows[h.Host] = h
	}
	return states, rows
}

var edited = []string{"web1", "web2", "web4"}

func (y *yard) edit() {
	y.t.Helper()
	for _, h := range edited {
		y.write(h+"/motd", "edited")
	}
}

// allCorrected wants every host as it should be, and known so.
func (y *yard) allCorrected(what, id string) {
	y.t.Helper()
	states, rows := y.known(id)
	want := map[string]record.CorrectionState{}
	for _, h := range edited {
		want[h] = record.Done
		if got := y.read(h + "/motd"); got != "welcome" {
			y.t.Errorf("%s: the greeting of %s is %q", what, h, got)
		}
	}
	if !maps.Equal(states, want) {
		y.t.Errorf("%s: %v, want %v", what, states, want)
	}
	for h, row := range rows {
		if row.State != state.Good {
			y.t.Errorf("%s: %s is %s (%s), want good", what, h, row.State.Word(), row.Trouble)
		}
	}
}

// TestAControllerThatIsKilledAtAnyStepGoesOn kills the controller before and after each step of a correction. What is on the disk then is true of each host, and the next
// controller brings all of them to their end.
func TestAControllerThatIsKilledAtAnyStepGoesOn(t *testing.T) {
	y := newYard(t, "      cap: {share: 100%, at_once: 2}\n", nil)
	y.ready()
	if err := y.shut(); err != nil {
		t.Fatal(err)
	}
	y.edit()
	list := filepath.Join(t.TempDir(), "points")
	if err := y.control("correct-whole", points+"="+list).Run(); err != nil {
		t.Fatal(err)
	}
	y.allCorrected("without a kill", "correct-whole")
	text, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(all) < 20 {
		t.Fatalf("only %d points: %v", len(all), all)
	}
	seen := map[string]bool{}
	for i, point := range all {
		kind := strings.TrimRight(point, "0123456789")
		if seen[kind] && os.Getenv("E2E_ALL") == "" { // make test-all kills at each shard and each group, too
			continue
		}
		seen[kind] = true
		id := fmt.Sprintf("correct-killed-%d", i+1)
		y.edit()
		if err := y.control(id, fmt.Sprintf("%s=%d", die, i+1)).Run(); err == nil {
			t.Fatalf("%s: the controller was not killed", point)
		}
		states, _ := y.known(id)
		for _, h := range edited {
			got := y.read(h + "/motd")
			if states[h] == record.Done && got != "welcome" || states[h] == record.Waiting && got != "edited" || states[h] == "" && got != "edited" {
				t.Errorf("%s: %s is known as %q, and its greeting is %q", point, h, states[h], got)
			}
		}
		if err := y.control(id).Run(); err != nil {
			t.Fatalf("%s: the next controller: %v", point, err)
		}
		y.allCorrected(point, id)
	}
}

func TestAHostInTheMiddleOfACorrectionIsUnknownWhenTheControllerIsKilled(t *testing.T) {
	y := newYard(t, "      cap: {share: 100%, at_once: 2}\n", nil)
	y.ready()
	if err := y.shut(); err != nil {
		t.Fatal(err)
	}
	kill := func(id string) {
		t.Helper()
		y.edit()
		if err := os.Remove(filepath.Join(y.dir, "go")); err != nil {
			t.Fatal(err)
		}
		cmd := y.control(id)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		real.Eventually(t, 2*time.Minute, "two hosts are in the middle", func() bool { return y.read("web1/motd") == "welcome" && y.read("web2/motd") == "welcome" })
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
		y.write("go", "")
		states, rows := y.known(id)
		if want := (map[string]record.CorrectionState{"web1": record.Begun, "web2": record.Begun, "web4": record.Waiting}); !maps.Equal(states, want) {
			t.Errorf("on the disk %v, want %v", states, want)
		}
		if rows["web1"].State == state.Good || !strings.Contains(rows["web1"].Trouble, id) {
			t.Errorf("web1 is %s (%s), want no good word, and the run named", rows["web1"].State.Word(), rows["web1"].Trouble)
		}
	}
	kill("correct-one")
	if err := y.control("correct-one").Run(); err != nil {
		t.Fatal(err)
	}
	y.allCorrected("gone on with", "correct-one")

	kill("correct-two")
	// Nobody goes on with it: it is ended before the next controller carries anything out.
	s, err := store.Open(t.Context(), filepath.Join(y.dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.DB().ExecContext(t.Context(), "UPDATE runs SET error = 'cancelled by vera: enough' WHERE id = 'correct-two' AND state = ?", string(run.Running)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	y.open(nil)
	if info, _ := y.ends("correct-two"); info.State != run.Cancelled {
		t.Errorf("%s, want cancelled", info.State)
	}
	if want := (map[string]record.CorrectionState{"web1": record.Uncertain, "web2": record.Uncertain, "web4": record.Left}); !maps.Equal(y.corrections("correct-two"), want) {
		t.Errorf("%v, want %v", y.corrections("correct-two"), want)
	}
}
