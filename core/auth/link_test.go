package auth_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/auth"
)

func TestALinkHoldsForWhatItWasMadeForAndNoLonger(t *testing.T) {
	path := filepath.Join(t.TempDir(), "links.key")
	l, err := auth.OpenLinks(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the key is %v, %v", info, err)
	}
	until := time.Unix(2_000_000_000, 0)
	now, stamp := until.Add(-time.Hour), strconv.FormatInt(until.Unix(), 10)
	sig := l.Sign(until, "run-1", "approve-1")
	again, err := auth.OpenLinks(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Check(sig, stamp, now, "run-1", "approve-1"); err != nil {
		t.Errorf("after a restart it says %v", err)
	}
	for name, err := range map[string]error{
		"another run":          l.Check(sig, stamp, now, "run-2", "approve-1"),
		"words put otherwise":  l.Check(sig, stamp, now, "run-1approve-1"),
		"a longer time":        l.Check(sig, stamp+"0", now, "run-1", "approve-1"),
		"no signature":         l.Check("", stamp, now, "run-1", "approve-1"),
		"a time that is none":  l.Check(sig, "soon", now, "run-1", "approve-1"),
		"another key":          (&auth.Links{}).Check(sig, stamp, now, "run-1", "approve-1"),
		"after its time, late": l.Check(sig, stamp, until.Add(time.Second), "run-1", "approve-1"),
	} {
		if err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if err := os.WriteFile(path, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := auth.OpenLinks(path); err == nil || !strings.Contains(err.Error(), "5 bytes") {
		t.Errorf("a damaged key says %v", err)
	}
}
