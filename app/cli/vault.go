package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/core/vault"
	"goodstate.dev/goodstate/drift/settings"
)

func init() { register(vaultCommand) }

// vaultTool is one call of goodstate vault.
type vaultTool struct {
	t     *terminal
	f     playFlags
	keys  vault.Keys
	set   *settings.Settings
	id    string // to encrypt with
	newID string
	newer string // file with the new password
	out   string
}

// vaultCommand is ansible-vault.
func vaultCommand(t *terminal) *cobra.Command {
	v := &vaultTool{t: t}
	c := &cobra.Command{
		Use: "vault", Short: "Encrypt and decrypt files and strings as Ansible Vault does",
		Long: "Encrypt and decrypt files and strings. The verbs, their flags and what they write are those of ansible-vault.",
	}
	flags := c.PersistentFlags()
	flags.StringArrayVar(&v.f.vaultIDs, "vault-id", nil, "vault password: id@prompt, id@file or id@script")
	flags.StringArrayVar(&v.f.vaultFiles, "vault-password-file", nil, "file or script with the vault password")
	flags.StringArrayVar(&v.f.vaultFiles, "vault-pass-file", nil, "the same as --vault-password-file")
	flags.BoolVarP(&v.f.askVault, "ask-vault-pass", "J", false, "ask for the vault password")
	for _, verb := range []*cobra.Command{
		{Use: "create FILE", Short: "Write a new encrypted file with $EDITOR", Args: cobra.ExactArgs(1), RunE: v.run(v.create)},
		{Use: "edit FILE...", Short: "Change an encrypted file with $EDITOR", Args: cobra.MinimumNArgs(1), RunE: v.run(v.edit)},
		{Use: "view FILE...", Short: "Print an encrypted file", Args: cobra.MinimumNArgs(1), RunE: v.run(v.view)},
		{Use: "encrypt [FILE...]", Short: "Encrypt files, or standard input", RunE: v.run(v.encrypt)},
		{Use: "decrypt [FILE...]", Short: "Decrypt files, or standard input", RunE: v.run(v.decrypt)},
		{Use: "rekey FILE...", Short: "Encrypt files with another password", Args: cobra.MinimumNArgs(1), RunE: v.run(v.rekey)},
	} {
		if name, _, _ := strings.Cut(verb.Use, " "); name != "view" && name != "decrypt" {
			verb.Flags().StringVar(&v.id, "encrypt-vault-id", "", "the vault id to encrypt with")
		}
		if strings.HasSuffix(verb.Use, "crypt [FILE...]") {
			verb.Flags().StringVar(&v.out, "output", "", "file for the result; - is standard output")
		}
		if strings.HasPrefix(verb.Use, "rekey") {
			verb.Flags().StringVar(&v.newID, "new-vault-id", "", "the new vault password: id@source")
			verb.Flags().StringVar(&v.newer, "new-vault-password-file", "", "file with the new vault password")
		}
		c.AddCommand(verb)
	}
	c.AddCommand(v.encryptString())
	return c
}

// run reads the passwords, then carries the verb out.
func (v *vaultTool) run(do func(ctx context.Context, files []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		var err error
		if v.set, err = settings.Load(os.LookupEnv); err != nil {
			return err
		}
		if v.keys, err = v.t.vaultKeys(cmd.Context(), &v.f, v.set); err != nil {
			return &exitError{1, fmt.Errorf("ERROR! %w", err)}
		}
		if len(v.keys) == 0 {
			if v.keys, err = v.asked(cmd.Context(), cmd.Name()); err != nil {
				return &exitError{1, fmt.Errorf("ERROR! %w", err)}
			}
		}
		if err := do(cmd.Context(), args); err != nil {
			return &exitError{1, fmt.Errorf("ERROR! %w", err)}
		}
		return nil
	}
}

