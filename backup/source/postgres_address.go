package source

import (
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// postgresVariables are the environment variables of PostgreSQL's client programs for what an address may say beside host, user and database, see "Environment Variables"
// in libpq's documentation.
var postgresVariables = map[string]string{
	"sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY", "sslcrl": "PGSSLCRL", "sslcrldir": "PGSSLCRLDIR", "sslsni": "PGSSLSNI",
	"ssl_min_protocol_version": "PGSSLMINPROTOCOLVERSION", "ssl_max_protocol_version": "PGSSLMAXPROTOCOLVERSION", "channel_binding": "PGCHANNELBINDING", "gssencmode": "PGGSSENCMODE",
	"krbsrvname": "PGKRBSRVNAME", "requirepeer": "PGREQUIREPEER", "connect_timeout": "PGCONNECT_TIMEOUT", "target_session_attrs": "PGTARGETSESSIONATTRS", "options": "PGOPTIONS",
	"application_name": "PGAPPNAME", "passfile": "PGPASSFILE", "service": "PGSERVICE", "servicefile": "PGSERVICEFILE", "hostaddr": "PGHOSTADDR",
}

var errPostgresURL = errors.New("the URL of the PostgreSQL database cannot be read; want postgres://user:password@host/database")

func isURL(address string) bool {
	return strings.HasPrefix(address, "postgres://") || strings.HasPrefix(address, "postgresql://")
}

// postgresEnv is the address of a database for the client programs, as it was written: passwords are never arguments.
func postgresEnv(address string) (env []string, database string, err error) {
	c, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, "", errPostgresURL // its words may hold the password
	}
	said, err := postgresSaid(address)
	if err != nil {
		return nil, "", err
	}
	hosts, ports := []string{c.Host}, []string{strconv.Itoa(int(c.Port))}
	for _, f := range c.Fallbacks { // other hosts, and the same one without TLS
		if port := strconv.Itoa(int(f.Port)); hosts[len(hosts)-1] != f.Host || ports[len(ports)-1] != port {
			hosts, ports = append(hosts, f.Host), append(ports, port)
		}
	}
	env = []string{"PGHOST=" + strings.Join(hosts, ","), "PGPORT=" + strings.Join(ports, ","), "PGUSER=" + c.User, "PGDATABASE=" + c.Database, "PGPASSWORD=" + c.Password}
	if said["connect_timeout"] == "" {
		env = append(env, "PGCONNECT_TIMEOUT=10")
	}
	for _, key := range slices.Sorted(maps.Keys(said)) {
		if name := postgresVariables[key]; name != "" {
			env = append(env, name+"="+said[key])
		}
	}
	return env, c.Database, nil
}

// postgresSaid are the settings that an address has, by their keywords, without those of a URL before its question mark.
func postgresSaid(address string) (map[string]string, error) {
	if !isURL(address) {
		return keywords(address)
	}
	_, query, _ := strings.Cut(address, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, errPostgresURL
	}
	said := map[string]string{}
	for key := range values {
		said[key] = values.Get(key)
	}
	return said, nil
}

// keywords reads an address like host=db dbname='a b', see "Keyword/Value Connection Strings" in libpq's documentation.
func keywords(text string) (map[string]string, error) {
	said := map[string]string{}
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		key, rest, ok := strings.Cut(text, "=")
		if key = strings.TrimSpace(key); !ok || key == "" || strings.ContainsAny(key, " \t\n'") {
			return nil, errPostgresURL
		}
		value, left, ok := keywordValue(strings.TrimLeft(rest, " \t\n"))
		if !ok {
			return nil, errPostgresURL
		}
		said[key], text = value, left
	}
	return said, nil
}

// keywordValue reads a value up to a space, or within quotes.
func keywordValue(text string) (value, rest string, ok bool) {
	quoted := strings.HasPrefix(text, "'")
	if quoted {
		text = text[1:]
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text):
			i++
		case quoted && c == '\'', !quoted && strings.IndexByte(" \t\n", c) >= 0:
			return b.String(), text[i+1:], true
		}
		b.WriteByte(text[i])
	}
	return b.String(), "", !quoted
}

// withDatabase is the address of another database on the same server. All else stays as it was written, above all how the server proves itself.
func withDatabase(address, name string) (string, error) {
	if !isURL(address) {
		return address + " dbname=" + pgQuoted(name), nil // the last one counts
	}
	before, query, _ := strings.Cut(address, "?")
	scheme, rest, _ := strings.Cut(before, "://")
	host, _, _ := strings.Cut(rest, "/")
	values, err := url.ParseQuery(query)
	if err != nil {
		return "", errPostgresURL
	}
	values.Del("dbname")
	values.Del("database")
	address = scheme + "://" + host + "/" + url.PathEscape(name)
	if len(values) > 0 {
		address += "?" + values.Encode()
	}
	return address, nil
}

// pgQuoted is a value of an address in the form of keywords.
func pgQuoted(v string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(v) + "'"
}
