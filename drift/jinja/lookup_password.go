package jinja

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"goodstate.dev/goodstate/core/py"
)

func init() {
	lookups.add("password", "", lookupPassword)
}

const (
	lowerLetters = "abcdefghijklmnopqrstuvwxyz"
	upperLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits10     = "0123456789"
)

// letterSets are the names of Python's string module.
var letterSets = map[string]string{
	"ascii_letters": lowerLetters + upperLetters, "ascii_lowercase": lowerLetters, "ascii_uppercase": upperLetters, "digits": digits10,
	"hexdigits": digits10 + "abcdefABCDEF", "octdigits": "01234567", "punctuation": "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
	"whitespace": " \t\n\r\v\f", "printable": digits10 + lowerLetters + upperLetters + "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ \t\n\r\v\f",
}

// passwordFiles is held while a file of a password is looked for and made.
var passwordFiles sync.Mutex

// passwordOf is what a term of the password lookup says.
type passwordOf struct {
	path, encrypt, ident string
	length               int
	chars                string
	seed                 any
}

func lookupPassword(c *call) (any, error) {
	terms, err := c.terms()
	if err != nil {
		return nil, err
	}
	out := py.NewList()
	for _, term := range terms {
		p, err := c.passwordTerm(term)
		if err != nil {
			return nil, err
		}
		v, err := p.password()
		if err != nil {
			return nil, err
		}
		out.Items = append(out.Items, v)
	}
	return out, nil
}

func (c *call) passwordTerm(term string) (*passwordOf, error) {
	path, rest, _ := strings.Cut(term, " ")
	free, pairs := keyValues(rest)
	if free != "" {
		if path += " " + free; !strings.HasPrefix(term, path) {
			return nil, errors.New("Unrecognized value after key=value parameters given to password lookup")
		}
	}
	for k := range pairs.All() {
		switch py.Str(k) {
		case "length", "encrypt", "chars", "ident", "seed":
		default:
			return nil, fmt.Errorf("Unrecognized parameter(s) given to password lookup: %s", py.Str(k))
		}
	}
	get := func(name string, fallback any) any {
		if v, ok := pairs.Get(name); ok {
			return v
		}
		return c.option(name, fallback)
	}
	p := &passwordOf{path: path, seed: get("seed", nil)}
	n, ok := parseInt(py.Str(get("length", int64(20))), 10)
	if !ok {
		return nil, fmt.Errorf("length of a password: %s is no number", py.Str(get("length", nil)))
	}
	if p.length, _ = index(n); p.length < 1 || p.length > 100_000 {
		return nil, fmt.Errorf("length of a password: %d is not between 1 and 100000", p.length)
	}
	for name, to := range map[string]*string{"encrypt": &p.encrypt, "ident": &p.ident} {
		if v := get(name, nil); v != nil {
			*to = py.Str(v)
		}
	}
	p.chars = letters(get("chars", py.NewList("ascii_letters", "digits", ".,:-_")))
	if p.chars == "" {
		return nil, errors.New("the password lookup has no characters to choose from")
	}
	if !filepath.IsAbs(p.path) {
		p.path = filepath.Join(c.r.env.opt.Dir, p.path)
	}
	return p, nil
}

// letters makes the characters to choose from of names and texts.
func letters(v any) string {
	var specs []string
	if text, ok := py.Text(v); ok {
		if strings.Contains(text, ",,") {
			specs = append(specs, ",")
		}
		for _, s := range strings.Split(strings.ReplaceAll(text, ",,", ","), ",") {
			if s != "" {
				specs = append(specs, s)
			}
		}
	} else {
		specs = strItems(listOf(v))
	}
	var b strings.Builder
	for _, s := range specs {
		if set, ok := letterSets[s]; ok {
			s = set
		}
		b.WriteString(s)
	}
	return strings.NewReplacer(`"`, "", "'", "").Replace(b.String())
}

func (p *passwordOf) random() (string, error) {
	t, err := newTwister(p.seed)
	if err != nil {
		return "", err
	}
	from := []rune(p.chars)
	made := make([]rune, p.length)
	for i := range made {
		at, err := t.below(int64(len(from)))
		if err != nil {
			return "", err
		}
		made[i] = from[at]
	}
	return string(made), nil
}

// password reads the file, or makes one that only its owner can read.
func (p *passwordOf) password() (string, error) {
	passwordFiles.Lock()
	defer passwordFiles.Unlock()
	kept := p.path != "/dev/null"
	plain, salt, ident := "", "", ""
	data, err := os.ReadFile(p.path)
	changed := !kept
	switch {
	case kept && err == nil:
		plain, salt, ident = storedPassword(strings.TrimRight(string(data), " \t\r\n"))
	case !kept || errors.Is(err, fs.ErrNotExist):
		if plain, err = p.random(); err != nil {
			return "", err
		}
		changed = true
	default:
		return "", err
	}
	if p.encrypt != "" {
		if salt == "" {
			size := map[string]int{"bcrypt": 22, "sha256_crypt": 16, "sha512_crypt": 16}[p.encrypt]
			if size == 0 {
				size = 8
			}
			if salt, err = randomText(size, saltLetters); err != nil {
				return "", err
			}
			changed = true
		}
		if p.ident != "" && ident != "" && p.ident != ident {
			return "", fmt.Errorf("The ident parameter provided (%s) does not match the stored one (%s).", p.ident, ident)
		}
		if ident == "" {
			if ident = p.ident; ident == "" && p.encrypt == "bcrypt" {
				ident = "2b"
			}
			changed = changed || ident != ""
		}
	}
	if changed && kept {
		if err := storePassword(p.path, plain, salt, ident, p.encrypt != ""); err != nil {
			return "", err
		}
	}
	if p.encrypt == "" {
		return plain, nil
	}
	return hashPassword(plain, p.encrypt, salt, 0, 0, ident)
}

func storedPassword(content string) (plain, salt, ident string) {
	plain = content
	if i := strings.LastIndex(content, " salt="); i >= 0 {
		plain, salt = content[:i], content[i+6:]
	}
	if i := strings.LastIndex(salt, " ident="); i >= 0 {
		salt, ident = salt[:i], salt[i+7:]
	}
	return plain, salt, ident
}

func storePassword(path, plain, salt, ident string, encrypted bool) error {
	if encrypted || salt != "" {
		plain += " salt=" + salt
		if ident != "" {
			plain += " ident=" + ident
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Chmod(0o600); err != nil {
		return err
	}
	if _, err := f.WriteString(plain + "\n"); err != nil {
		return err
	}
	return f.Close()
}
