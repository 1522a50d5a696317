package remote

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // the format of hashed known_hosts
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// known is one line of a known_hosts file.
type known struct {
	hosts   []string // patterns, or one hashed name
	key     ssh.PublicKey
	ca      bool
	revoked bool
	where   string // file:line
}

// covers says whether the line is about a name.
func (k known) covers(name string) bool {
	if len(k.hosts) == 1 && strings.HasPrefix(k.hosts[0], "|1|") {
		salt, sum, ok := strings.Cut(k.hosts[0][3:], "|")
		raw, err := base64.StdEncoding.DecodeString(salt)
		if !ok || err != nil {
			return false
		}
		return hmac.Equal([]byte(sum), []byte(hashed(name, raw)))
	}
	return matches(k.hosts, name)
}

// hashed is a name as HashKnownHosts writes it.
func hashed(name string, salt []byte) string {
	mac := hmac.New(sha1.New, salt)
	mac.Write([]byte(name))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// fileState tells whether a file is still the one that was read.
type fileState struct {
	size int64
	time time.Time
}

// books remembers known_hosts files, which many connections read at once.
var books = struct {
	sync.Mutex
	read map[string]book
}{read: map[string]book{}}

type book struct {
	state fileState
	lines []known
}

const maxBook = 64 << 20

// knownIn reads a known_hosts file. Lines that cannot be read are passed over, as OpenSSH does: they trust nobody.
func knownIn(path string) ([]known, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading known hosts: %w", err)
	}
	if !info.Mode().IsRegular() { // /dev/null
		return nil, nil
	}
	if info.Size() > maxBook {
		return nil, fmt.Errorf("reading known hosts: %s has %d bytes, want at most %d", path, info.Size(), maxBook)
	}
	state := fileState{info.Size(), info.ModTime()}
	books.Lock()
	defer books.Unlock()
	if b, ok := books.read[path]; ok && b.state == state {
		return b.lines, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading known hosts: %w", err)
	}
	lines := parseKnown(text, path)
	books.read[path] = book{state, lines}
	return lines, nil
}

func parseKnown(text []byte, path string) []known {
	var lines []known
	n := 0
	for line := range bytes.Lines(text) {
		n++
		marker, hosts, key, _, _, err := ssh.ParseKnownHosts(line)
		if err != nil {
			continue
		}
		lines = append(lines, known{
			hosts: hosts, key: key, ca: marker == "cert-authority", revoked: marker == "revoked",
			where: path + ":" + strconv.Itoa(n),
		})
	}
	return lines
}

// trust decides about host keys for one target.
type trust struct {
	target   Target
	name     string // in known_hosts
	lines    []known
	policy   string // yes, accept-new, no
	add      string // the file that new keys go to
	hash     bool
	verified ssh.PublicKey // the key that was accepted
	untrue   bool          // accepted although another key is known: no password may be sent
}

// trusted reads the known hosts of a target.
func (s *settings) trusted() (*trust, error) {
	t := &trust{target: s.target(), policy: "yes", hash: s.yes("hashknownhosts")}
	t.name = hostName(s.address(), s.port())
	if alias := s.first("hostkeyalias"); alias != "" {
		t.name = alias
	}
	switch strings.ToLower(s.first("stricthostkeychecking")) {
	case "no", "off", "false":
		t.policy = "no"
	case "accept-new":
		t.policy = "accept-new"
	}
	mine := s.values["userknownhostsfile"]
	if mine == nil {
		mine = []string{"~/.ssh/known_hosts", "~/.ssh/known_hosts2"}
	}
	all := s.values["globalknownhostsfile"]
	if all == nil {
		all = []string{"/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"}
	}
	if len(mine) > 0 && mine[0] != "none" {
		t.add = s.path(mine[0])
	}
	for _, file := range append(slices.Clone(mine), all...) {
		if file == "none" {
			continue
		}
		lines, err := knownIn(s.path(file))
		if err != nil {
			return nil, err
		}
		for _, line := range lines {
			if line.revoked || line.covers(t.name) {
				t.lines = append(t.lines, line)
			}
		}
	}
	return t, nil
}

// hostName is how known_hosts names an address.
func hostName(address string, port int) string {
	address = strings.ToLower(address)
	if port == 22 {
		return address
	}
	return "[" + address + "]:" + strconv.Itoa(port)
}

