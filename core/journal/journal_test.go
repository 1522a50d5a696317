package journal_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/core/store"
)

func open(t *testing.T) (*journal.Journal, *store.Store) {
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
	return journal.New(s), s
}

func write(t *testing.T, j *journal.Journal, n int) {
	t.Helper()
	for i := range n {
		if _, err := j.Append(t.Context(), journal.Entry{Event: "did", Text: fmt.Sprint("thing ", i), Data: json.RawMessage(`{"n":1}`)}); err != nil {
			t.Fatal(err)
		}
	}
}

func verify(t *testing.T, j *journal.Journal) journal.Report {
	t.Helper()
	r, err := j.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAnUntouchedJournalVerifies(t *testing.T) {
	j, _ := open(t)
	if r := verify(t, j); len(r.Problems) != 0 || r.Entries != 0 {
		t.Fatalf("an empty one: %+v", r)
	}
	write(t, j, 5)
	if r := verify(t, j); len(r.Problems) != 0 || r.Entries != 5 || len(r.Head) != 64 {
		t.Fatalf("%+v", r)
	}
}

func TestTheTableRefusesChanges(t *testing.T) {
	j, s := open(t)
	write(t, j, 1)
	for _, q := range []string{"UPDATE journal SET text = 'x'", "DELETE FROM journal"} {
		if _, err := s.DB().ExecContext(t.Context(), q); err == nil || !strings.Contains(err.Error(), "only grows") {
			t.Errorf("%s: %v", q, err)
		}
	}
}

func TestTamperingIsFound(t *testing.T) {
	for _, c := range []struct {
		name, do string
		seq      int64
	}{
		{"a changed text", "UPDATE journal SET text = 'nothing' WHERE seq = 3", 3},
		{"changed data", "UPDATE journal SET data = '{}' WHERE seq = 3", 3},
		{"a changed time", "UPDATE journal SET at = at + 1 WHERE seq = 3", 3},
		{"a changed actor", "UPDATE journal SET actor = 'bob' WHERE seq = 3", 3},
		{"words moved from one field to the next", "UPDATE journal SET event = 'di', target = 'd' WHERE seq = 3", 3},
		{"a missing first entry", "DELETE FROM journal WHERE seq = 1", 1},
		{"a missing entry", "DELETE FROM journal WHERE seq = 3", 3},
		{"a missing tail", "DELETE FROM journal WHERE seq >= 5", 5},
		{"everything gone", "DELETE FROM journal", 1},
		{"two entries in each other's place", "UPDATE journal SET seq = -3 WHERE seq = 3; UPDATE journal SET seq = 3 WHERE seq = 4; UPDATE journal SET seq = 4 WHERE seq = -3", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			j, s := open(t)
			write(t, j, 6)
			if _, err := s.DB().ExecContext(t.Context(), "DROP TRIGGER journal_keeps_entries; DROP TRIGGER journal_keeps_words; "+c.do); err != nil {
				t.Fatal(err)
			}
			r := verify(t, j)
			if len(r.Problems) == 0 || r.Problems[0].Seq != c.seq {
				t.Fatalf("found %+v, want a problem at %d", r.Problems, c.seq)
			}
		})
	}
}

func TestAHeadThatIsBehindAfterACrashIsNoTampering(t *testing.T) {
	j, s := open(t)
	write(t, j, 2)
	head := filepath.Join(s.Dir(), "journal.head")
	old, err := os.ReadFile(head)
	if err != nil {
		t.Fatal(err)
	}
	write(t, j, 1)
	if err := os.WriteFile(head, old, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := verify(t, j); len(r.Problems) != 0 {
		t.Fatalf("%+v", r.Problems)
	}
}

func TestAKeyIsRecordedOnce(t *testing.T) {
	j, _ := open(t)
	first, err := j.Append(t.Context(), journal.Entry{Event: "did", Text: "once", Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	again, err := j.Append(t.Context(), journal.Entry{Event: "did", Text: "twice", Key: "k"})
	if err != nil || again.Seq != first.Seq || again.Hash != first.Hash || again.Text != "once" {
		t.Fatalf("%+v %v", again, err)
	}
}

func TestManyWritersMakeOneChain(t *testing.T) {
	j, _ := open(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 10 {
				if _, err := j.Append(t.Context(), journal.Entry{Event: "did"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if r := verify(t, j); len(r.Problems) != 0 || r.Entries != 80 {
		t.Fatalf("%+v", r)
	}
}

func TestSecretsAreTakenOutBeforeTheyAreStored(t *testing.T) {
	j, s := open(t)
	j.Redact(func(text string) string { return strings.ReplaceAll(text, "hunter2", "***") })
	data := json.RawMessage(`{"args":["--password","hunter2"],"n":12345678901234567890}`)
	if _, err := j.Append(t.Context(), journal.Entry{Event: "did", Text: "login with hunter2", Data: data}); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := j.Export(t.Context(), &out, journal.Filter{}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "hunter2") || !strings.Contains(out.String(), "12345678901234567890") {
		t.Fatal(out.String())
	}
	if r := verify(t, journal.New(s)); len(r.Problems) != 0 {
		t.Fatalf("%+v", r)
	}
}

func TestFollowYieldsWhatIsThereAndThenWhatComes(t *testing.T) {
	j, _ := open(t)
	write(t, j, 2)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var seen []int64
	var writing sync.WaitGroup
	defer writing.Wait()
	for e, err := range j.Follow(ctx, 1) {
		if err != nil {
			t.Fatal(err)
		}
		if seen = append(seen, e.Seq); e.Seq == 2 {
			writing.Go(func() {
				for range 2 {
					if _, err := j.Append(context.WithoutCancel(ctx), journal.Entry{Event: "did"}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		if e.Seq == 4 {
			stop()
		}
	}
	if fmt.Sprint(seen) != "[2 3 4]" {
		t.Fatalf("%v", seen)
	}
}

func TestListPagesBothWays(t *testing.T) {
	j, _ := open(t)
	write(t, j, 6)
	page, err := j.List(t.Context(), journal.Filter{Before: 5, Limit: 2, Newest: true})
	if err != nil || len(page) != 2 || page[0].Seq != 4 || page[1].Seq != 3 {
		t.Fatalf("%+v %v", page, err)
	}
}

func TestAHeadThatWasTakenAwayIsFound(t *testing.T) {
	j, s := open(t)
	write(t, j, 3)
	if err := os.Remove(filepath.Join(s.Dir(), "journal.head")); err != nil {
		t.Fatal(err)
	}
	if r := verify(t, j); len(r.Problems) != 1 || !strings.Contains(r.Problems[0].What, "journal.head is missing") {
		t.Fatalf("%+v", r.Problems)
	}
}
