package source

import (
	"slices"
	"strings"
	"testing"
)

func TestAnotherDatabaseOfTheServerIsReachedAsTheAddressSays(t *testing.T) {
	for _, c := range []struct{ name, address, want string }{
		{"a URL", "postgres://ann:p%40ss@db.example.com:5433/shop?sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem", "postgres://ann:p%40ss@db.example.com:5433/scratch?sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem"},
		{"a URL that names the database after its question mark", "postgres://ann@db.example.com?dbname=shop&sslmode=verify-ca", "postgres://ann@db.example.com/scratch?sslmode=verify-ca"},
		{"a URL of two servers", "postgresql://ann@one:1,two:2/shop?target_session_attrs=read-write", "postgresql://ann@one:1,two:2/scratch?target_session_attrs=read-write"},
		{"keywords", "host=db.example.com dbname=shop sslmode=verify-full", "host=db.example.com dbname=shop sslmode=verify-full dbname='scratch'"},
	} {
		if got, err := withDatabase(c.address, "scratch"); err != nil || got != c.want {
			t.Errorf("%s: %q, %v, want %q", c.name, got, err, c.want)
		}
	}
}

func TestClientProgramsGetTheAddressAsItWasWritten(t *testing.T) {
	t.Setenv("PGSSLMODE", "") // an environment may say it too
	for _, c := range []struct {
		name, address string
		want          []string
		not           string
	}{
		{"how the server proves itself", "postgres://ann:secret@db:5433/shop?sslmode=require&application_name=a%20b", []string{"PGHOST=db", "PGPORT=5433", "PGUSER=ann", "PGDATABASE=shop", "PGPASSWORD=secret", "PGSSLMODE=require", "PGAPPNAME=a b", "PGCONNECT_TIMEOUT=10"}, ""},
		{"nothing that was not said", "postgres://ann@db/shop", []string{"PGHOST=db", "PGPORT=5432"}, "PGSSLMODE"},
		{"two servers", "postgres://ann@one:1,two:2/shop?sslmode=disable&connect_timeout=3", []string{"PGHOST=one,two", "PGPORT=1,2", "PGCONNECT_TIMEOUT=3"}, "PGCONNECT_TIMEOUT=10"},
		{"keywords with quotes", `host='/var/run/a b' user=ann password='it\'s' dbname = shop sslmode=disable options='-c x=1'`, []string{"PGHOST=/var/run/a b", "PGPASSWORD=it's", "PGDATABASE=shop", "PGOPTIONS=-c x=1"}, ""},
	} {
		env, _, err := postgresEnv(c.address)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		for _, want := range c.want {
			if !slices.Contains(env, want) {
				t.Errorf("%s: %q lacks %s", c.name, env, want)
			}
		}
		if c.not != "" && slices.ContainsFunc(env, func(v string) bool { return strings.HasPrefix(v, c.not) }) {
			t.Errorf("%s: %q has %s", c.name, env, c.not)
		}
	}
	for _, bad := range []string{"postgres://ann:secret@host:port/shop", "host='db", "nothing secret"} {
		if _, _, err := postgresEnv(bad); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v, want an error that says nothing of the password", bad, err)
		}
	}
}
