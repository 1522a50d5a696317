package repository

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"

	"goodstate.dev/goodstate/backup/storage"
)

// Repository is an open repository. It may be used by many goroutines.
type Repository struct {
	storage storage.Storage
	key     *secretKey
	keyID   ID
	config  config
	zip     *zipper
	gear    *[256]uint64 // how files are cut

	mu    sync.RWMutex
	index *index // nil until LoadIndex
}

// config is the file of that name.
type config struct {
	Version           int    `json:"version"`
	ID                ID     `json:"id"`
	ChunkerPolynomial string `json:"chunker_polynomial"`
}

const (
	maxConfig  = 64 << 10
	configName = "config"
)

// ErrExists says that there is a repository already.
var ErrExists = errors.New("there is a repository already")

// Init makes an empty repository with one password.
func Init(ctx context.Context, s storage.Storage, password string) (*Repository, error) {
	return InitWith(ctx, s, password, Usual)
}

// InitWith is Init for a password whose cost is chosen: one that is random and long needs none.
func InitWith(ctx context.Context, s storage.Storage, password string, cost Cost) (*Repository, error) {
	if _, err := s.Size(ctx, configName); err == nil {
		return nil, ErrExists
	} else if !errors.Is(err, storage.ErrNotFound) {
		return nil, err
	}
	polynomial, err := randomPolynomial()
	if err != nil {
		return nil, err
	}
	r := &Repository{storage: s, config: config{Version: 2, ID: randomID(), ChunkerPolynomial: polynomial}}
	if r.key, err = newSecretKey(); err != nil {
		return nil, err
	}
	if err := r.ready(); err != nil {
		return nil, err
	}
	if r.keyID, err = saveKey(ctx, s, r.key, password, cost); err != nil {
		return nil, fmt.Errorf("first key of the repository: %w", err)
	}
	plain, err := json.Marshal(r.config)
	if err != nil {
		return nil, err
	}
	box := r.key.seal(nil, plain)
	if err := s.Save(ctx, configName, int64(len(box)), bytes.NewReader(box)); err != nil {
		return nil, errors.Join(err, s.Remove(ctx, "keys/"+r.keyID.String()))
	}
	r.index = newIndex()
	return r, nil
}

// Open opens a repository with one of its passwords. Its index is not read yet.
func Open(ctx context.Context, s storage.Storage, password string) (*Repository, error) {
	return OpenWith(ctx, s, password, &Keyring{})
}

// OpenWith is Open, for who opens several times.
func OpenWith(ctx context.Context, s storage.Storage, password string, ring *Keyring) (*Repository, error) {
	box, err := storage.Read(ctx, s, configName, maxConfig)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, fmt.Errorf("no repository is here (%w); goodstate backup init makes one", err)
	} else if err != nil {
		return nil, err
	}
	r := &Repository{storage: s}
	if r.keyID, r.key, err = findKey(ctx, s, password, ring); err != nil {
		return nil, err
	}
	plain, err := r.key.open(box)
	if err != nil {
		return nil, fmt.Errorf("the repository's config: %w", err)
	}
	if err := json.Unmarshal(plain, &r.config); err != nil {
		return nil, fmt.Errorf("the repository's config: %w", err)
	}
	if r.config.Version != 1 && r.config.Version != 2 {
		return nil, fmt.Errorf("the repository has format version %d, want 1 or 2", r.config.Version)
	}
	return r, r.ready()
}

// ready makes what depends on the config.
func (r *Repository) ready() error {
	seed, err := seedOf(r.config.ChunkerPolynomial)
	if err != nil {
		return err
	}
	r.gear = gearTable(seed)
	r.zip, err = newZipper()
	return err
}

// ID tells one repository from another.
func (r *Repository) ID() ID { return r.config.ID }

// KeyID is the key that the repository was opened with.
func (r *Repository) KeyID() ID { return r.keyID }

// Storage is where the repository lies.
func (r *Repository) Storage() storage.Storage { return r.storage }

// idIn is the ID at the end of a file's name.
func idIn(name string) (ID, error) {
	id, err := ParseID(path.Base(name))
	if err != nil {
		return id, fmt.Errorf("file %s does not belong into a repository: %w", name, err)
	}
	return id, nil
}

// maxUnpacked bounds index and snapshot files, which come from the storage.
const maxUnpacked = 512 << 20

// saveJSON writes a document as an encrypted file of a folder.
func (r *Repository) saveJSON(ctx context.Context, folder string, doc any) (ID, error) {
	plain, err := json.Marshal(doc)
	if err != nil {
		return ID{}, err
	}
	if r.config.Version >= 2 && folder != "locks" {
		plain = r.zip.compress([]byte{2}, plain)
	}
	box := r.key.seal(nil, plain)
	id := IDOf(box)
	return id, r.storage.Save(ctx, folder+"/"+id.String(), int64(len(box)), bytes.NewReader(box))
}

// loadJSON reads such a file.
func (r *Repository) loadJSON(ctx context.Context, name string, doc any) error {
	id, err := idIn(name)
	if err != nil {
		return err
	}
	box, err := storage.Read(ctx, r.storage, name, maxUnpacked)
	if err != nil {
		return err
	}
	if IDOf(box) != id {
		return fmt.Errorf("%s is damaged: its bytes are not those it was named after", name)
	}
	plain, err := r.key.open(box)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if len(plain) > 0 && plain[0] == 2 {
		if plain, err = r.zip.expand(plain[1:], maxUnpacked); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := json.Unmarshal(plain, doc); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// list returns the IDs of the files of a folder. What is no ID (a file that somebody left there) is passed over.
func (r *Repository) list(ctx context.Context, folder string) (map[ID]int64, error) {
	all := map[ID]int64{}
	err := r.storage.List(ctx, folder, func(name string, size int64) error {
		if id, err := idIn(name); err == nil {
			all[id] = size
		}
		return nil
	})
	return all, err
}

// packName is where a pack lies.
func packName(id ID) string {
	digits := id.String()
	return strings.Join([]string{"data", digits[:2], digits}, "/")
}
