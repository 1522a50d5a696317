package real_test

import (
	"database/sql"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/internal/real"
)

func TestPostgresAnswersAndIsGoneAfterwards(t *testing.T) {
	answersAndGoes(t, "pgx", real.Postgres)
}

func TestMariaDBAnswersAndIsGoneAfterwards(t *testing.T) {
	answersAndGoes(t, "mysql", real.MariaDB)
}

func answersAndGoes(t *testing.T, driver string, start func(testing.TB) string) {
	var address string
	t.Run("while it runs", func(t *testing.T) {
		dsn := start(t)
		if dsn == "" {
			return
		}
		_, address, _ = strings.Cut(dsn, "127.0.0.1:")
		address, _, _ = strings.Cut(strings.ReplaceAll(address, ")", "/"), "/")
		db, err := sql.Open(driver, dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		var n int
		if err := db.QueryRowContext(t.Context(), "select 41 + 1").Scan(&n); err != nil || n != 42 {
			t.Fatalf("the server says %d, %v, want 42", n, err)
		}
	})
	if address == "" {
		return
	}
	conn, err := net.DialTimeout("tcp", "127.0.0.1:"+address, time.Second)
	if err == nil {
		conn.Close()
		t.Errorf("the server still answers on port %s after its test", address)
	}
}

// recorder is a testing.TB that keeps what a test would have failed with.
type recorder struct {
	testing.TB
	fatal, logged string
}

func (r *recorder) Helper()                         {}
func (r *recorder) Logf(format string, args ...any) { r.logged = fmt.Sprintf(format, args...) }
func (r *recorder) Fatalf(format string, args ...any) {
	r.fatal = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (r *recorder) need(name string, binaries ...string) string {
	var path string
	done := make(chan struct{})
	go func() {
		defer close(done)
		path = real.Need(r, name, binaries...)
	}()
	<-done
	return path
}

func TestAMissingProgramFailsWithThePackageToInstall(t *testing.T) {
	t.Setenv("WITHOUT", "")
	r := &recorder{TB: t}
	r.need("chromium", "no-such-browser", "nor-this-one")
	if want := "no-such-browser or nor-this-one is not installed; apt-get install chromium"; !strings.HasPrefix(r.fatal, want) {
		t.Errorf("%q, want %q", r.fatal, want)
	}
}

func TestWhatIsLeftOutIsLogged(t *testing.T) {
	t.Setenv("WITHOUT", "haproxy,chromium")
	r := &recorder{TB: t}
	if path := r.need("chromium", "no-such-browser"); path != "" || r.fatal != "" {
		t.Errorf("path %q, failure %q, want neither", path, r.fatal)
	}
	if !strings.Contains(r.logged, "chromium") {
		t.Errorf("the log %q does not say what was left out", r.logged)
	}
}

func TestAProgramThatIsThereIsFound(t *testing.T) {
	t.Setenv("WITHOUT", "")
	path := real.Need(t, "git")
	if info, err := os.Stat(path); err != nil || info.Mode()&0o111 == 0 {
		t.Errorf("%q is not a program: %v", path, err)
	}
}
