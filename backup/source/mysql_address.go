package source

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/go-sql-driver/mysql"
)

// mysqlAddress is where a database of MariaDB or MySQL is.
type mysqlAddress struct {
	user, password, database string
	host, port               string
	socket                   string // in place of host and port
	tls                      string // true, skip-verify or false
}

// parseMySQL reads mysql://user:password@host:port/database, with ?tls=true, ?tls=skip-verify or ?socket=/path. Its errors say nothing of the password.
func parseMySQL(text string) (a mysqlAddress, err error) {
	unreadable := errors.New("the URL of the MariaDB database cannot be read; want mysql://user:password@host:3306/database, with what is special in the password written as in %40")
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "mysql" && u.Scheme != "mariadb" || u.User == nil {
		return a, unreadable
	}
	a = mysqlAddress{user: u.User.Username(), database: strings.TrimPrefix(u.Path, "/"), host: u.Hostname(), port: u.Port(), tls: "false"}
	a.password, _ = u.User.Password() // there may be none
	if a.port == "" {
		a.port = "3306"
	}
	for key, values := range u.Query() {
		switch {
		case key == "socket" && filepath.IsAbs(values[0]):
			a.socket = values[0]
		case key == "tls" && (values[0] == "true" || values[0] == "skip-verify" || values[0] == "false"):
			a.tls = values[0]
		default:
			return a, fmt.Errorf("the URL of the MariaDB database has a parameter %q that cannot be read; want tls=true, tls=skip-verify, tls=false, or socket=/path", key)
		}
	}
	if a.host == "" && a.socket == "" || a.user == "" || a.database == "" || strings.Contains(a.database, "/") {
		return a, unreadable
	}
	for _, s := range []string{a.user, a.password, a.database, a.host, a.socket} {
		if strings.ContainsFunc(s, unicode.IsControl) {
			return a, unreadable
		}
	}
	return a, nil
}

// url is the address in the form that it is read in.
func (a mysqlAddress) url() string {
	u := url.URL{Scheme: "mysql", User: url.UserPassword(a.user, a.password), Host: net.JoinHostPort(a.host, a.port), Path: "/" + a.database}
	q := url.Values{"tls": {a.tls}}
	if a.socket != "" {
		q.Set("socket", a.socket)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// open connects to the server; the database need not be there yet.
func (a mysqlAddress) open() (*sql.DB, error) {
	c := mysql.NewConfig()
	c.User, c.Passwd, c.Net, c.Addr, c.TLSConfig = a.user, a.password, "tcp", net.JoinHostPort(a.host, a.port), a.tls
	if a.socket != "" {
		c.Net, c.Addr = "unix", a.socket
	}
	c.Timeout, c.ParseTime, c.Logger = 10*time.Second, true, &mysql.NopLogger{} // what is wrong is in the error
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, errors.New("the URL of the MariaDB database cannot be used") // the driver's words may hold the password
	}
	return sql.OpenDB(connector), nil
}

// with calls f with a connection to the server.
func (a mysqlAddress) with(ctx context.Context, f func(*sql.Conn) error) (err error) {
	db, err := a.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("server of the MariaDB database: %w", err)
	}
	defer func() { _ = conn.Close() }() // the pool is closed too, and says what is wrong
	return f(conn)
}

// client gives f the arguments that the client programs find the server with: a file that only this account can read, as passwords are never arguments. It is gone afterwards.
func (a mysqlAddress) client(f func(argument string) error) (err error) {
	dir, err := os.MkdirTemp("", "goodstate-mysql-")
	if err != nil {
		return fmt.Errorf("options of MariaDB's programs: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "client.cnf")
	if err := os.WriteFile(path, []byte(a.options()), 0o600); err != nil {
		return fmt.Errorf("options of MariaDB's programs: %w", err)
	}
	return f("--defaults-file=" + path)
}

// options are those of MariaDB's client programs, see "Configuring MariaDB with Option Files" in its documentation for their quoting.
func (a mysqlAddress) options() string {
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`, `'`, `\'`)
	var b strings.Builder
	b.WriteString("[client]\n")
	add := func(key, value string) { fmt.Fprintf(&b, "%s=\"%s\"\n", key, quote.Replace(value)) }
	add("user", a.user)
	add("password", a.password)
	if a.socket != "" {
		add("socket", a.socket)
	} else {
		add("host", a.host)
		add("port", a.port)
		add("protocol", "tcp")
	}
	switch a.tls {
	case "true":
		b.WriteString("ssl\nssl-verify-server-cert\n")
	case "skip-verify":
		b.WriteString("ssl\nskip-ssl-verify-server-cert\n")
	default:
		b.WriteString("skip-ssl\n")
	}
	return b.String()
}

// backtick quotes a name for a statement.
func backtick(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }
