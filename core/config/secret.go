package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
)

// Secret is the name of a secret, said as {secret: name}. It never holds the value: core/secret finds that when it is
// needed. However it is printed, it reads "(secret name)".
type Secret struct{ name string }

// SecretNamed makes a reference in a program rather than in a file.
func SecretNamed(name string) Secret { return Secret{name} }

// Name is the name in the file's secrets section.
func (s Secret) Name() string { return s.name }

// IsZero is true where no secret was named.
func (s Secret) IsZero() bool { return s.name == "" }

// String is "(secret name)", or "" where none was named.
func (s Secret) String() string {
	if s.name == "" {
		return ""
	}
	return "(secret " + s.name + ")"
}

// GoString keeps %#v as silent as the rest.
func (s Secret) GoString() string { return s.String() }

// LogValue is "(secret name)".
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalJSON writes "(secret name)".
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// UnmarshalJSON reads "(secret name)", {"secret": "name"} or "".
func (s *Secret) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err == nil {
		if text == "" {
			*s = Secret{}
			return nil
		}
		name, open := strings.CutPrefix(text, "(secret ")
		name, closed := strings.CutSuffix(name, ")")
		if !open || !closed {
			return errors.New(`a secret is said as "(secret name)" or {"secret": "name"}, never as its value`)
		}
		*s = Secret{name}
		return nil
	}
	var form struct {
		Secret string `json:"secret"`
	}
	if err := json.Unmarshal(data, &form); err != nil || form.Secret == "" {
		return errors.New(`a secret is said as "(secret name)" or {"secret": "name"}, never as its value`)
	}
	*s = Secret{form.Secret}
	return nil
}

const secretHint = "say {secret: NAME}, and where its value is under secrets:, for example secrets: {NAME: {env: NAME}}"

var secretName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// UnmarshalConfig reads {secret: name} and nothing else. What was written instead is masked in the excerpt.
func (s *Secret) UnmarshalConfig(n Node) error {
	if n.n.kind == scalar && n.n.null() {
		return errors.New("has no value; " + secretHint)
	}
	if n.n.kind != mapping {
		n.Mask()
		return &hinted{"a secret is never written here", secretHint}
	}
	var form struct {
		Secret string `yaml:"secret" required:"true"`
	}
	if n.n.get("secret") == nil {
		n.Mask()
	}
	if err := n.Decode(&form); err != nil {
		return err
	}
	if !secretName.MatchString(form.Secret) {
		return &hinted{"a secret's name has only letters, digits, dots, dashes and underscores", secretHint}
	}
	*s = Secret{form.Secret}
	return nil
}

// Value is a plain string, taken as it is written, or {secret: name}: what an environment variable or a header is given.
type Value struct {
	plain  string
	secret Secret
}

// PlainValue makes a plain value in a program rather than in a file.
func PlainValue(text string) Value { return Value{plain: text} }

// SecretValue makes a value that is a secret.
func SecretValue(name string) Value { return Value{secret: Secret{name}} }

// Plain is the text, and true where the value is no secret.
func (v Value) Plain() (string, bool) { return v.plain, v.secret.IsZero() }

// Secret is the secret's name, and true where the value is a secret.
func (v Value) Secret() (Secret, bool) { return v.secret, !v.secret.IsZero() }

// IsZero is true for the empty plain value.
func (v Value) IsZero() bool { return v == Value{} }

// String is the plain text or "(secret name)".
func (v Value) String() string {
	if v.secret.IsZero() {
		return v.plain
	}
	return v.secret.String()
}

// MarshalJSON writes the plain text as a string and a secret as {"secret": "name"}.
func (v Value) MarshalJSON() ([]byte, error) {
	if v.secret.IsZero() {
		return json.Marshal(v.plain)
	}
	return json.Marshal(map[string]string{"secret": v.secret.name})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (v *Value) UnmarshalJSON(data []byte) error {
	*v = Value{}
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		return v.secret.UnmarshalJSON(data)
	}
	if err := json.Unmarshal(data, &v.plain); err != nil {
		return fmt.Errorf(`a value is a string or {"secret": "name"}: %w`, err)
	}
	return nil
}

// UnmarshalConfig reads a scalar as it is written, or {secret: name}.
func (v *Value) UnmarshalConfig(n Node) error {
	*v = Value{}
	if n.n.kind != scalar {
		return v.secret.UnmarshalConfig(n)
	}
	return n.Decode(&v.plain)
}
