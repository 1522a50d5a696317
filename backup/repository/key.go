package repository

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/scrypt"

	"goodstate.dev/goodstate/backup/storage"
)

// ErrPassword says that no key of the repository opens with the password.
var ErrPassword = errors.New("no key of the repository opens with this password")

// keyFile is a file under keys/: the repository's own key, encrypted with one made from a password.
type keyFile struct {
	Created  time.Time `json:"created"`
	Username string    `json:"username"`
	Hostname string    `json:"hostname"`
	KDF      string    `json:"kdf"`
	N        int       `json:"N"` //nolint:tagliatelle // the format says so
	R        int       `json:"r"`
	P        int       `json:"p"`
	Salt     []byte    `json:"salt"`
	Data     []byte    `json:"data"`
}

// masterKey is what a key file encrypts.
type masterKey struct {
	MAC struct {
		K []byte `json:"k"`
		R []byte `json:"r"`
	} `json:"mac"`
	Encrypt []byte `json:"encrypt"`
}

// Cost is what it costs to try a password: the parameters of scrypt (RFC 7914).
type Cost struct{ N, R, P int }

// Usual needs 32 MiB of memory and a tenth of a second, as golang.org/x/crypto/scrypt recommends.
var Usual = Cost{N: 1 << 15, R: 8, P: 1}

// Key is one password that opens the repository, by its file.
type Key struct {
	ID       ID        `json:"id"`
	Created  time.Time `json:"created"`
	Username string    `json:"username"`
	Hostname string    `json:"hostname"`
	InUse    bool      `json:"in_use"` // this session was opened with it
}

// derive makes the key of a password. A key file comes from the storage, so its costs are bounded.
func (f *keyFile) derive(password string) (*secretKey, error) {
	if f.KDF != "scrypt" {
		return nil, fmt.Errorf("key made by %q, want scrypt", f.KDF)
	}
	if f.N <= 1 || f.N&(f.N-1) != 0 || f.R < 1 || f.R > 64 || f.P < 1 || f.P > 64 || f.N > (1<<30)/(128*f.R) {
		return nil, fmt.Errorf("key with the costs N=%d r=%d p=%d, more than 1 GiB of memory or no sensible value", f.N, f.R, f.P)
	}
	if len(f.Salt) == 0 {
		return nil, errors.New("key without salt")
	}
	raw, err := scrypt.Key([]byte(password), f.Salt, f.N, f.R, f.P, 64)
	if err != nil {
		return nil, err
	}
	k := &secretKey{}
	copy(k.encrypt[:], raw)
	copy(k.macK[:], raw[32:])
	copy(k.macR[:], raw[48:])
	return k.ready()
}

// unlock opens the repository's key with a password; errForged for a wrong one.
func (f *keyFile) unlock(password string) (*secretKey, error) {
	k, err := f.derive(password)
	if err != nil {
		return nil, err
	}
	plain, err := k.open(bytes.Clone(f.Data))
	if err != nil {
		return nil, err
	}
	var m masterKey
	if err := json.Unmarshal(plain, &m); err != nil {
		return nil, fmt.Errorf("what the key encrypts: %w", err)
	}
	return m.secret()
}

// secret is the key in the form that encrypts.
func (m *masterKey) secret() (*secretKey, error) {
	master := &secretKey{}
	if len(m.Encrypt) != len(master.encrypt) || len(m.MAC.K) != len(master.macK) || len(m.MAC.R) != len(master.macR) {
		return nil, errors.New("what the key encrypts has not the sizes of a key")
	}
	copy(master.encrypt[:], m.Encrypt)
	copy(master.macK[:], m.MAC.K)
	copy(master.macR[:], m.MAC.R)
	return master.ready()
}

// saveKey writes a key file that opens master with the password.
func saveKey(ctx context.Context, s storage.Storage, master *secretKey, password string, cost Cost) (ID, error) {
	if strings.TrimSpace(password) == "" {
		return ID{}, errors.New("the password is empty; a backup that anybody can read is not made")
	}
	f := keyFile{Created: time.Now(), KDF: "scrypt", N: cost.N, R: cost.R, P: cost.P, Salt: make([]byte, 64)}
	f.Username, f.Hostname = who()
	_, _ = rand.Read(f.Salt) // it never fails
	k, err := f.derive(password)
	if err != nil {
		return ID{}, err
	}
	var m masterKey
	m.Encrypt, m.MAC.K, m.MAC.R = master.encrypt[:], master.macK[:], master.macR[:]
	plain, err := json.Marshal(m)
	if err != nil {
		return ID{}, err
	}
	f.Data = k.seal(nil, plain)
	data, err := json.Marshal(f)
	if err != nil {
		return ID{}, err
	}
	id := IDOf(data)
	return id, s.Save(ctx, "keys/"+id.String(), int64(len(data)), bytes.NewReader(data))
}

