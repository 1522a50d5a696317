// Package secret finds the values of secrets where the configuration says they are, and takes them out of texts. It never
// writes a value anywhere, and no error of it contains one.
package secret

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"filippo.io/age"
	"filippo.io/age/armor"

	"goodstate.dev/goodstate/core/config"
)

// Source says where the value of one secret is: exactly one of env, file and age.
type Source struct {
	Env      string `yaml:"env" json:"env,omitempty" help:"environment variable of goodstate" example:"DB_PASSWORD"`
	File     string `yaml:"file" json:"file,omitempty" help:"file that only its owner may read"`
	Age      string `yaml:"age" json:"age,omitempty" help:"file encrypted with age, binary or armored"`
	Identity string `yaml:"identity" json:"identity,omitempty" help:"file with the age identity that opens it"`
}

// Validate reports a source that names no place, or several.
func (s *Source) Validate(report func(path, message string)) {
	n := 0
	for _, place := range []string{s.Env, s.File, s.Age} {
		if place != "" {
			n++
		}
	}
	if n != 1 {
		report("", fmt.Sprintf("%d places are named, want exactly one of env, file and age", n))
	}
	if (s.Age == "") != (s.Identity == "") {
		report("", "age and identity go together")
	}
}

// Store resolves secrets by name.
type Store struct {
	sources map[string]Source
	base    string
	other   func(ctx context.Context, name string) (string, error)

	mu     sync.Mutex
	values map[string]string // handed out so far, by name
}

// New returns a store; paths are taken from base.
func New(sources map[string]Source, base string) *Store {
	return &Store{sources: sources, base: base, values: map[string]string{}}
}

// Elsewhere has names that the configuration does not know looked up by another one. It is called before the first Get.
func (s *Store) Elsewhere(get func(ctx context.Context, name string) (string, error)) { s.other = get }

const most = 64 << 10

// Get returns the value of a secret.
func (s *Store) Get(ctx context.Context, name string) (string, error) {
	src, ok := s.sources[name]
	if !ok && s.other != nil {
		value, err := s.other(ctx, name)
		if err == nil {
			s.mu.Lock()
			s.values[name] = value
			s.mu.Unlock()
		}
		return value, err
	}
	if !ok {
		var known []string
		for n := range s.sources {
			known = append(known, n)
		}
		slices.Sort(known)
		if near := config.Nearest(name, known); near != "" {
			return "", fmt.Errorf("secret %q is not in the configuration (did you mean %s?)", name, near)
		}
		return "", fmt.Errorf("secret %q is not in the configuration; say where it is: secrets: {%s: {env: NAME}}", name, name)
	}
	value, err := s.read(src)
	if err != nil {
		return "", fmt.Errorf("secret %s: %w", name, err)
	}
	if value == "" {
		return "", fmt.Errorf("secret %s is empty", name)
	}
	s.mu.Lock()
	s.values[name] = value
	s.mu.Unlock()
	return value, nil
}

func (s *Store) read(src Source) (string, error) {
	if src.Env != "" {
		value, ok := os.LookupEnv(src.Env)
		if !ok {
			return "", fmt.Errorf("the environment has no %s", src.Env)
		}
		return value, nil
	}
	if src.File != "" {
		text, err := s.private(src.File)
		return strings.TrimRight(string(text), "\r\n"), err
	}
	return s.decrypt(src)
}

// private reads a file that nobody else may read.
func (s *Store) private(path string) ([]byte, error) {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, fmt.Errorf("home of %s: %w", path, err)
		}
		path = filepath.Join(home, rest)
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(s.base, path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s may be read by others (mode %04o); chmod 600 %s", path, info.Mode().Perm(), path)
	}
	if info.Size() > most {
		return nil, fmt.Errorf("%s has %d bytes, a secret has at most %d", path, info.Size(), most)
	}
	return os.ReadFile(path)
}

func (s *Store) decrypt(src Source) (string, error) {
	key, err := s.private(src.Identity)
	if err != nil {
		return "", err
	}
	identities, err := age.ParseIdentities(bytes.NewReader(key))
	if err != nil {
		return "", fmt.Errorf("%s is not a file with age identities", src.Identity)
	}
	path := src.Age
	if !filepath.IsAbs(path) {
		path = filepath.Join(s.base, path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	var in io.Reader = bytes.NewReader(text)
	if bytes.HasPrefix(text, []byte(armor.Header)) {
		in = armor.NewReader(in)
	}
	out, err := age.Decrypt(in, identities...)
	if err != nil {
		return "", fmt.Errorf("%s cannot be opened with %s: %w", src.Age, src.Identity, err)
	}
	plain, err := io.ReadAll(io.LimitReader(out, most+1))
	if err != nil || len(plain) > most {
		return "", errors.Join(fmt.Errorf("%s is damaged or too long", src.Age), err)
	}
	return strings.TrimRight(string(plain), "\r\n"), nil
}

// shortest is the length from which a value is looked for in texts: shorter ones would take ordinary words out.
const shortest = 6

// Redact replaces every value that was handed out by its name, also as it looks in URLs and in base64.
func (s *Store) Redact(text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, value := range s.values {
		if len(value) < shortest {
			continue
		}
		for _, form := range []string{value, url.QueryEscape(value), url.PathEscape(value), base64.StdEncoding.EncodeToString([]byte(value))} {
			text = strings.ReplaceAll(text, form, "(secret "+name+")")
		}
	}
	return text
}