// asked is the password that a person types; a new one twice.
func (v *vaultTool) asked(ctx context.Context, verb string) (vault.Keys, error) {
	first, prompt := "", "Vault password: "
	fresh := verb == "create" || verb == "encrypt" || verb == "encrypt_string"
	if fresh {
		prompt = "New Vault password: "
	}
	first, err := v.t.secret(ctx, prompt)
	if err != nil {
		return nil, err
	}
	if fresh {
		again, err := v.t.secret(ctx, "Confirm New Vault password: ")
		if err != nil {
			return nil, err
		}
		if again != first {
			return nil, errors.New("Passwords do not match") //nolint:staticcheck // Ansible's words
		}
	}
	return vault.Keys{{ID: "default", Password: []byte(first)}}, nil
}

// secret is what new text is encrypted with.
func (v *vaultTool) secret() (vault.Secret, error) {
	id := v.id
	if id == "" {
		id = v.set.EncryptIdentity
	}
	if id == "" {
		if len(v.keys) > 1 {
			var ids []string
			for _, k := range v.keys {
				ids = append(ids, k.ID)
			}
			return vault.Secret{}, fmt.Errorf("The vault-ids %s are available to encrypt. Specify the vault-id to encrypt with --encrypt-vault-id", strings.Join(ids, ","))
		}
		return v.keys[0], nil
	}
	for _, k := range v.keys {
		if k.ID == id {
			return k, nil
		}
	}
	return vault.Secret{}, fmt.Errorf("Did not find a match for --encrypt-vault-id=%s in the known vault-ids", id)
}

func (v *vaultTool) read(path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(v.t.in)
	}
	return os.ReadFile(path)
}

