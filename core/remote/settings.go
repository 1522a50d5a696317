package remote

import (
	"context"
	"crypto/sha1" //nolint:gosec // OpenSSH names control sockets by it
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// settings is what the arguments and the configuration say about one target.
type settings struct {
	alias  string // the host as it was asked for
	values map[string][]string
	odd    []string // what only the system's ssh understands
}

// resolve reads the arguments, then the user's and the system's configuration.
func resolve(ctx context.Context, t Target, o Options) (*settings, error) {
	s := &settings{alias: t.Host, values: map[string][]string{}}
	if t.Port != 0 {
		s.set("port", []string{strconv.Itoa(t.Port)})
	}
	if t.User != "" {
		s.set("user", []string{t.User})
	}
	for _, file := range o.Identities {
		s.set("identityfile", []string{file})
	}
	config := o.Config
	given, err := s.arguments(o.Args)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", t.Host, err)
	}
	if given != "" {
		config = given
	}
	r := &reader{ctx: ctx, s: s}
	for {
		if err := r.all(config); err != nil {
			return nil, err
		}
		if !r.again || r.final {
			break
		}
		r.final = true
	}
	return s, s.check()
}

func (r *reader) all(config string) error {
	switch config {
	case "none":
		return nil
	case "":
		r.system = false
		if err := r.file(filepath.Join(home(), ".ssh", "config"), false, 0); err != nil {
			return err
		}
		r.system = true
		return r.file("/etc/ssh/ssh_config", false, 0)
	}
	r.system = false
	return r.file(tilde(config), true, 0)
}

// check refuses values that nothing can be done with.
func (s *settings) check() error {
	if p := s.first("port"); p != "" {
		if n, err := strconv.Atoi(p); err != nil || n < 1 || n > 65535 {
			return fmt.Errorf("connecting to %s: Port is %q, want 1 to 65535", s.alias, p)
		}
	}
	for _, key := range []string{"connecttimeout", "serveraliveinterval"} {
		if v := s.first(key); v != "" && v != "none" {
			if _, ok := seconds(v); !ok {
				return fmt.Errorf("connecting to %s: %s is %q, want a number of seconds", s.alias, key, v)
			}
		}
	}
	return nil
}

func (s *settings) first(key string) string {
	if v := s.values[key]; len(v) > 0 {
		return v[0]
	}
	return ""
}

func (s *settings) yes(key string) bool {
	v := strings.ToLower(s.first(key))
	return v == "yes" || v == "true"
}

func (s *settings) no(key string) bool {
	v := strings.ToLower(s.first(key))
	return v == "no" || v == "false"
}

// address is the name or address to connect to.
func (s *settings) address() string {
	if h := s.first("hostname"); h != "" {
		if full, err := expand(h, map[byte]string{'%': "%", 'h': s.alias, 'n': s.alias}); err == nil {
			return full
		}
		return h
	}
	return s.alias
}

func (s *settings) port() int {
	if n, err := strconv.Atoi(s.first("port")); err == nil && n > 0 {
		return n
	}
	return 22
}

func (s *settings) login() string {
	if u := s.first("user"); u != "" {
		return u
	}
	return localUser()
}

func (s *settings) target() Target { return Target{Host: s.address(), Port: s.port(), User: s.login()} }

// timeout bounds connecting.
func (s *settings) timeout(o Options) time.Duration {
	if o.Timeout > 0 {
		return o.Timeout
	}
	if d, ok := seconds(s.first("connecttimeout")); ok && d > 0 {
		return d
	}
	return 30 * time.Second
}

// alive is how often the host is asked whether it is there, and how often in a row it may stay silent. OpenSSH asks only when told to; a
// controller that waits for a dead host for ever is worse than a packet every half minute.
func (s *settings) alive() (every time.Duration, misses int) {
	every, misses = 30*time.Second, 3
	if d, ok := seconds(s.first("serveraliveinterval")); ok {
		every = d
	}
	if n, err := strconv.Atoi(s.first("serveralivecountmax")); err == nil && n > 0 {
		misses = n
	}
	return every, misses
}