// algorithms orders the host key algorithms so that the host shows a key that is known, when it has one.
func (t *trust) algorithms(wanted []string) []string {
	var front []string
	put := func(names ...string) {
		for _, n := range names {
			if slices.Contains(wanted, n) && !slices.Contains(front, n) {
				front = append(front, n)
			}
		}
	}
	for _, line := range t.lines {
		if line.ca && !line.revoked {
			for _, n := range wanted {
				if strings.Contains(n, "-cert-") {
					put(n)
				}
			}
		}
	}
	for _, line := range t.lines {
		if line.ca || line.revoked {
			continue
		}
		if line.key.Type() == ssh.KeyAlgoRSA {
			put(ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
		}
		put(line.key.Type())
	}
	for _, n := range wanted {
		put(n)
	}
	return front
}

// check is called with the key that the host shows.
func (t *trust) check(_ string, remote net.Addr, key ssh.PublicKey) error {
	checker := ssh.CertChecker{
		IsHostAuthority: func(auth ssh.PublicKey, _ string) bool { return t.known(auth, true) != nil },
		IsRevoked: func(c *ssh.Certificate) bool {
			return t.revoked(c.Key) != nil || t.revoked(c.SignatureKey) != nil
		},
		HostKeyFallback: func(_ string, _ net.Addr, key ssh.PublicKey) error { return t.plain(key) },
	}
	cert, certified := key.(*ssh.Certificate)
	if certified && t.known(cert.SignatureKey, true) == nil {
		key = cert.Key // an authority that nobody knows says nothing: the key itself must be known
		certified = false
	}
	bare := strings.TrimSuffix(strings.TrimPrefix(t.name, "["), "]:"+strconv.Itoa(t.target.Port))
	err := checker.CheckHostKey(net.JoinHostPort(bare, strconv.Itoa(t.target.Port)), remote, key)
	var ours *HostKeyError
	if certified && err != nil && !errors.As(err, &ours) {
		err = &HostKeyError{Target: t.target, Name: t.name, Key: cert.Key, Certificate: err}
	}
	if err == nil {
		t.verified = key
	}
	return err
}

func (t *trust) plain(key ssh.PublicKey) error {
	problem := &HostKeyError{Target: t.target, Name: t.name, Key: key}
	if line := t.revoked(key); line != nil {
		problem.Revoked, problem.Where = true, line.where
		return problem
	}
	if t.known(key, false) != nil {
		return nil
	}
	for _, line := range t.lines {
		if line.ca || line.revoked {
			continue
		}
		if t.policy == "no" {
			t.untrue = true
			return nil
		}
		problem.Changed, problem.Known, problem.Where = true, line.key.Type()+" "+ssh.FingerprintSHA256(line.key), line.where
		if line.key.Type() == key.Type() {
			break // the most telling of several
		}
	}
	if problem.Changed {
		return problem
	}
	if t.policy == "yes" {
		return problem
	}
	return t.remember(key)
}

func (t *trust) known(key ssh.PublicKey, ca bool) *known { return t.find(key, ca, false) }

func (t *trust) revoked(key ssh.PublicKey) *known { return t.find(key, false, true) }

func (t *trust) find(key ssh.PublicKey, ca, revoked bool) *known {
	raw := key.Marshal()
	for i, line := range t.lines {
		if line.ca == ca && line.revoked == revoked && bytes.Equal(line.key.Marshal(), raw) {
			return &t.lines[i]
		}
	}
	return nil
}

var adding sync.Mutex

// remember writes a new host key down, as OpenSSH does with accept-new and no.
func (t *trust) remember(key ssh.PublicKey) error {
	if t.add == "" || t.add == os.DevNull {
		return nil
	}
	name := t.name
	if t.hash {
		salt := make([]byte, sha1.Size)
		if _, err := rand.Read(salt); err != nil {
			return err
		}
		name = "|1|" + base64.StdEncoding.EncodeToString(salt) + "|" + hashed(t.name, salt)
	}
	adding.Lock()
	defer adding.Unlock()
	if err := os.MkdirAll(filepath.Dir(t.add), 0o700); err != nil {
		return fmt.Errorf("writing down a new host key: %w", err)
	}
	f, err := os.OpenFile(t.add, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("writing down a new host key: %w", err)
	}
	_, err = fmt.Fprintf(f, "%s %s", name, ssh.MarshalAuthorizedKey(key))
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("writing down a new host key: %w", err)
	}
	return nil
}
