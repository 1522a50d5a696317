package store_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/core/store"
)

const owner = "STORE_TEST_OWNER"

// The child owns a data directory until its standard input ends.
func TestMain(m *testing.M) {
	dir := os.Getenv(owner)
	if dir == "" {
		os.Exit(m.Run())
	}
	s, err := store.Open(context.Background(), dir)
	if err != nil {
		os.Exit(1)
	}
	_, _ = os.Stdout.WriteString("mine\n")
	_, _ = os.Stdin.Read(make([]byte, 1)) // ends with the parent
	_ = s.Close()
}

func open(t *testing.T, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // some tests close it themselves
	return s
}

func TestTheSecondProcessIsToldWhoHasTheDirectoryAndAKilledOneLeavesItFree(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), owner+"="+dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer in.Close() // the child is dead by then
	if _, err := out.Read(make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	_, err = store.Open(t.Context(), dir)
	var used *store.InUseError
	if !errors.As(err, &used) || used.PID != cmd.Process.Pid || used.Since.IsZero() || !strings.Contains(err.Error(), dir) {
		t.Fatalf("got %v, want the child %d to be named", err, cmd.Process.Pid)
	}
	reader, err := store.OpenReadOnly(t.Context(), dir)
	if err != nil {
		t.Fatalf("reading is for everybody: %v", err)
	}
	if _, err := reader.DB().ExecContext(t.Context(), "DELETE FROM holds"); err == nil {
		t.Error("a reader can write")
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed, as wanted
	open(t, dir)
}

func TestADirectoryIsPrivateAndReadableAfterItsOwnerHasGone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	if err := open(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Fatalf("the directory is %v, %v; want 0700", info.Mode(), err)
	}
	r, err := store.OpenReadOnly(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close() // only read
	if _, err := r.Holds(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	if _, err := store.OpenReadOnly(t.Context(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "no database") {
		t.Errorf("an empty directory says %v", err)
	}
}

func TestADatabaseOfANewerGoodstateIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if _, err := s.DB().ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "newer goodstate") {
		t.Fatalf("got %v", err)
	}
}

func TestADamagedDatabaseSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, store.File), []byte(strings.Repeat("not a database ", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := store.Open(t.Context(), dir)
	if err == nil || !strings.Contains(err.Error(), "damaged") || !strings.Contains(err.Error(), dir) {
		t.Fatalf("got %v", err)
	}
	if _, err := store.Open(t.Context(), dir); err == nil || strings.Contains(err.Error(), "used by") {
		t.Fatalf("a failed open keeps the lock: %v", err)
	}
}

func TestTheStoreOutlivesAHandleThatALibraryClosed(t *testing.T) {
	s := open(t, t.TempDir())
	db, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.PingContext(t.Context()), db.Close(), s.DB().PingContext(t.Context())); err != nil {
		t.Fatal(err)
	}
}

func TestAHoldIsKeptAndLetGo(t *testing.T) {
	s := open(t, t.TempDir())
	r := good.Release{Service: "shop", Version: "v2", Commit: strings.Repeat("ab", 20)}
	h := store.Hold{Service: "shop", Release: r.ID(), Version: "v2", Commit: r.Commit, Why: "errors", Who: "goodstate", At: time.Now()}
	if err := errors.Join(s.PutHold(t.Context(), h), s.PutHold(t.Context(), h)); err != nil {
		t.Fatal(err)
	}
	holds, err := s.Holds(t.Context(), "shop")
	if err != nil || len(holds) != 1 || holds[0].Why != "errors" {
		t.Fatalf("%+v %v", holds, err)
	}
}
