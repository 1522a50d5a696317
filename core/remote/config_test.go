package remote

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func resolved(t *testing.T, text, host string, args ...string) *settings {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "config")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "DIR", dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, extra := range map[string]string{"one.conf": "Host web\n  User included\n", "two.conf": "Port 2222\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(extra), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := resolve(t.Context(), Target{Host: host}, Options{Config: path, Args: args})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheConfigurationIsReadAsOpenSSHReadsIt(t *testing.T) {
	for _, c := range []struct {
		name, text, key, want string
		args                  []string
	}{
		{"the first value counts", "Host web\n Port 1\nHost *\n Port 2\n", "port", "1", nil},
		{"a pattern that does not match does not count", "Host db\n Port 1\nHost w?b\n Port 2\n", "port", "2", nil},
		{"a negated pattern excludes", "Host * !web\n Port 1\nHost *\n Port 2\n", "port", "2", nil},
		{"arguments come first", "Port 1\n", "port", "9", []string{"-p", "9"}},
		{"arguments may stick", "Port 1\n", "port", "9", []string{"-qp9"}},
		{"-o takes either form", "", "port", "9", []string{"-o", "Port 9"}},
		{"-o with an equals sign", "", "port", "9", []string{"-oPort=9"}},
		{"equals signs and quotes", "User = \"a b\"\n", "user", "a b", nil},
		{"comments at the end", "User me # not you\n", "user", "me", nil},
		{"included files", "Include DIR/*.conf\nPort 5\n", "port", "2222", nil},
		{"a Host of an included file ends with it", "Include DIR/one.conf\nPort 5\n", "port", "5", nil},
		{"an include in a block that does not count", "Host db\n Include DIR/two.conf\nHost *\n Port 5\n", "port", "5", nil},
		{"match host sees HostName", "HostName real.example\nMatch host *.example\n Port 7\n", "port", "7", nil},
		{"match originalhost and user", "User bob\nMatch originalhost web user alice\n Port 7\nMatch user bob\n Port 8\n", "port", "8", nil},
		{"match exec", "Match exec \"test %h = web\"\n Port 7\nMatch exec false\n Port 8\n", "port", "7", nil},
		{"match final comes last", "Match final\n Port 7\nMatch all\n User x\n", "port", "7", nil},
		{"match negated", "Match !host web\n Port 7\nMatch all\n Port 8\n", "port", "8", nil},
		{"a command keeps its quotes", "ProxyCommand sh -c \"a # b\"\n", "proxycommand", `sh -c "a # b"`, nil},
	} {
		s := resolved(t, c.text, "web", c.args...)
		if got := s.first(c.key); got != c.want {
			t.Errorf("%s: %s is %q, want %q", c.name, c.key, got, c.want)
		}
	}
}

func TestWhatOnlyTheSystemSpeaksIsFound(t *testing.T) {
	for text, want := range map[string]string{
		"PKCS11Provider /x.so\n":         "pkcs11provider",
		"GSSAPIAuthentication yes\n":     "",
		"ControlMaster auto\n":           "",
		"Match tagged x\n Port 1\n":      "Match tagged",
		"CanonicalizeHostname yes\n":     "canonicalizehostname",
		"ControlPath /nonexistent/%C\n":  "",
		"HostbasedAuthentication no\n":   "",
		"GSSAPIDelegateCredentials yes ": "gssapidelegatecredentials",
	} {
		if got := resolved(t, text, "web").foreign(); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestBadConfigurationIsToldWithItsLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	for text, want := range map[string]string{
		"Host web\n User \"x\n": "config:2: a quote is not closed",
		"Port x\n":              "Port is \"x\"",
		"Include " + path:       "include each other",
		"Match host\n":          "match host has no argument",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := resolve(t.Context(), Target{Host: "web"}, Options{Config: path}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	for _, args := range [][]string{{"-Z"}, {"web"}, {"-p"}, {"-o", "Include x"}} {
		if _, err := resolve(t.Context(), Target{Host: "web"}, Options{Config: "none", Args: args}); err == nil {
			t.Errorf("%q was taken", args)
		}
	}
}

func TestAlgorithmListsAddRemoveAndPutFirst(t *testing.T) {
	usual, possible := []string{"a", "b", "c"}, []string{"a", "b", "c", "old"}
	for list, want := range map[string]string{"": "a b c", "+old": "a b c old", "-b,c": "a", "^c,old": "c old a b", "c,a": "c a", "*": "a b c old"} {
		if got := strings.Join(choose(list, usual, possible), " "); got != want {
			t.Errorf("%q: %q, want %q", list, got, want)
		}
	}
}

func TestTargetsAreRead(t *testing.T) {
	for text, want := range map[string]Target{
		"h": {Host: "h"}, "u@h:22": {"h", 22, "u"}, "ssh://u@h:2/": {"h", 2, "u"}, "[::1]:3": {Host: "::1", Port: 3}, "fe80::1": {Host: "fe80::1"}, "a@b@h": {Host: "h", User: "a@b"},
	} {
		if got, err := ParseTarget(text); err != nil || got != want {
			t.Errorf("%q: %+v %v, want %+v", text, got, err, want)
		}
	}
	for _, bad := range []string{"", "h:x", "-h", "u@", "h:70000"} {
		if got, err := ParseTarget(bad); err == nil {
			t.Errorf("%q was read as %+v", bad, got)
		}
	}
}

func FuzzConfigurationLines(f *testing.F) {
	for _, line := range []string{"Host *", "Port=22", "User \"a\\\"b\" # c", "Match !host a,b all", "Include /nonexistent/*", "IdentityFile ~/.ssh/%h-${HOME}"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if key, _ := keyword(line); key == "match" || key == "include" {
			return // they run commands and read files
		}
		s := &settings{alias: "web", values: map[string][]string{}}
		r := &reader{ctx: t.Context(), s: s}
		if _, err := r.line(line, true, 0); err != nil {
			return
		}
		s.foreign()
		s.files()
		if slices.Contains(s.environment(), [2]string{}) {
			t.Error("an empty variable")
		}
	})
}
