package rule

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

func init() {
	Register(Kind{
		Name:    "aws-credentials",
		Aliases: []string{"detect-aws-credentials"},
		Help:    "the AWS keys of who commits are in no file",
		Example: "{credentials: [~/.aws/credentials], optional: true}",
		Args: []Arg{
			{Flags: []string{"--credentials-file"}, Option: "credentials", Takes: Each},
			{Flags: []string{"--allow-missing-credentials"}, Option: "optional"},
		},
		As: map[string]map[string]any{"detect-aws-credentials": {"optional": false}},
		New: func(decode func(any) error) (any, error) {
			r := &awsCredentials{Optional: true}
			if err := decode(r); err != nil {
				return nil, err
			}
			r.keys = sync.OnceValues(r.read)
			return r, nil
		},
	})
}

// awsCredentials is the one rule that looks outside of the change: it knows which keys are real from where the AWS command line keeps them. They
// are read once, at the first file, and never shown.
type awsCredentials struct {
	Credentials []string `json:"credentials"` // files beside those that AWS names; ~ is the home folder
	Optional    bool     `json:"optional"`    // it is no fault to have no keys
	keys        func() ([][]byte, error)
}

// Stamp is empty: the keys are those of who asks.
func (*awsCredentials) Stamp() string { return "" }

func (*awsCredentials) Wants(f *File) bool { return f.HasText() && f.Size > 0 }

func (r *awsCredentials) Check(f *File) ([]Finding, error) {
	keys, err := r.keys()
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 && !r.Optional {
		return nil, errors.New("rule aws-credentials: no AWS keys are found in the environment or in ~/.aws, so there is nothing to look for; set optional: true if that is fine")
	}
	return Text("aws-credentials", f, func(text []byte) []Finding {
		var found []Finding
		for _, key := range keys {
			if offset := bytes.Index(text, key); offset >= 0 {
				found = append(found, at(text, offset, "one of your own AWS keys (%s..., %d characters); take it out, and make a new one if it was ever pushed", key[:4], len(key)))
			}
		}
		return found
	})
}

// awsShortest is the length below which a value is taken for a placeholder and not for a key.
const awsShortest = 8

func (r *awsCredentials) read() ([][]byte, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		home = ""
	}
	var keys [][]byte
	add := func(value string) {
		if value = strings.TrimSpace(value); len(value) >= awsShortest && !slices.ContainsFunc(keys, func(k []byte) bool { return string(k) == value }) {
			keys = append(keys, []byte(value))
		}
	}
	for _, name := range []string{"AWS_SECRET_ACCESS_KEY", "AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN"} {
		add(os.Getenv(name))
	}
	files := append([]string{
		"~/.aws/config", "~/.aws/credentials", "/etc/boto.cfg", "~/.boto",
		os.Getenv("AWS_CONFIG_FILE"), os.Getenv("AWS_CREDENTIAL_FILE"), os.Getenv("AWS_SHARED_CREDENTIALS_FILE"), os.Getenv("BOTO_CONFIG"),
	}, r.Credentials...)
	for _, name := range files {
		if rest, ok := strings.CutPrefix(name, "~/"); ok && home != "" {
			name = filepath.Join(home, rest)
		}
		if name == "" || strings.HasPrefix(name, "~") {
			continue
		}
		data, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("rule aws-credentials: reading the keys to look for: %w", err)
		}
		for line := range strings.Lines(string(data)) {
			option, value, _ := strings.Cut(line, "=")
			switch strings.ToLower(strings.TrimSpace(option)) {
			case "aws_secret_access_key", "aws_security_token", "aws_session_token":
				add(value)
			}
		}
	}
	return keys, nil
}
