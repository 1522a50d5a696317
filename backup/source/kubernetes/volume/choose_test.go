package volume

import (
	"strings"
	"testing"
)

func TestTheClassOfASnapshotIsThePlansTheDefaultOrTheOnlyOne(t *testing.T) {
	fast := snapshotClass{name: "fast", driver: "a"}
	usual := snapshotClass{name: "usual", driver: "a", usual: true}
	other := snapshotClass{name: "other", driver: "b"}
	for _, c := range []struct {
		name    string
		planned map[string]string
		all     []snapshotClass
		want    string
		fails   string
	}{
		{name: "a driver without classes makes none", all: []snapshotClass{other}},
		{name: "the only one", all: []snapshotClass{fast, other}, want: "fast"},
		{name: "the default of several", all: []snapshotClass{fast, usual, other}, want: "usual"},
		{name: "the plan's", planned: map[string]string{"a": "fast"}, all: []snapshotClass{fast, usual}, want: "fast"},
		{name: "several without a default", all: []snapshotClass{fast, {name: "slow", driver: "a"}}, fails: "no single default"},
		{name: "two defaults", all: []snapshotClass{usual, {name: "too", driver: "a", usual: true}}, fails: "no single default"},
		{name: "one that the cluster lacks", planned: map[string]string{"a": "gone"}, all: []snapshotClass{fast}, fails: "does not have"},
		{name: "one of another driver", planned: map[string]string{"a": "other"}, all: []snapshotClass{fast, other}, fails: "is for driver b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := choose("VolumeSnapshotClass", "a", c.planned, c.all)
			if got != c.want || (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("got %q, %v, want %q, %q", got, err, c.want, c.fails)
			}
		})
	}
}

func TestVolumesOfOneDriverAndNamespaceAreTakenTogether(t *testing.T) {
	make := func() []*taken {
		return []*taken{
			{claim: &claim{namespace: "shop", name: "a", driver: "x", snapshots: "s", groups: "g"}},
			{claim: &claim{namespace: "shop", name: "b", driver: "x", snapshots: "s", groups: "g"}},
			{claim: &claim{namespace: "shop", name: "c", driver: "y", snapshots: "s"}},
			{claim: &claim{namespace: "other", name: "d", driver: "x", snapshots: "s", groups: "g"}},
			{claim: &claim{namespace: "shop", name: "e"}, way: byFiles},
		}
	}
	ways := func(alone bool) string {
		all := make()
		sets := together(all, alone)
		var text []string
		for _, t := range all {
			text = append(text, t.name+"="+t.way)
		}
		return strings.Join(text, ",") + " in " + string(rune('0'+len(sets)))
	}
	if got, want := ways(false), "a=group snapshot,b=group snapshot,c=snapshot,d=snapshot,e=files in 3"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := ways(true), "a=snapshot,b=snapshot,c=snapshot,d=snapshot,e=files in 4"; got != want {
		t.Errorf("alone: got %s, want %s", got, want)
	}
}

func TestTheLargerSizeIsTaken(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"1Gi", "500Mi", "1Gi"}, {"1Gi", "2Gi", "2Gi"}, {"1Gi", "", "1Gi"}, {"", "5Gi", "5Gi"}, {"1Gi", "1073741825", "1073741825"}, {"1Gi", "1024Mi", "1Gi"},
	} {
		if got := larger(c.a, c.b); got != c.want {
			t.Errorf("larger of %q and %q is %q, want %q", c.a, c.b, got, c.want)
		}
	}
}
