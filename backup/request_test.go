package backup

import (
	"strings"
	"testing"
)

func TestARequestToRestoreSaysOnePlaceThatFitsItsSource(t *testing.T) {
	moved := map[string]string{"shop": "shop2"}
	for _, c := range []struct {
		name    string
		cluster bool
		q       Request
		wrong   string // empty is right
	}{
		{"files go into a folder", false, Request{Folder: "back"}, ""},
		{"or in place", false, Request{InPlace: true}, ""},
		{"but not nowhere", false, Request{}, "say where"},
		{"nor to two places", false, Request{Folder: "back", InPlace: true}, "say where"},
		{"nor into a cluster", false, Request{Cluster: "far"}, "copied from a cluster"},
		{"nor under other names", false, Request{Folder: "back", Images: moved}, "copied from a cluster"},
		{"objects go in place", true, Request{InPlace: true, Existing: "update", DryRun: true}, ""},
		{"or beside, under another name", true, Request{Namespaces: moved}, ""},
		{"or into another cluster under another name", true, Request{Cluster: "far", Namespaces: moved, StorageClasses: moved}, ""},
		{"but not into a folder", true, Request{Folder: "back"}, "cluster only"},
		{"nor into a database", true, Request{Database: "db"}, "cluster only"},
		{"nor nowhere", true, Request{}, "say where"},
		{"in place and elsewhere is two places", true, Request{InPlace: true, Cluster: "far"}, "say where"},
		{"what happens to what is there is one of three words", true, Request{InPlace: true, Existing: "maybe"}, "want fail, skip or update"},
		{"and not a word for folders", true, Request{InPlace: true, Replace: true}, "--existing update"},
	} {
		err := c.q.check(c.cluster)
		if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.wrong)
		}
	}
}
