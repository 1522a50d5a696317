package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"goodstate.dev/goodstate/internal/real"
)

func TestTheBackupDemoBringsEveryRowAndEveryFileBack(t *testing.T) {
	t.Parallel()
	if real.Need(t, "postgres", "initdb") == "" {
		return
	}
	scratch, err := os.MkdirTemp("", "demo")
	if err == nil {
		err = os.Chmod(scratch, 0o711) //nolint:gosec // the server's account passes through
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(scratch) }() // it is looked into below
	cmd := exec.Command(os.Args[0], "demo", "backup", "--json")
	cmd.Env = append(os.Environ(), "TMPDIR="+scratch)
	text, err := cmd.CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	var out struct {
		Rows      int     `json:"rows_compared"`
		Lost      int     `json:"rows_lost"`
		TooMany   int     `json:"rows_too_many"`
		Files     int     `json:"files_compared"`
		FilesLost int     `json:"files_lost"`
		Recovery  float64 `json:"recovery_seconds"`
		Drill     string  `json:"drill"`
		Runbook   string  `json:"runbook"`
	}
	if jerr := json.Unmarshal([]byte(lines[len(lines)-1]), &out); err != nil || jerr != nil {
		t.Fatalf("%v %v\n%s", err, jerr, text)
	}
	if out.Rows < 100_000 || out.Lost+out.TooMany+out.FilesLost != 0 || out.Files != 200 || out.Recovery <= 0 || strings.Count(out.Drill, "proven") != 2 || out.Runbook == "" {
		t.Errorf("it came out as %+v", out)
	}
	if left, err := os.ReadDir(scratch); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v behind (%v)", left, err)
	}
}
