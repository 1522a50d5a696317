package report

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"goodstate.dev/goodstate/core/store"
)

// Evidence is a report that can be checked later: the document, its digest, and a signature of the data directory's key. Whitespace may change, nothing else.
type Evidence struct {
	Kind      string          `json:"goodstate"` // drift-evidence-1
	Document  json.RawMessage `json:"document"`  // a Report
	SHA256    string          `json:"sha256"`    // of the document without needless whitespace
	Key       string          `json:"key"`       // public, Ed25519, base64
	Signature string          `json:"signature"` // of the kind, a newline and the digest, base64
}

const (
	evidenceKind = "drift-evidence-1"
	signerFile   = "report.key"
)

// Signer signs evidence.
type Signer struct{ key ed25519.PrivateKey }

// OpenSigner reads the key of a data directory, and makes it if there is none.
func OpenSigner(dir string) (*Signer, error) {
	path := filepath.Join(dir, signerFile)
	seed, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		seed, err = newSeed(path)
	}
	if err != nil {
		return nil, store.Advise(fmt.Errorf("key of reports %s: %w", path, err))
	}
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("key of reports %s has %d bytes, want %d: put back a copy", path, len(seed), ed25519.SeedSize)
	}
	return &Signer{ed25519.NewKeyFromSeed(seed)}, nil
}

// newSeed makes a key; of two processes that do so at once the first one's stays.
func newSeed(path string) ([]byte, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := rand.Read(seed); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), signerFile+".*")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(seed)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(f.Name(), path); errors.Is(err, fs.ErrExist) {
		return os.ReadFile(path)
	} else if err != nil {
		return nil, err
	}
	return seed, nil
}

// Public is the key that proves signatures, in base64.
func (s *Signer) Public() string {
	public, _ := s.key.Public().(ed25519.PublicKey) // it is one
	return base64.StdEncoding.EncodeToString(public)
}

// Seal makes evidence of a report.
func (s *Signer) Seal(r Report) ([]byte, error) {
	document, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	digest := sha256.Sum256(document)
	e := Evidence{Kind: evidenceKind, Document: document, SHA256: hex.EncodeToString(digest[:]), Key: s.Public()}
	e.Signature = base64.StdEncoding.EncodeToString(ed25519.Sign(s.key, signed(e.SHA256)))
	text, err := json.MarshalIndent(e, "", " ")
	if err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	return append(text, '\n'), nil
}

func signed(digest string) []byte { return []byte(evidenceKind + "\n" + digest) }

// IsEvidence says whether a text is evidence, true or forged.
func IsEvidence(text []byte) bool {
	var e Evidence
	return json.Unmarshal(text, &e) == nil && e.Kind != ""
}

// Verified is what evidence says that was proven.
type Verified struct {
	At       time.Time `json:"at"`
	Playbook string    `json:"playbook,omitempty"`
	Scope    string    `json:"scope,omitempty"`
	Proofs   []Proof   `json:"proofs"`
	SHA256   string    `json:"sha256"`
	Key      string    `json:"key"`
}

// Verify says whether evidence is as it was signed, with this public key in base64.
func Verify(text []byte, key string) (v Verified, err error) {
	var e Evidence
	if err := json.Unmarshal(text, &e); err != nil {
		return v, fmt.Errorf("evidence: it is no JSON of a report: %w", err)
	}
	if e.Kind != evidenceKind {
		return v, fmt.Errorf("evidence of kind %.40q, want %s", e.Kind, evidenceKind)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, e.Document); err != nil {
		return v, fmt.Errorf("evidence: %w", err)
	}
	digest := sha256.Sum256(compact.Bytes())
	if hex.EncodeToString(digest[:]) != e.SHA256 {
		return v, errors.New("the evidence was changed after it was signed: its digest is another")
	}
	if e.Key != key {
		return v, fmt.Errorf("the evidence is signed with key %.60s, want %s: it is of another data directory, or forged", e.Key, key)
	}
	public, err := base64.StdEncoding.DecodeString(key)
	if err != nil || len(public) != ed25519.PublicKeySize {
		return v, fmt.Errorf("key %.60q is no public key, want 32 bytes in base64", key)
	}
	signature, err := base64.StdEncoding.DecodeString(e.Signature)
	if err != nil || !ed25519.Verify(public, signed(e.SHA256), signature) {
		return v, errors.New("the evidence was changed after it was signed, or somebody else signed it: its signature is wrong")
	}
	var r Report
	if err := json.Unmarshal(e.Document, &r); err != nil {
		return v, fmt.Errorf("evidence: %w", err)
	}
	return Verified{At: r.At, Playbook: r.Playbook, Scope: r.Hosted, Proofs: r.Proofs, SHA256: e.SHA256, Key: e.Key}, nil
}
