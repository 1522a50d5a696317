package real

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // driver pgx
)

// Postgres starts a scratch PostgreSQL on loopback and returns the URL of an empty database in it, as its superuser
// "goodstate". It is gone when the test ends. The URL is empty where WITHOUT has postgres.
func Postgres(t testing.TB) string {
	t.Helper()
	initdb := Need(t, "postgres", "initdb")
	if initdb == "" {
		return ""
	}
	const password = "scratch-password"
	s := newScratch(t, "postgres")
	data, words := filepath.Join(s.dir, "data"), filepath.Join(s.dir, "password")
	if err := os.WriteFile(words, []byte(password), 0o600); err != nil {
		t.Fatalf("writing the password of PostgreSQL: %v", err)
	}
	if s.as != nil {
		if err := os.Chown(words, int(s.as.Uid), int(s.as.Gid)); err != nil {
			t.Fatalf("giving the password file to the server's account: %v", err)
		}
	}
	s.run(t, initdb, "-D", data, "-U", "goodstate", "--pwfile", words, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync")
	port := FreePort(t)
	srv := s.start(t, syscall.SIGQUIT, filepath.Join(filepath.Dir(initdb), "postgres"), "-D", data,
		"-c", "listen_addresses=127.0.0.1", "-c", "port="+strconv.Itoa(port), "-c", "unix_socket_directories="+s.dir,
		"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "shared_buffers=16MB", "-c", "max_connections=50")
	dsn := fmt.Sprintf("postgres://goodstate:%s@127.0.0.1:%d/postgres?sslmode=disable", password, port)
	srv.ready(t, func() error { return ping("pgx", dsn) })
	return dsn
}

func ping(driver, dsn string) error {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return db.PingContext(ctx)
}
