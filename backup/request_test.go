package backup

import (
	"strings"
	"testing"
)

func TestARequestToRestoreSaysOnePlaceThatFitsItsSource(t *testing.T) {
	moved := map[string]string{"shop": "shop2"}
	for _, c := range []struct {
		name  string
		kind  string
		q     Request
		wrong string // empty is right
	}{
		{"files go into a folder", "files", Request{Folder: "back"}, ""},
		{"or in place", "files", Request{InPlace: true}, ""},
		{"but not nowhere", "files", Request{}, "say where"},
		{"nor to two places", "files", Request{Folder: "back", InPlace: true}, "say where"},
		{"nor into a cluster", "files", Request{Cluster: "far"}, "copied from a cluster"},
		{"nor under other names", "files", Request{Folder: "back", Images: moved}, "copied from a cluster"},
		{"objects go in place", "kubernetes", Request{InPlace: true, Existing: "update", DryRun: true}, ""},
		{"or beside, under another name", "kubernetes", Request{Namespaces: moved}, ""},
		{"or into another cluster under another name", "kubernetes", Request{Cluster: "far", Namespaces: moved, StorageClasses: moved}, ""},
		{"but not into a folder", "kubernetes", Request{Folder: "back"}, "cluster only"},
		{"nor into a database", "kubernetes", Request{Database: "db"}, "cluster only"},
		{"nor nowhere", "kubernetes", Request{}, "say where"},
		{"in place and elsewhere is two places", "kubernetes", Request{InPlace: true, Cluster: "far"}, "say where"},
		{"what happens to what is there is one of three words", "kubernetes", Request{InPlace: true, Existing: "maybe"}, "want fail, skip or update"},
		{"and not a word for folders", "kubernetes", Request{InPlace: true, Replace: true}, "--existing update"},
		{"objects of a bucket go in place", "bucket", Request{InPlace: true, Replace: true}, ""},
		{"or into another bucket", "bucket", Request{Bucket: "other/below/"}, ""},
		{"but not to two places", "bucket", Request{Bucket: "other", InPlace: true}, "once"},
		{"nor into a folder as objects", "bucket", Request{Folder: "back"}, "bucket only"},
		{"and files not into a bucket", "files", Request{Bucket: "other"}, "copied from a bucket"},
	} {
		err := c.q.check(c.kind)
		if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.wrong)
		}
	}
}