// replaceVault writes a file whole or not at all, and keeps its permissions.
func replaceVault(path string, text []byte) error {
	mode := os.FileMode(0o600)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".vault-")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(text)
	if err := errors.Join(err, tmp.Chmod(mode), tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

func (v *vaultTool) put(path string, text []byte) error {
	switch {
	case v.out == "-" || v.out == "" && path == "-":
		_, err := v.t.out.Write(text)
		return err
	case v.out != "":
		return replaceVault(v.out, text)
	}
	return replaceVault(path, text)
}

func orStdin(files []string) []string {
	if len(files) == 0 {
		return []string{"-"}
	}
	return files
}

func (v *vaultTool) encrypt(_ context.Context, files []string) error {
	s, err := v.secret()
	if err != nil {
		return err
	}
	for _, path := range orStdin(files) {
		plain, err := v.read(path)
		if err != nil {
			return err
		}
		if vault.Is(plain) {
			return errors.New("input is already encrypted")
		}
		text, err := vault.Encrypt(plain, s)
		if err != nil {
			return err
		}
		if err := v.put(path, text); err != nil {
			return err
		}
	}
	v.say("Encryption successful")
	return nil
}

func (v *vaultTool) say(text string) {
	if v.t.interactive() {
		fmt.Fprintln(v.t.err, text)
	}
}

func (v *vaultTool) open(path string) ([]byte, vault.Secret, error) {
	text, err := v.read(path)
	if err != nil {
		return nil, vault.Secret{}, err
	}
	if !vault.Is(text) {
		return nil, vault.Secret{}, fmt.Errorf("input is not vault encrypted data for %s", path)
	}
	plain, s, err := v.keys.Decrypt(text)
	if err != nil {
		err = fmt.Errorf("%w on %s for %s", err, path, path)
	}
	return plain, s, err
}

func (v *vaultTool) decrypt(_ context.Context, files []string) error {
	for _, path := range orStdin(files) {
		plain, _, err := v.open(path)
		if err != nil {
			return err
		}
		if err := v.put(path, plain); err != nil {
			return err
		}
	}
	v.say("Decryption successful")
	return nil
}

func (v *vaultTool) view(_ context.Context, files []string) error {
	for _, path := range files {
		plain, _, err := v.open(path)
		if err != nil {
			return err
		}
		if _, err := v.t.out.Write(plain); err != nil {
			return err
		}
	}
	return nil
}

func (v *vaultTool) create(ctx context.Context, files []string) error {
	if _, err := os.Stat(files[0]); err == nil {
		return fmt.Errorf("%s exists, please use 'edit' instead", files[0])
	}
	s, err := v.secret()
	if err != nil {
		return err
	}
	return v.edited(ctx, files[0], nil, s)
}

func (v *vaultTool) edit(ctx context.Context, files []string) error {
	for _, path := range files {
		plain, s, err := v.open(path)
		if err != nil {
			return err
		}
		if v.id != "" {
			if s, err = v.secret(); err != nil {
				return err
			}
		}
		if err := v.edited(ctx, path, plain, s); err != nil {
			return err
		}
	}
	return nil
}

// edited lets the editor change a text in a folder that nobody else can read.
func (v *vaultTool) edited(ctx context.Context, path string, plain []byte, s vault.Secret) error {
	dir, err := os.MkdirTemp("", "goodstate-vault-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, filepath.Base(path))
	if err := os.WriteFile(file, plain, 0o600); err != nil {
		return err
	}
	editor := strings.Fields(os.Getenv("EDITOR"))
	if len(editor) == 0 {
		editor = []string{"vi"}
	}
	cmd := exec.CommandContext(ctx, editor[0], append(editor[1:], file)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = v.t.in, v.t.out, v.t.err
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("Unable to execute the command %s: %w", strings.Join(append(editor, file), " "), err)
	}
	after, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if plain != nil && bytes.Equal(after, plain) {
		return nil
	}
	text, err := vault.Encrypt(after, s)
	if err != nil {
		return err
	}
	return replaceVault(path, text)
}

func (v *vaultTool) rekey(ctx context.Context, files []string) error {
	to, err := v.newSecret(ctx)
	if err != nil {
		return err
	}
	for _, path := range files {
		text, err := v.read(path)
		if err != nil {
			return err
		}
		if text, err = v.keys.Rekey(text, to); err != nil {
			return fmt.Errorf("%w for %s", err, path)
		}
		if err := replaceVault(path, text); err != nil {
			return err
		}
	}
	v.say("Rekey successful")
	return nil
}

func (v *vaultTool) newSecret(ctx context.Context) (vault.Secret, error) {
	f := playFlags{}
	switch {
	case v.newID != "":
		f.vaultIDs = []string{v.newID}
	case v.newer != "":
		f.vaultFiles = []string{v.newer}
	default:
		keys, err := v.asked(ctx, "encrypt")
		if err != nil {
			return vault.Secret{}, err
		}
		return keys[0], nil
	}
	plain := *v.set
	plain.VaultIDs, plain.VaultFile = nil, ""
	keys, err := v.t.vaultKeys(ctx, &f, &plain)
	if err != nil {
		return vault.Secret{}, err
	}
	return keys[0], nil
}

func (v *vaultTool) encryptString() *cobra.Command {
	var names []string
	var stdinName string
	var prompt bool
	c := &cobra.Command{Use: "encrypt_string [TEXT...]", Short: "Encrypt strings, for use in a file of variables"}
	c.Flags().StringArrayVarP(&names, "name", "n", nil, "the name of the variable")
	c.Flags().StringVar(&stdinName, "stdin-name", "", "the name of the variable whose value is on standard input")
	c.Flags().BoolVarP(&prompt, "prompt", "p", false, "ask for the string")
	c.Flags().StringVar(&v.id, "encrypt-vault-id", "", "the vault id to encrypt with")
	c.RunE = v.run(func(ctx context.Context, args []string) error {
		s, err := v.secret()
		if err != nil {
			return err
		}
		if prompt {
			text, err := v.t.secret(ctx, "String to encrypt: ")
			if err != nil {
				return err
			}
			args = append(args, text)
		}
		if stdinName != "" || len(args) == 0 {
			text, err := io.ReadAll(v.t.in)
			if err != nil {
				return err
			}
			args, names = append(args, string(text)), append(names, stdinName)
		}
		for i, text := range args {
			name := ""
			if i < len(names) {
				name = names[i]
			}
			out, err := vault.String(name, []byte(text), s)
			if err != nil {
				return err
			}
			v.t.say("%s", strings.TrimRight(out, "\n"))
		}
		v.say("Encryption successful")
		return nil
	})
	return c
}
