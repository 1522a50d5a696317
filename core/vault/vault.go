// Package vault reads and writes files and strings that are encrypted as Ansible Vault does, versions 1.1 and 1.2 with AES256.
// It must never put a password or a decrypted text into an error.
package vault

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Secret is a password with the id it goes by.
type Secret struct {
	ID       string // "" is "default"
	Password []byte
}

// Keys are the passwords that are at hand, in the order in which they are tried.
type Keys []Secret

// ErrPassword says that none of the passwords opens it.
var ErrPassword = errors.New("Decryption failed (no vault secrets were found that could decrypt)")

// ErrNoPassword says that there is no password at all.
var ErrNoPassword = errors.New("Attempting to decrypt but no vault secrets found")

const header = "$ANSIBLE_VAULT"

// Is says whether the data is a vault.
func Is(data []byte) bool { return bytes.HasPrefix(data, []byte(header)) }

// envelope is the first line, and what it covers.
type envelope struct {
	version, id        string
	salt, mac, payload []byte
}

func open(data []byte) (envelope, error) {
	line, rest, _ := bytes.Cut(data, []byte("\n"))
	fields := strings.Split(strings.TrimSpace(string(line)), ";")
	if fields[0] != header || len(fields) < 3 {
		return envelope{}, errors.New("input is not vault encrypted data")
	}
	e := envelope{version: strings.TrimSpace(fields[1])}
	if e.version != "1.1" && e.version != "1.2" {
		return e, fmt.Errorf("vault format version %s is not known, only 1.1 and 1.2 are", e.version)
	}
	if name := strings.TrimSpace(fields[2]); name != "AES256" {
		return e, fmt.Errorf("vault cipher %q is not known, only AES256 is", name)
	}
	if e.version == "1.2" && len(fields) > 3 {
		e.id = strings.TrimSpace(fields[3])
	}
	inner, err := unhex(bytes.Join(bytes.Fields(rest), nil))
	if err != nil {
		return e, err
	}
	parts := bytes.SplitN(inner, []byte("\n"), 3)
	if len(parts) != 3 {
		return e, errors.New("vault format unhexlify error: three parts are expected")
	}
	for i, to := range []*[]byte{&e.salt, &e.mac, &e.payload} {
		if *to, err = unhex(parts[i]); err != nil {
			return e, err
		}
	}
	return e, nil
}

func unhex(text []byte) ([]byte, error) {
	out := make([]byte, hex.DecodedLen(len(text)))
	if _, err := hex.Decode(out, text); err != nil {
		return nil, fmt.Errorf("vault format unhexlify error: %w", err)
	}
	return out, nil
}

func derive(password, salt []byte) (key, macKey, iv []byte, err error) {
	all, err := pbkdf2.Key(sha256.New, string(password), salt, 10000, 80)
	if err != nil {
		return nil, nil, nil, err
	}
	return all[:32], all[32:64], all[64:], nil
}

// ID is the id that a vault names, "" if none.
func ID(data []byte) (string, error) {
	e, err := open(data)
	return e.id, err
}

// Decrypt opens a vault with the first password that fits; those whose id the vault names are tried first. It returns the secret that did.
func (k Keys) Decrypt(data []byte) ([]byte, Secret, error) {
	e, err := open(data)
	if err != nil {
		return nil, Secret{}, err
	}
	if len(k) == 0 {
		return nil, Secret{}, ErrNoPassword
	}
	for _, named := range []bool{true, false} {
		for _, s := range k {
			if (s.name() == e.name()) != named {
				continue
			}
			plain, err := e.decrypt(s.Password)
			if errors.Is(err, ErrPassword) {
				continue
			}
			return plain, s, err
		}
	}
	return nil, Secret{}, ErrPassword
}

func (s Secret) name() string {
	if s.ID == "" {
		return "default"
	}
	return s.ID
}

func (e envelope) name() string { return Secret{ID: e.id}.name() }

func (e envelope) decrypt(password []byte) ([]byte, error) {
	key, macKey, iv, err := derive(password, e.salt)
	if err != nil {
		return nil, err
	}
	if !hmac.Equal(sum(macKey, e.payload), e.mac) {
		return nil, ErrPassword
	}
	plain, err := ctr(key, iv, e.payload)
	if err != nil {
		return nil, err
	}
	if len(plain) == 0 || len(plain)%aes.BlockSize != 0 {
		return nil, errors.New("the vault is damaged: its length is no multiple of a block")
	}
	pad := int(plain[len(plain)-1])
	if pad == 0 || pad > aes.BlockSize {
		return nil, errors.New("the vault is damaged: its padding is wrong")
	}
	return plain[:len(plain)-pad], nil
}

func sum(key, data []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(data)
	return mac.Sum(nil)
}

func ctr(key, iv, data []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	out := make([]byte, len(data))
	cipher.NewCTR(block, iv).XORKeyStream(out, data)
	return out, nil
}

// Encrypt makes a vault with a new salt: version 1.2 where the secret has an id of its own, else 1.1.
func Encrypt(plain []byte, s Secret) ([]byte, error) {
	salt := make([]byte, 32)
	if _, err := rand.Read(salt); err != nil {
		return nil, err
	}
	return EncryptWithSalt(plain, s, salt)
}

// EncryptWithSalt is for where the same text must give the same vault; the salt must not be used for another text.
func EncryptWithSalt(plain []byte, s Secret, salt []byte) ([]byte, error) {
	if Is(plain) {
		return nil, errors.New("input is already encrypted")
	}
	if strings.ContainsAny(s.ID, ";\n\r") {
		return nil, fmt.Errorf("vault id %q: it must not have ; or a line break in it", s.ID)
	}
	key, macKey, iv, err := derive(s.Password, salt)
	if err != nil {
		return nil, err
	}
	pad := aes.BlockSize - len(plain)%aes.BlockSize
	padded := append(bytes.Clone(plain), bytes.Repeat([]byte{byte(pad)}, pad)...)
	payload, err := ctr(key, iv, padded)
	if err != nil {
		return nil, err
	}
	inner := hex.EncodeToString(salt) + "\n" + hex.EncodeToString(sum(macKey, payload)) + "\n" + hex.EncodeToString(payload)
	var b bytes.Buffer
	b.WriteString(header + ";")
	if s.name() == "default" {
		b.WriteString("1.1;AES256\n")
	} else {
		b.WriteString("1.2;AES256;" + s.ID + "\n")
	}
	for body := hex.EncodeToString([]byte(inner)); body != ""; {
		n := min(80, len(body))
		b.WriteString(body[:n] + "\n")
		body = body[n:]
	}
	return b.Bytes(), nil
}

// Rekey encrypts a vault anew under another password; the id stays unless the new secret has one.
func (k Keys) Rekey(data []byte, to Secret) ([]byte, error) {
	plain, _, err := k.Decrypt(data)
	if err != nil {
		return nil, err
	}
	return Encrypt(plain, to)
}

// String makes what encrypt_string prints: YAML with the vault as the value of name, or only the value where name is empty.
func String(name string, plain []byte, s Secret) (string, error) {
	data, err := Encrypt(plain, s)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	if name != "" {
		b.WriteString(name + ": ")
	}
	b.WriteString("!vault |")
	for line := range strings.Lines(string(data)) {
		b.WriteString("\n          " + strings.TrimSuffix(line, "\n"))
	}
	return b.String(), nil
}