// seconds reads 90, 1m30s or 2h as sshd's manual has it.
func seconds(text string) (time.Duration, bool) {
	if text == "" {
		return 0, false
	}
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(n) * time.Second, true
	}
	total, number := time.Duration(0), ""
	units := map[rune]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	for _, r := range strings.ToLower(text) {
		if r >= '0' && r <= '9' {
			number += string(r)
			continue
		}
		n, err := strconv.ParseUint(number, 10, 20)
		unit, ok := units[r]
		if err != nil || !ok {
			return 0, false
		}
		total, number = total+time.Duration(n)*unit, ""
	}
	return total, number == ""
}

// tokens are the values of %h and its like.
func (s *settings) tokens() map[byte]string {
	local, err := os.Hostname()
	if err != nil {
		local = "localhost"
	}
	short, _, _ := strings.Cut(local, ".")
	port, login, address := strconv.Itoa(s.port()), s.login(), s.address()
	key := s.first("hostkeyalias")
	if key == "" {
		key = address
	}
	jump := s.first("proxyjump")
	sum := sha1.Sum([]byte(local + address + port + login)) //nolint:gosec // a name, not a protection
	return map[byte]string{
		'%': "%", 'h': address, 'n': s.alias, 'p': port, 'r': login, 'u': localUser(), 'd': home(), 'i': strconv.Itoa(os.Getuid()),
		'l': local, 'L': short, 'k': key, 'j': jump, 'T': "NONE", 'C': hex.EncodeToString(sum[:]),
	}
}

// path expands a file name of the configuration.
func (s *settings) path(text string) string {
	if full, err := expand(tilde(text), s.tokens()); err == nil {
		return full
	}
	return text
}

// rare are keywords whose meaning only the system's ssh has.
var rare = []string{
	"pkcs11provider", "securitykeyprovider", "bindinterface", "knownhostscommand", "remotecommand", "tunnel", "proxyusefdpass",
	"verifyhostkeydns", "hostbasedauthentication", "gssapidelegatecredentials", "canonicalizehostname",
}

// foreign says what about the target is beyond our own client; empty if nothing is.
func (s *settings) foreign() string {
	for _, key := range rare {
		if v := strings.ToLower(s.first(key)); v != "" && v != "no" && v != "none" && v != "internal" && v != "false" {
			return key
		}
	}
	if len(s.odd) > 0 {
		return s.odd[0]
	}
	if path := s.control(); path != "" {
		return "the control socket " + path
	}
	return ""
}

// control is the socket of a connection that an ssh of the user keeps open.
func (s *settings) control() string {
	path := s.first("controlpath")
	if path == "" || path == "none" {
		return ""
	}
	tokens := s.tokens()
	candidates := []map[byte]string{tokens}
	if strings.Contains(path, "%C") { // since OpenSSH 9.7 the jump host is part of it
		sum := sha1.Sum([]byte(tokens['l'] + tokens['h'] + tokens['p'] + tokens['r'] + tokens['j'])) //nolint:gosec // a name
		other := map[byte]string{}
		for k, v := range tokens {
			other[k] = v
		}
		other['C'] = hex.EncodeToString(sum[:])
		candidates = append(candidates, other)
	}
	for _, c := range candidates {
		full, err := expand(tilde(path), c)
		if err != nil {
			continue
		}
		if info, err := os.Stat(full); err == nil && info.Mode()&os.ModeSocket != 0 {
			return full
		}
	}
	return ""
}

// choose applies a list of algorithms of the configuration to what we have: +a,b adds, -a,b removes, ^a,b puts first.
func choose(list string, usual, possible []string) []string {
	if list == "" {
		return usual
	}
	sign, words := byte(0), list
	if strings.IndexByte("+-^", list[0]) >= 0 {
		sign, words = list[0], list[1:]
	}
	named := func(from []string) (in, out []string) {
		for _, a := range from {
			if matches(strings.Split(words, ","), a) {
				in = append(in, a)
			} else {
				out = append(out, a)
			}
		}
		return in, out
	}
	switch sign {
	case '+':
		extra, _ := named(possible)
		for _, a := range extra {
			if !slices.Contains(usual, a) {
				usual = append(slices.Clone(usual), a)
			}
		}
		return usual
	case '-':
		_, rest := named(usual)
		return rest
	case '^':
		front, _ := named(possible)
		_, rest := named(usual)
		return append(front, rest...)
	}
	var all []string
	for _, pattern := range strings.Split(words, ",") {
		for _, a := range possible {
			if wild(pattern, a) && !slices.Contains(all, a) {
				all = append(all, a)
			}
		}
	}
	return all
}
