package proxy

import (
	"fmt"
	"strings"
	"testing"
)

func TestFailingRequestsAreCountedByKindWithoutWhatNamesSomebody(t *testing.T) {
	var w witness
	for i := range 40 {
		w.note("v2", "GET", fmt.Sprintf("/user/%d/cart", i), 500, 100+int64(i))
	}
	w.note("v2", "GET", "/reset/ann@example.org", 500, 100)
	w.note("v2", "POST", "/cart", 0, 100)
	w.note("v1", "GET", "/user/7/cart", 500, 100)
	all := w.list(200)
	if len(all) != 4 || all[0].Path != "/user/*/cart" || all[0].Count != 40 || all[0].First != 100 || all[0].Last != 139 {
		t.Fatalf("%+v", all)
	}
	for _, f := range all {
		if strings.Contains(f.Path, "ann") {
			t.Errorf("%s names somebody", f.Path)
		}
	}
}

func TestWhateverIsAskedTheRoomForFailingRequestsIsBounded(t *testing.T) {
	var w witness
	for i := range 10_000 {
		w.note("v2", "GET", "/"+strings.Repeat("a", i%20)+"/"+string(rune('a'+i%26))+strings.Repeat("/b", i%50), 500+i%9, 100)
	}
	w.note("v2", "GET", "/"+strings.Repeat("/x", 100_000), 500, 100)
	all := w.list(100)
	if len(all) > witnessMost {
		t.Errorf("%d kinds are kept, want %d at most", len(all), witnessMost)
	}
	for _, f := range all {
		if len(f.Path) > witnessPath {
			t.Errorf("a path of %d bytes is kept", len(f.Path))
		}
	}
	w.note("v2", "GET", "/later", 500, 100+2*witnessLast)
	if all := w.list(100 + 2*witnessLast); len(all) != 1 || all[0].Path != "/later" {
		t.Errorf("what is long over is still told: %d kinds", len(all))
	}
}
