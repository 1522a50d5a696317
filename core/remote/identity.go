package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// Keys remembers key files that were opened, so that many connections ask for a passphrase once.
type Keys struct {
	mu   sync.Mutex
	open map[string]ssh.Signer
}

const (
	maxKey  = 1 << 20
	maxTrys = 3
)

// ring collects the keys for one connection.
type ring struct {
	ctx    context.Context
	s      *settings
	o      Options
	agent  agent.ExtendedAgent
	conn   net.Conn // to the agent
	tried  []string
	cannot string // a key that only the system's ssh can use
}

// agentOf connects to the ssh-agent that the settings name; none is no error.
func (r *ring) agentOf() {
	socket := r.s.first("identityagent")
	switch {
	case socket == "none":
		return
	case socket == "" || socket == "SSH_AUTH_SOCK":
		socket = os.Getenv("SSH_AUTH_SOCK")
	case strings.HasPrefix(socket, "$"):
		socket = os.Getenv(strings.Trim(socket[1:], "{}"))
	default:
		socket = r.s.path(socket)
	}
	if socket == "" {
		return
	}
	conn, err := (&net.Dialer{}).DialContext(r.ctx, "unix", socket)
	if err != nil {
		r.tried = append(r.tried, fmt.Sprintf("the agent (%v)", err))
		return
	}
	r.conn, r.agent = conn, agent.NewClient(conn)
}

// files lists the key files in their order: those that are named, or the usual ones.
func (s *settings) files() (paths []string, named bool) {
	for _, f := range s.values["identityfile"] {
		if f == "none" {
			return nil, true
		}
		paths = append(paths, s.path(f))
	}
	if len(paths) > 0 {
		return paths, true
	}
	for _, name := range []string{"id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk"} {
		paths = append(paths, filepath.Join(home(), ".ssh", name))
	}
	return paths, false
}

// signers lists the keys to offer: first those that are named and in the agent, then the rest of the agent, then files, each with its certificate.
func (r *ring) signers() ([]ssh.Signer, error) {
	all := slices.Clone(r.o.Signers)
	paths, named := r.s.files()
	var files []ssh.Signer
	wanted := map[string]bool{}
	for _, path := range paths {
		signer, err := r.file(path, named)
		if err != nil {
			r.tried = append(r.tried, err.Error())
		}
		if signer != nil {
			files = append(files, signer)
			wanted[string(signer.PublicKey().Marshal())] = true
		}
	}
	held, err := r.held()
	if err != nil {
		r.tried = append(r.tried, fmt.Sprintf("the agent (%v)", err))
	}
	var later []ssh.Signer
	inAgent := map[string]bool{}
	for _, signer := range held {
		id := string(plainKey(signer.PublicKey()).Marshal())
		inAgent[id] = true
		switch {
		case wanted[id]:
			all = append(all, signer)
		case !r.s.yes("identitiesonly"):
			later = append(later, signer)
		}
	}
	all = append(all, later...)
	for _, signer := range files {
		if only, ok := signer.(*publicOnly); ok && !inAgent[string(only.key.Marshal())] {
			if isHardware(only.key) {
				r.cannot = only.path
			}
			continue
		}
		if !inAgent[string(signer.PublicKey().Marshal())] {
			all = append(all, signer)
		}
	}
	return r.described(r.certified(all)), nil
}

func (r *ring) held() ([]ssh.Signer, error) {
	if r.agent == nil {
		return nil, nil
	}
	return r.agent.Signers()
}

// described notes what is going to be offered.
func (r *ring) described(all []ssh.Signer) []ssh.Signer {
	for _, s := range all {
		name := "a key of the agent"
		if f, ok := s.(*fileKey); ok {
			name = f.path
		}
		if len(r.tried) < 10 {
			r.tried = append(r.tried, fmt.Sprintf("%s (%s)", name, ssh.FingerprintSHA256(plainKey(s.PublicKey()))))
		}
	}
	return all
}

// certified puts the certificates of keys before them.
func (r *ring) certified(all []ssh.Signer) []ssh.Signer {
	paths, _ := r.s.files()
	var files []string
	for _, f := range r.s.values["certificatefile"] {
		files = append(files, r.s.path(f))
	}
	for _, p := range paths {
		files = append(files, p+"-cert.pub")
	}
	var front []ssh.Signer
	for _, file := range files {
		key, err := publicKey(file)
		cert, ok := key.(*ssh.Certificate)
		if err != nil || !ok {
			continue
		}
		for _, signer := range all {
			if slices.Equal(signer.PublicKey().Marshal(), cert.Key.Marshal()) {
				if with, err := ssh.NewCertSigner(cert, signer); err == nil {
					front = append(front, with)
				}
				break
			}
		}
	}
	return append(front, all...)
}

