package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// driftDemo is what the demo prints at its end.
type driftDemo struct {
	Real      bool   `json:"real_hosts"`
	Hosts     int    `json:"hosts"`
	Planted   int    `json:"planted"`
	Found     int    `json:"found"`
	Claimed   int    `json:"falsely_found"`
	Entries   int    `json:"entries"`
	Unchecked int    `json:"cannot_be_checked"`
	Automatic int    `json:"corrected_automatically"`
	Approved  int    `json:"corrected_when_approved"`
	Ignored   string `json:"ignored"`
	Page      int    `json:"page_bytes"`
}

func runDriftDemo(t *testing.T, env ...string) driftDemo {
	t.Helper()
	scratch, err := os.MkdirTemp("", "gs") // shorter than the test's own: a socket is in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(scratch) }) // what is left is told
	cmd := exec.Command(os.Args[0], "demo", "drift", "--json")
	cmd.Env = append(append(os.Environ(), "TMPDIR="+scratch), env...)
	text, err := cmd.CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	var out driftDemo
	if jerr := json.Unmarshal([]byte(lines[len(lines)-1]), &out); err != nil || jerr != nil {
		t.Fatalf("%v %v\n%s", err, jerr, text)
	}
	if left, err := os.ReadDir(scratch); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v behind (%v)", left, err)
	}
	if mounts, err := os.ReadFile("/proc/mounts"); err == nil && strings.Contains(string(mounts), scratch) {
		t.Errorf("it leaves something mounted:\n%s", mounts)
	}
	if out.Ignored == "" || out.Page == 0 {
		t.Errorf("nothing may stay, or no page was looked at: %+v", out)
	}
	out.Ignored, out.Page = "", 0
	return out
}

func TestTheDriftDemoFindsWhatWasPlantedAndNothingElse(t *testing.T) {
	t.Parallel()
	want := driftDemo{Hosts: 12, Planted: 14, Found: 14, Entries: 5, Unchecked: 12, Automatic: 4, Approved: 9}
	if os.Geteuid() == 0 {
		want = driftDemo{Real: true, Hosts: 6, Planted: 7, Found: 7, Entries: 4, Unchecked: 6, Automatic: 2, Approved: 4}
	}
	if got := runDriftDemo(t); got != want {
		t.Errorf("it came out as %+v, want %+v", got, want)
	}
}

// Where there is no sshd the hosts are folders, and the demo needs nothing but Go.
func TestTheDriftDemoNeedsNothingButGo(t *testing.T) {
	t.Parallel()
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	want := driftDemo{Hosts: 12, Planted: 14, Found: 14, Entries: 5, Unchecked: 12, Automatic: 4, Approved: 9}
	if got := runDriftDemo(t, "PATH="+filepath.Dir(tool)+":/usr/bin:/bin"); got != want {
		t.Errorf("it came out as %+v, want %+v", got, want)
	}
}
