package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/term"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/core/remote"
	"goodstate.dev/goodstate/core/vault"
	"goodstate.dev/goodstate/core/yaml11"
	"goodstate.dev/goodstate/drift/playbook"
	"goodstate.dev/goodstate/drift/settings"
)

// console asks the person at the terminal.
type console struct {
	t     *terminal
	lines *bufio.Reader
}

func (t *terminal) console() *console { return &console{t: t, lines: bufio.NewReader(t.in)} }

// Display prints a line.
func (c *console) Display(text string) { fmt.Fprintln(c.t.out, text) }

// Warn prints a warning.
func (c *console) Warn(text string) { fmt.Fprintln(c.t.err, "[WARNING]: "+text) }

// Ask reads a line; ok is false where nobody can be asked and nothing is there to be read.
func (c *console) Ask(_ context.Context, prompt string, hidden bool) (string, bool, error) {
	if c.t.interactive() && hidden {
		fmt.Fprint(c.t.out, prompt)
		text, err := term.ReadPassword(int(c.t.in.(*os.File).Fd()))
		fmt.Fprintln(c.t.out)
		return string(text), true, err
	}
	fmt.Fprint(c.t.out, prompt)
	line, err := c.lines.ReadString('\n')
	if !c.t.interactive() {
		fmt.Fprintln(c.t.out)
	}
	if errors.Is(err, io.EOF) {
		return strings.TrimRight(line, "\r\n"), line != "", nil
	}
	return strings.TrimRight(line, "\r\n"), true, err
}

// secret asks for a password.
func (t *terminal) secret(ctx context.Context, prompt string) (string, error) {
	text, ok, err := t.console().Ask(ctx, prompt, true)
	if err == nil && !ok {
		err = errors.New("nobody is there to be asked: " + strings.TrimSuffix(prompt, ": "))
	}
	return text, err
}

// passwords are those of the login and of sudo and its kin.
func (t *terminal) passwords(ctx context.Context, f *playFlags, s *settings.Settings) (login, become string, err error) {
	if file := orText(f.connectionFile, s.ConnectionPasswordFile); file != "" {
		if login, err = passwordFile(ctx, file); err != nil {
			return "", "", err
		}
	}
	if file := orText(f.becomeFile, s.BecomePasswordFile); file != "" {
		if become, err = passwordFile(ctx, file); err != nil {
			return "", "", err
		}
	}
	if f.askPass || s.AskPassword {
		if login, err = t.secret(ctx, "SSH password: "); err != nil {
			return "", "", err
		}
	}
	if f.askBecome || s.AskBecome {
		prompt := "BECOME password: "
		if f.askPass || s.AskPassword {
			prompt = "BECOME password[defaults to SSH password]: "
		}
		if become, err = t.secret(ctx, prompt); err != nil {
			return "", "", err
		}
		if become == "" {
			become = login
		}
	}
	return login, become, nil
}

// passwordFile reads the first line of a file, or what a program prints.
func passwordFile(ctx context.Context, path string) (string, error) {
	if path == "-" {
		text, err := io.ReadAll(os.Stdin)
		return strings.TrimSpace(string(text)), err
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("The password file %s was not found: %w", path, err)
	}
	if info.Mode()&0o111 == 0 {
		text, err := os.ReadFile(path)
		return strings.TrimSpace(string(text)), err
	}
	text, err := exec.CommandContext(ctx, path).Output()
	if err != nil {
		return "", fmt.Errorf("The password script %s had an error: %w", path, err)
	}
	return strings.TrimSpace(string(text)), nil
}