// file makes a signer of a key file without opening it: an encrypted key is asked for when the host wants it.
func (r *ring) file(path string, named bool) (ssh.Signer, error) {
	text, err := readKey(path)
	if errors.Is(err, os.ErrNotExist) {
		if key, err := publicKey(path + ".pub"); err == nil {
			return &publicOnly{key: key, path: path}, nil // the agent may have the rest
		}
		if named {
			return nil, fmt.Errorf("%s, which is not there", path)
		}
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if key, _, _, _, err := ssh.ParseAuthorizedKey(text); err == nil {
		return &publicOnly{key: key, path: path}, nil // -i with a public key: the agent has the rest
	}
	signer, err := ssh.ParsePrivateKey(text)
	if err == nil {
		return &fileKey{path: path, key: signer.PublicKey(), ring: r, opened: signer}, nil
	}
	var locked *ssh.PassphraseMissingError
	if errors.As(err, &locked) {
		key := locked.PublicKey
		if key == nil {
			if key, err = publicKey(path + ".pub"); err != nil {
				return nil, fmt.Errorf("%s, an encrypted key of the old format without %s.pub", path, path)
			}
		}
		return &fileKey{path: path, key: key, ring: r, text: text}, nil
	}
	if key, perr := publicKey(path + ".pub"); perr == nil && isHardware(key) {
		return &publicOnly{key: key, path: path}, nil
	}
	return nil, fmt.Errorf("%s, which is no private key (%w)", path, err)
}

func isHardware(key ssh.PublicKey) bool { return strings.HasPrefix(key.Type(), "sk-") }

func plainKey(key ssh.PublicKey) ssh.PublicKey {
	if cert, ok := key.(*ssh.Certificate); ok {
		return cert.Key
	}
	return key
}

func readKey(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxKey))
}

func publicKey(path string) (ssh.PublicKey, error) {
	text, err := readKey(path)
	if err != nil {
		return nil, err
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(text)
	return key, err
}

// publicOnly is half a key; it only says which key of the agent is meant.
type publicOnly struct {
	key  ssh.PublicKey
	path string
}

func (p *publicOnly) PublicKey() ssh.PublicKey { return p.key }

func (p *publicOnly) Sign(io.Reader, []byte) (*ssh.Signature, error) {
	return nil, fmt.Errorf("%s has the public half only", p.path)
}

// fileKey is a key file that is opened when the host has said that it would accept it.
type fileKey struct {
	path   string
	key    ssh.PublicKey
	ring   *ring
	text   []byte
	opened ssh.Signer
}

func (k *fileKey) PublicKey() ssh.PublicKey { return k.key }

func (k *fileKey) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return k.SignWithAlgorithm(rand, data, "")
}

// SignWithAlgorithm is what RSA keys are asked for.
func (k *fileKey) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	signer, err := k.open()
	if err != nil {
		return nil, err
	}
	if as, ok := signer.(ssh.AlgorithmSigner); ok {
		return as.SignWithAlgorithm(rand, data, algorithm)
	}
	return signer.Sign(rand, data)
}

func (k *fileKey) open() (ssh.Signer, error) {
	if k.opened != nil {
		return k.opened, nil
	}
	keys := k.ring.o.Keys
	keys.mu.Lock() // held while asking: the second connection gets what the first was told
	defer keys.mu.Unlock()
	id := k.path + ssh.FingerprintSHA256(k.key)
	if signer := keys.open[id]; signer != nil {
		return signer, nil
	}
	if k.ring.o.Ask == nil {
		return nil, fmt.Errorf("the key %s has a passphrase, and nobody can be asked for it; put it into an agent (ssh-add %s)", k.path, k.path)
	}
	for try := range maxTrys {
		answer, err := k.ring.o.Ask(k.ring.ctx, Question{
			Kind: AskPassphrase, Target: k.ring.s.target(), Key: k.path, Text: "Passphrase for " + k.path + ":", Try: try,
		})
		if err != nil {
			return nil, fmt.Errorf("the key %s has a passphrase: %w", k.path, err)
		}
		signer, err := ssh.ParsePrivateKeyWithPassphrase(k.text, []byte(answer))
		if err == nil {
			if keys.open == nil {
				keys.open = map[string]ssh.Signer{}
			}
			keys.open[id], k.opened = signer, signer
			return signer, nil
		}
	}
	return nil, fmt.Errorf("the passphrase for %s was wrong %d times", k.path, maxTrys)
}