// Keyring remembers what passwords opened, for as long as a program runs: making a key of a password is made slow on purpose. The zero Keyring is ready to use.
type Keyring struct {
	mu   sync.Mutex
	keys map[[sha256.Size]byte]*secretKey // by key file and password
}

func (k *Keyring) place(f *keyFile, password string) [sha256.Size]byte {
	return sha256.Sum256(slices.Concat(f.Salt, f.Data, []byte{0}, []byte(password)))
}

// unlock opens a key file, the second time at once.
func (k *Keyring) unlock(f *keyFile, password string) (*secretKey, error) {
	at := k.place(f, password)
	k.mu.Lock()
	known := k.keys[at]
	k.mu.Unlock()
	if known != nil {
		return known, nil
	}
	key, err := f.unlock(password)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.keys == nil {
		k.keys = map[[sha256.Size]byte]*secretKey{}
	}
	k.keys[at] = key
	return key, nil
}

// maxKeys is how many key files are tried; each costs a derivation.
const maxKeys = 50

const maxKeyFile = 64 << 10

// findKey tries the key files until one opens.
func findKey(ctx context.Context, s storage.Storage, password string, ring *Keyring) (ID, *secretKey, error) {
	var names []string
	if err := s.List(ctx, "keys", func(name string, _ int64) error {
		names = append(names, name)
		return nil
	}); err != nil {
		return ID{}, nil, err
	}
	if len(names) == 0 {
		return ID{}, nil, errors.New("the repository has no keys: it is not one, or they were deleted")
	}
	var odd []error
	for _, name := range names[:min(len(names), maxKeys)] {
		id, f, err := readKey(ctx, s, name)
		if err == nil {
			var master *secretKey
			if master, err = ring.unlock(f, password); err == nil {
				return id, master, nil
			}
		}
		if ctx.Err() != nil {
			return ID{}, nil, ctx.Err()
		}
		if !errors.Is(err, errForged) {
			odd = append(odd, fmt.Errorf("%s: %w", name, err))
		}
	}
	return ID{}, nil, errors.Join(append([]error{ErrPassword}, odd...)...)
}

func readKey(ctx context.Context, s storage.Storage, name string) (ID, *keyFile, error) {
	id, err := idIn(name)
	if err != nil {
		return id, nil, err
	}
	data, err := storage.Read(ctx, s, name, maxKeyFile)
	if err != nil {
		return id, nil, err
	}
	if IDOf(data) != id {
		return id, nil, errors.New("the key file is not what its name says: it was changed")
	}
	f := &keyFile{}
	return id, f, json.Unmarshal(data, f)
}

// who is the person and the machine, for keys, locks and snapshots.
func who() (username, hostname string) {
	if u, err := user.Current(); err == nil {
		username = u.Username
	}
	hostname, _ = os.Hostname() // without a name it stays empty
	return username, hostname
}

// Keys lists the passwords that open the repository.
func (r *Repository) Keys(ctx context.Context) ([]Key, error) {
	var all []Key
	err := r.storage.List(ctx, "keys", func(name string, _ int64) error {
		id, f, err := readKey(ctx, r.storage, name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, Key{ID: id, Created: f.Created, Username: f.Username, Hostname: f.Hostname, InUse: id == r.keyID})
		return nil
	})
	return all, err
}

// AddKey lets another password open the repository.
func (r *Repository) AddKey(ctx context.Context, password string) (ID, error) {
	return saveKey(ctx, r.storage, r.key, password, Usual)
}

// RemoveKey takes a password away. The one in use stays, so that the repository can always be opened.
func (r *Repository) RemoveKey(ctx context.Context, id ID) error {
	if id == r.keyID {
		return fmt.Errorf("key %s is in use; open the repository with another one to remove it", id.Short())
	}
	name := "keys/" + id.String()
	if _, err := r.storage.Size(ctx, name); err != nil {
		return fmt.Errorf("key %s: %w", id.Short(), err)
	}
	return r.storage.Remove(ctx, name)
}
