package engine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/py"
)

func TestFactsOfACacheAreReadOrRefused(t *testing.T) {
	c := &FactCache{Dir: filepath.Join(t.TempDir(), "facts"), Keep: time.Hour}
	if err := c.write("web1", py.DictOf("ansible_x", "{{ evil }}")); err != nil {
		t.Fatal(err)
	}
	facts, err := c.read("web1")
	if err != nil || facts == nil {
		t.Fatal(facts, err)
	}
	if v, _ := facts.Get("ansible_x"); !py.IsUnsafe(v) {
		t.Errorf("%#v, want text that is never a template", v)
	}
	path := filepath.Join(c.Dir, "web1")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v, want a file for its owner only", info, err)
	}
	old := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	if facts, err := c.read("web1"); facts != nil || err != nil {
		t.Errorf("%v %v, want none: they are too old", facts, err)
	}
	if facts, err := c.read("web2"); facts != nil || err != nil {
		t.Errorf("%v %v, want none: there is no file", facts, err)
	}
	for _, name := range []string{"", "..", "../web1", "a/b"} {
		if err := c.write(name, py.NewDict()); err == nil {
			t.Errorf("facts of host %q were written", name)
		}
	}
	for _, text := range []string{"not json", "[1]"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := c.read("web1"); err == nil || !strings.Contains(err.Error(), "delete the file") {
			t.Errorf("%q: %v, want what to do", text, err)
		}
	}
}
