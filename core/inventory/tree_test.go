package inventory

import (
	"os"
	"path/filepath"
	"testing"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/core/yaml11"
)

func TestATreeHasTheHostsThatAreLeft(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(path, []byte("[web]\nw1 a=1\nw2\n[db]\nd1\n[prod:children]\nweb\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	load := func(path string) (any, error) {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		return yaml11.Load(path, text, yaml11.Options{})
	}
	inv, err := Load(t.Context(), []string{path}, Options{Load: load})
	if err != nil {
		t.Fatal(err)
	}
	hosts, err := inv.Select([]string{"web", "!w2"})
	if err != nil {
		t.Fatal(err)
	}
	inv.Only(hosts)
	tree, err := inv.Tree()
	if err != nil {
		t.Fatal(err)
	}
	want := "{'all': {'children': {'ungrouped': {}, 'db': {}, 'prod': {'children': {'web': {'hosts': {'w1': {'a': 1}}}}}}}}"
	if got := py.Repr(tree); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if doc, err := inv.Document(); err != nil || py.Repr(doc) != "{'web': {'hosts': ['w1']}, 'prod': {'children': ['web']}, 'all': {'children': ['ungrouped', 'db', 'prod']}, '_meta': {'hostvars': {'w1': {'a': 1}}}}" {
		t.Errorf("%s %v", py.Repr(doc), err)
	}
}
