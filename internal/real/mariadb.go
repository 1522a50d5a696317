package real

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	_ "github.com/go-sql-driver/mysql" // driver mysql
)

// MariaDB starts a scratch MariaDB on loopback and returns the DSN (in the form of go-sql-driver) of an empty database in
// it, with all rights. It is gone when the test ends. The DSN is empty where WITHOUT has mariadb.
func MariaDB(t testing.TB) string {
	t.Helper()
	return MariaDBWith(t)
}

// MariaDBWith starts a MariaDB with more options of the server, for example --log-bin.
func MariaDBWith(t testing.TB, options ...string) string {
	t.Helper()
	daemon := Need(t, "mariadb", "mariadbd", "mysqld")
	install := Need(t, "mariadb", "mariadb-install-db", "mysql_install_db")
	if daemon == "" || install == "" {
		return ""
	}
	const password = "scratch-password"
	s := newScratch(t, "mysql")
	data, first := filepath.Join(s.dir, "data"), filepath.Join(s.dir, "first.sql")
	small := []string{
		"--innodb-doublewrite=0", "--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync",
		"--innodb-buffer-pool-size=16M", "--innodb-log-file-size=4M", "--aria-pagecache-buffer-size=8M", "--key-buffer-size=1M",
	}
	s.run(t, install, append([]string{"--no-defaults", "--datadir=" + data, "--skip-test-db", "--auth-root-authentication-method=normal"}, small...)...)
	sql := fmt.Sprintf("CREATE DATABASE goodstate;\nCREATE USER 'goodstate'@'%%' IDENTIFIED BY '%s';\nGRANT ALL ON *.* TO 'goodstate'@'%%' WITH GRANT OPTION;\n", password)
	if err := os.WriteFile(first, []byte(sql), 0o644); err != nil { //nolint:gosec // the server's account reads it
		t.Fatalf("writing the first statements of MariaDB: %v", err)
	}
	port := FreePort(t)
	srv := s.start(t, syscall.SIGTERM, daemon, append(append([]string{
		"--no-defaults", "--datadir=" + data, "--init-file=" + first, "--socket=" + filepath.Join(s.dir, "sock"),
		"--pid-file=" + filepath.Join(s.dir, "pid"), "--bind-address=127.0.0.1", "--port=" + strconv.Itoa(port), "--skip-name-resolve",
	}, small...), options...)...)
	dsn := fmt.Sprintf("goodstate:%s@tcp(127.0.0.1:%d)/goodstate", password, port)
	srv.ready(t, func() error { return ping("mysql", dsn) })
	return dsn
}
