package backup_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/backup"
	"goodstate.dev/goodstate/backup/ledger"
	"goodstate.dev/goodstate/backup/source"
	"goodstate.dev/goodstate/backup/storage"
	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/core/notify"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/core/store"
)

// told keeps notices.
type told struct{ events []notify.Event }

func (n *told) Send(_ context.Context, e notify.Event) error {
	n.events = append(n.events, e)
	return nil
}

// shop is a folder of texts that is copied to a repository.
type shop struct {
	t     *testing.T
	files string
	b     *backup.Backups
	told  *told
}

func newShop(t *testing.T) *shop {
	t.Helper()
	dir := t.TempDir()
	folder, err := config.Choose[storage.Place]("folder", filepath.Join(dir, "repo"))
	if err != nil {
		t.Fatal(err)
	}
	return shopIn(t, dir, folder, func(context.Context, string) (string, error) { return "correct horse", nil })
}

// shopIn has its repository in a place of its own.
func shopIn(t *testing.T, dir string, place config.Choice[storage.Place], secret func(context.Context, string) (string, error)) *shop {
	t.Helper()
	s := &shop{t: t, files: filepath.Join(dir, "files"), told: &told{}}
	s.must(os.MkdirAll(s.files, 0o700))
	st, err := store.Open(t.Context(), filepath.Join(dir, "data"))
	s.must(err)
	t.Cleanup(func() { s.must(st.Close()) })
	j := journal.New(st)
	engine, err := run.Open(t.Context(), st, j, run.Options{})
	s.must(err)
	conf := backup.Config{}
	conf.Repositories.Set("main", backup.Repository{Choice: place, Password: config.SecretNamed("backup")})
	files, err := config.Choose[source.Source]("files", map[string]any{"paths": []string{s.files}})
	s.must(err)
	conf.Applications.Set("shop", backup.Application{Source: files, Repository: "main"})
	s.b = backup.New(backup.Options{
		Config: conf, Base: dir, Data: filepath.Join(dir, "data"), Engine: engine, Journal: j, Ledger: &ledger.Ledger{DB: st.DB()}, Notify: s.told, Log: slog.New(slog.DiscardHandler),
		Secret: secret,
	})
	s.must(engine.Launch(t.Context()))
	t.Cleanup(func() { s.must(engine.Close(context.Background())) })
	_, err = s.b.Init(t.Context(), "main")
	s.must(err)
	return s
}

func (s *shop) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) copy() {
	s.t.Helper()
	info, err := s.b.Start(s.t.Context(), backup.KindCopy, "shop", "test", "", backup.Request{})
	s.must(err)
	info, err = s.b.Engine.Wait(s.t.Context(), info.ID)
	s.must(err)
	if info.State != run.Succeeded || !strings.Contains(string(info.Result), `"complete":true`) {
		s.t.Fatalf("copy %s: %s %s", info.State, info.Error, info.Result)
	}
}

// text is what people write: words, none of them long.
func text(n, kib int) string {
	words := strings.Fields("tea cup order shop price of the and a green black paid sent back customer asked for more sugar today")
	var b strings.Builder
	for i := n; b.Len() < kib<<10; i++ {
		fmt.Fprintf(&b, "%s %d %s ", words[i*7%len(words)], i*n%9973, words[(i*i+n)%len(words)])
	}
	return b.String()
}

func (s *shop) alerts(kind string) []ledger.Alert {
	s.t.Helper()
	all, err := s.b.Alerts(s.t.Context(), true)
	s.must(err)
	var out []ledger.Alert
	for _, a := range all {
		if a.Kind == kind {
			out = append(out, a)
		}
	}
	return out
}

func TestFilesThatSomebodyEncryptsAreNoticedByTheNextCopy(t *testing.T) {
	s := newShop(t)
	for n := range 60 {
		s.must(os.WriteFile(filepath.Join(s.files, fmt.Sprint(n)), []byte(text(n+1, 32)), 0o600))
	}
	for n := range 5 { // ordinary days: texts are written anew
		s.copy()
		s.must(os.WriteFile(filepath.Join(s.files, fmt.Sprint(n)), []byte(text(n+100, 34)), 0o600))
	}
	s.copy()
	if all, err := s.b.Alerts(t.Context(), true); err != nil || len(all) != 0 {
		t.Fatalf("ordinary days raise %+v %v", all, err)
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it never fails
	block, err := aes.NewCipher(key)
	s.must(err)
	for n := range 12 { // a fifth of the files, as one that works slowly to stay unseen
		path := filepath.Join(s.files, fmt.Sprint(n+20))
		plain, err := os.ReadFile(path)
		s.must(err)
		cipher.NewCTR(block, make([]byte, aes.BlockSize)).XORKeyStream(plain, plain)
		s.must(os.WriteFile(path+".locked", plain, 0o600))
		s.must(os.Remove(path))
	}
	s.copy()
	found := s.alerts("encrypted")
	if len(found) != 1 || found[0].Severity != "critical" || !strings.Contains(found[0].Text, "cannot be compressed") || !strings.Contains(string(found[0].Evidence), `"fresh"`) {
		t.Fatalf("the encryption is not noticed: %+v", found)
	}
	frozen, err := s.b.Frozen(t.Context())
	if err != nil || len(frozen) != 1 {
		t.Fatalf("nothing is frozen: %v", err)
	}
	if _, err := s.b.Start(t.Context(), backup.KindPrune, "main", "mallory", "", backup.Request{}); err == nil {
		t.Error("a frozen repository is pruned")
	}
	if n := len(s.told.events); n == 0 || s.told.events[n-1].Severity != notify.Critical && !strings.Contains(fmt.Sprint(s.told.events), "backup.suspicious") {
		t.Errorf("nobody is told: %+v", s.told.events)
	}
}

func TestAKeyThatNobodyKnowsIsNoticed(t *testing.T) {
	s := newShop(t)
	s.must(os.WriteFile(filepath.Join(s.files, "a"), []byte("text"), 0o600))
	s.copy()
	repo, err := s.b.Open(t.Context(), "main")
	s.must(err)
	ours, err := repo.AddKey(t.Context(), "another one of ours")
	s.must(err)
	s.must(s.b.KnowKey(t.Context(), "main", ours, "ann"))
	s.copy()
	if found := s.alerts("key"); len(found) != 0 {
		t.Fatalf("a key of ours is an alarm: %+v", found)
	}
	_, err = repo.AddKey(t.Context(), "mallory's")
	s.must(err)
	s.must(repo.Close())
	s.must(s.b.Watch(t.Context(), "main", time.Now()))
	if found := s.alerts("key"); len(found) != 1 || found[0].Severity != "critical" {
		t.Fatalf("an unknown key is not noticed: %+v", found)
	}
	s.must(s.b.Watch(t.Context(), "main", time.Now()))
	if found := s.alerts("key"); len(found) != 1 {
		t.Errorf("it is told again: %+v", found)
	}
}
