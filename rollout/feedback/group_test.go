package feedback

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/store"
)

func TestReportsThatSayTheSameAreOneGroup(t *testing.T) {
	groups := []Group{{ID: 1, Text: "The basket of order 1001 is EMPTY after I pay!"}, {ID: 2, Text: "Login does not work"}, {ID: 3, Text: "Der Warenkorb ist leer"}}
	for text, want := range map[string]int64{
		"the basket of order 77 is empty after I pay": 1,
		"the basket is empty after I pay":             1,
		"Log-in does not work":                        2,
		"login doesnt work":                           2,
		"Der Warenkorb ist leer!!!":                   3,
		"The page is slow":                            0,
		"I cannot pay":                                0,
		"x":                                           0,
	} {
		if got := nearest(text, groups); got != want {
			t.Errorf("%q is in group %d, want %d", text, got, want)
		}
	}
}

func open(t *testing.T) *Store {
	t.Helper()
	s, err := store.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	spool := &Spool{Dir: filepath.Join(t.TempDir(), "feedback")}
	if _, err := spool.key(); err != nil {
		t.Fatal(err)
	}
	return &Store{DB: s.DB(), Spool: spool, Redact: func(text string) string { return strings.ReplaceAll(text, "hunter2", "(secret)") }}
}

func (s *Store) put(t *testing.T, text string) Report {
	t.Helper()
	r := Report{ID: newID(), Service: "web", Release: "v2", At: time.Now(), Kind: Problem, Text: text, Session: newID()}
	if err := s.Spool.Put(r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAReportIsTakenOnceWhoeverDiesMeanwhile(t *testing.T) {
	s := open(t)
	r := s.put(t, "my password hunter2 is shown")
	path, _ := filepath.Glob(filepath.Join(s.Spool.Dir, "*"+r.ID+".json"))
	text, err := os.ReadFile(path[0])
	if err != nil {
		t.Fatal(err)
	}
	if taken, err := s.Take(t.Context()); err != nil || len(taken) != 1 || taken[0].Text != "my password (secret) is shown" {
		t.Fatalf("taken is %+v, %v", taken, err)
	}
	if err := os.WriteFile(path[0], text, 0o600); err != nil { // as after a crash between the record and the folder
		t.Fatal(err)
	}
	if taken, err := s.Take(t.Context()); err != nil || len(taken) != 0 {
		t.Errorf("it was taken again: %+v, %v", taken, err)
	}
	if waiting, err := s.Spool.waiting(); err != nil || len(waiting) != 0 {
		t.Errorf("it still waits: %v, %v", waiting, err)
	}
	if err := os.WriteFile(filepath.Join(s.Spool.Dir, "0000-x.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.put(t, "another one")
	if taken, err := s.Take(t.Context()); err != nil || len(taken) != 1 {
		t.Errorf("after a file that is none, taken is %+v, %v", taken, err)
	}
}

func TestWhatWasClosedIsOpenedByTheNextReport(t *testing.T) {
	s := open(t)
	first := s.put(t, "The tea is cold")
	taken, err := s.Take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	id := taken[0].Group
	if _, err := s.Say(t.Context(), id, Answered, " ", "olga"); err == nil {
		t.Error("an empty answer was taken")
	}
	if _, err := s.Say(t.Context(), id, Closed, "mended", "olga"); err != nil {
		t.Fatal(err)
	}
	if a, ok := s.Spool.answered(first.ID); !ok || a.Text != "mended" || a.State != Closed {
		t.Errorf("its author finds %+v", a)
	}
	s.put(t, "the tea is COLD")
	if _, err := s.Take(t.Context()); err != nil {
		t.Fatal(err)
	}
	g, err := s.Group(t.Context(), id)
	if err != nil || g.State != Open || g.Count != 2 || len(g.Reports) != 2 {
		t.Errorf("the group is %+v, %v", g, err)
	}
	if _, err := s.Group(context.Background(), 99); err == nil {
		t.Error("there is a group 99")
	}
}

func TestLimitsHoldByAddressAndForAll(t *testing.T) {
	var l limits
	now := time.Unix(1700000000, 0)
	for i := range 5 {
		if err := l.allow("a", 3, now); (err != nil) != (i >= 3) {
			t.Errorf("report %d: %v", i, err)
		}
	}
	if err := l.allow("a", 3, now.Add(limitSpan)); err != nil {
		t.Errorf("ten minutes later: %v", err)
	}
	refused := 0
	for range 2 * serviceMost {
		if l.allow(newID(), 3, now.Add(limitSpan)) != nil {
			refused++
		}
	}
	if refused < serviceMost {
		t.Errorf("of many addresses only %d reports were refused", refused)
	}
	if place("2001:db8::1") != place("2001:db8::2") || place("10.0.0.1") == place("10.0.0.2") {
		t.Error("an IPv6 household has many places, or two IPv4 addresses have one")
	}
}
