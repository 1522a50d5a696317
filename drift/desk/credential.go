package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// Credential is what a run needs to log in and to read vaults. Its values are sealed and never shown again; here are only their names.
type Credential struct {
	Project string   `json:"project"`
	Name    string   `json:"name"`
	User    string   `json:"user,omitempty" doc:"logs in as this user"`
	Become  string   `json:"become,omitempty" doc:"becomes this user where tasks want to"`
	VaultID string   `json:"vault_id,omitempty"`
	Has     []string `json:"has,omitempty" doc:"which values are set: key, passphrase, password, become_password, vault_password"`
}

// Values are what a credential hides; an empty one leaves what there is.
type Values struct {
	Key        string `json:"key,omitempty"`
	Passphrase string `json:"passphrase,omitempty"`
	Password   string `json:"password,omitempty"`
	BecomePass string `json:"become_password,omitempty"`
	VaultPass  string `json:"vault_password,omitempty"`
}

func (v *Values) fields() map[string]*string {
	return map[string]*string{"key": &v.Key, "passphrase": &v.Passphrase, "password": &v.Password, "become_password": &v.BecomePass, "vault_password": &v.VaultPass}
}

func (c *Credential) key() (kind, project, name string) { return kindCredential, c.Project, c.Name }

func (c *Credential) valid() error {
	if strings.HasPrefix(c.User, "-") || strings.ContainsAny(c.User, " \n\r\x00") {
		return fmt.Errorf("user %.40q is no name of an account", c.User)
	}
	return nil
}

const longestValue = 64 << 10

// check looks whether the values can be used, without repeating them in an error.
func (v *Values) check() error {
	for name, value := range v.fields() {
		if len(*value) > longestValue {
			return fmt.Errorf("%s has %d bytes, want at most %d", name, len(*value), longestValue)
		}
	}
	if v.Key == "" {
		return nil
	}
	_, err := v.signer()
	return err
}

// pem is the key as files have it, however it was pasted.
func (v *Values) pem() []byte {
	return []byte(strings.ReplaceAll(strings.TrimSpace(v.Key), "\r\n", "\n") + "\n")
}

// signer is the key, opened.
func (v *Values) signer() (ssh.Signer, error) {
	text := v.pem()
	signer, err := ssh.ParsePrivateKey(text)
	var locked *ssh.PassphraseMissingError
	if errors.As(err, &locked) {
		if v.Passphrase == "" {
			return nil, errors.New("the key has a passphrase; give it too")
		}
		if signer, err = ssh.ParsePrivateKeyWithPassphrase(text, []byte(v.Passphrase)); err != nil {
			return nil, errors.New("the passphrase does not open the key")
		}
	}
	if err != nil {
		return nil, errors.New("the key is no private key that OpenSSH can read; paste the whole file, from BEGIN to END")
	}
	return signer, nil
}

// Credentials lists those of a project, without any value.
func (d *Desk) Credentials(ctx context.Context, project string) ([]Credential, error) {
	return list[Credential](ctx, d, kindCredential, project)
}

// Credential reads one, without any value.
func (d *Desk) Credential(ctx context.Context, project, name string) (Credential, error) {
	return find[Credential](ctx, d, kindCredential, project, name)
}

// PutCredential adds or changes a credential.
func (d *Desk) PutCredential(ctx context.Context, who string, c Credential, v Values) error {
	if _, err := d.Project(ctx, c.Project); err != nil {
		return err
	}
	old, err := find[Credential](ctx, d, kindCredential, c.Project, c.Name)
	if err != nil && !errors.Is(err, ErrNone) {
		return err
	}
	if err := checkName(kindCredential, c.Name); err != nil {
		return err
	}
	whole, err := d.values(ctx, c.Project, c.Name)
	if err != nil {
		return err
	}
	for name, value := range v.fields() {
		if *value != "" {
			*whole.fields()[name] = *value
		}
	}
	if err := whole.check(); err != nil {
		return fmt.Errorf("credential %s: %w", c.Name, err)
	}
	c.Has = old.Has
	for name, value := range v.fields() {
		if *value == "" {
			continue
		}
		sealed, err := d.box.Seal(place(c.Project, c.Name, name), []byte(*value))
		if err != nil {
			return err
		}
		if _, err := d.Store.DB().ExecContext(ctx, `INSERT INTO desk_secrets (project, credential, field, sealed) VALUES (?, ?, ?, ?)
			ON CONFLICT (project, credential, field) DO UPDATE SET sealed = excluded.sealed`, c.Project, c.Name, name, sealed); err != nil {
			return fault(err, "keep", kindCredential, c.Name)
		}
		if !slices.Contains(c.Has, name) {
			c.Has = append(c.Has, name)
		}
	}
	slices.Sort(c.Has)
	if err := d.put(ctx, &c); err != nil {
		return err
	}
	return d.say(ctx, who, "credential-changed", c.Project, fmt.Sprintf("credential %s of project %s has %s", c.Name, c.Project, orNothing(c.Has)))
}

func orNothing(names []string) string {
	if len(names) == 0 {
		return "no values"
	}
	return strings.Join(names, ", ")
}

// RemoveCredential forgets a credential and its values.
func (d *Desk) RemoveCredential(ctx context.Context, who, project, name string) error {
	if _, err := d.Store.DB().ExecContext(ctx, "DELETE FROM desk_secrets WHERE project = ? AND credential = ?", project, name); err != nil {
		return fault(err, "remove", kindCredential, name)
	}
	if err := d.remove(ctx, kindCredential, project, name); err != nil {
		return err
	}
	return d.say(ctx, who, "credential-removed", project, "credential "+name+" of project "+project+" is removed")
}

func place(words ...string) string { return strings.Join(words, "\x00") }

// values opens a credential for a run.
func (d *Desk) values(ctx context.Context, project, name string) (v Values, err error) {
	rows, err := d.Store.DB().QueryContext(ctx, "SELECT field, sealed FROM desk_secrets WHERE project = ? AND credential = ?", project, name)
	if err != nil {
		return v, fault(err, "read", kindCredential, name)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var field string
		var sealed []byte
		if err := rows.Scan(&field, &sealed); err != nil {
			return v, fault(err, "read", kindCredential, name)
		}
		plain, err := d.box.Open(place(project, name, field), sealed)
		if err != nil {
			return v, fmt.Errorf("credential %s: %w", name, err)
		}
		if into := v.fields()[field]; into != nil {
			*into = string(plain)
		}
	}
	return v, fault(rows.Err(), "read", kindCredential, name)
}