// vaultKeys are the passwords for vaults, in the order of the command line.
func (t *terminal) vaultKeys(ctx context.Context, f *playFlags, s *settings.Settings) (vault.Keys, error) {
	ids := append(append([]string{}, s.VaultIDs...), f.vaultIDs...)
	files := f.vaultFiles
	if len(files) == 0 && s.VaultFile != "" {
		files = []string{s.VaultFile}
	}
	var keys vault.Keys
	for _, file := range files {
		ids = append(ids, s.VaultIdentity+"@"+file)
	}
	if f.askVault || s.AskVault && len(ids) == 0 {
		ids = append(ids, s.VaultIdentity+"@prompt_ask_vault_pass")
	}
	for _, text := range ids {
		id, source, named := strings.Cut(text, "@")
		if !named {
			id, source = s.VaultIdentity, text
		}
		password, err := t.vaultPassword(ctx, id, source)
		if err != nil {
			return nil, err
		}
		keys = append(keys, vault.Secret{ID: id, Password: []byte(password)})
	}
	return keys, nil
}

func (t *terminal) vaultPassword(ctx context.Context, id, source string) (string, error) {
	switch source {
	case "prompt":
		return t.secret(ctx, "Vault password ("+id+"): ")
	case "prompt_ask_vault_pass":
		return t.secret(ctx, "Vault password: ")
	}
	info, err := os.Stat(source)
	if err != nil {
		return "", fmt.Errorf("The vault password file %s was not found", source)
	}
	if info.Mode()&0o111 == 0 {
		return passwordFile(ctx, source)
	}
	abs, err := filepath.Abs(source)
	if err != nil {
		return "", err
	}
	var args []string
	if name := filepath.Base(source); strings.HasSuffix(strings.TrimSuffix(name, filepath.Ext(name)), "-client") {
		args = []string{"--vault-id", id}
	}
	text, err := exec.CommandContext(ctx, abs, args...).Output()
	if err != nil {
		return "", fmt.Errorf("Vault password script %s returned non-zero: %w", source, err)
	}
	return strings.Trim(string(text), "\r\n"), nil
}

// extraVars reads what -e says.
func extraVars(flags []string, keys vault.Keys) (*py.Dict, error) {
	out := py.NewDict()
	for _, text := range flags {
		var value any
		var err error
		trimmed := strings.TrimSpace(text)
		switch {
		case trimmed == "":
			continue
		case trimmed[0] == '@':
			value, err = extraFile(trimmed[1:], keys)
		case trimmed[0] == '/' || trimmed[0] == '.':
			return nil, usage("please prepend extra_vars filename '%s' with '@'", trimmed)
		case trimmed[0] == '{' || trimmed[0] == '[':
			value, err = yaml11.Load("<extra-vars>", []byte(text), yaml11.Options{})
		default:
			value, err = playbook.KeyValues(text, false)
		}
		if err != nil {
			return nil, err
		}
		d, ok := value.(*py.Dict)
		if !ok {
			return nil, usage("invalid extra vars data supplied. '%s' could not be made into a dictionary", text)
		}
		for k, v := range d.All() {
			if k == "_raw_params" {
				continue
			}
			out.Set(k, v)
		}
	}
	return out, nil
}

func extraFile(path string, keys vault.Keys) (any, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("Could not find or access '%s' on the Ansible Controller", path)
	}
	if vault.Is(text) {
		if text, _, err = keys.Decrypt(text); err != nil {
			return nil, fmt.Errorf("%w on %s", err, path)
		}
	}
	return yaml11.Load(path, text, yaml11.Options{Open: func(cipher string) (string, error) {
		plain, _, err := keys.Decrypt([]byte(cipher))
		return string(plain), err
	}})
}

// askRemote answers hosts and keys.
func (t *terminal) askRemote(password string) func(context.Context, remote.Question) (string, error) {
	return func(ctx context.Context, q remote.Question) (string, error) {
		if q.Kind != remote.AskPassphrase && password != "" && q.Try == 0 {
			return password, nil
		}
		if !t.interactive() {
			return "", remote.ErrNoAnswer
		}
		return t.secret(ctx, q.Text+" ")
	}
}

// screen is the width of the terminal and whether it shows colours. What is no terminal is as wide as Ansible takes it to be.
func (t *terminal) screen() (columns int, color bool) {
	file, ok := t.out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return 79, false
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		width = 80
	}
	return width - 1, true
}
