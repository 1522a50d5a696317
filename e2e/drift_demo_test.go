package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestTheDriftDemoFindsWhatWasPlantedAndNothingElse(t *testing.T) {
	t.Parallel()
	scratch := t.TempDir()
	cmd := exec.Command(os.Args[0], "demo", "drift", "--json")
	cmd.Env = append(os.Environ(), "TMPDIR="+scratch)
	text, err := cmd.CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	var out struct {
		Planted   int    `json:"planted"`
		Found     int    `json:"found"`
		Claimed   int    `json:"falsely_found"`
		Entries   int    `json:"entries"`
		Unchecked int    `json:"cannot_be_checked"`
		Corrected int    `json:"corrected"`
		Ignored   string `json:"ignored"`
	}
	if jerr := json.Unmarshal([]byte(lines[len(lines)-1]), &out); err != nil || jerr != nil {
		t.Fatalf("%v %v\n%s", err, jerr, text)
	}
	if out.Planted != 14 || out.Found != 14 || out.Claimed != 0 || out.Entries != 5 || out.Unchecked != 12 || out.Corrected != 13 || out.Ignored == "" {
		t.Errorf("it came out as %+v", out)
	}
	if left, err := os.ReadDir(scratch); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v behind (%v)", left, err)
	}
}
