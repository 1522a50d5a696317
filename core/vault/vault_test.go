package vault

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// ansibleVault runs Ansible's own program in a folder with password files.
func ansibleVault(t *testing.T, dir string, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.Command("ansible-vault", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "ANSIBLE_HOME="+dir, "LC_ALL=C.UTF-8")
	cmd.Stdin = strings.NewReader(stdin)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ansible-vault %v: %v\n%s", args, err, errs.String())
	}
	return string(out)
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAnsibleVaultReadsWhatWeWriteAndWeReadWhatItWrites(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "pw"), "s3cret\n")
	writeFile(t, filepath.Join(dir, "prod"), "other pass\n")
	plain, prod := Secret{Password: []byte("s3cret")}, Secret{ID: "prod", Password: []byte("other pass")}
	written := map[string]string{}
	decrypt := []string{"decrypt", "--vault-id", "default@pw", "--vault-id", "prod@prod"}
	for _, text := range []string{"", "x", "sixteen bytes ok", "a: 1\nb: [ä, ☃]\n", strings.Repeat("long ", 1000)} {
		for _, s := range []Secret{plain, prod} {
			data, err := Encrypt([]byte(text), s)
			if err != nil {
				t.Fatal(err)
			}
			name := fmt.Sprintf("v%d.yml", len(written))
			writeFile(t, filepath.Join(dir, name), string(data))
			written[name], decrypt = text, append(decrypt, name)
		}
	}
	ansibleVault(t, dir, "", decrypt...) // once: it starts slowly
	for name, text := range written {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != text {
			t.Errorf("ansible-vault reads %q %v, written was %q", got, err, text)
		}
	}
	keys := Keys{plain, prod}
	for _, id := range []string{"default@pw", "prod@prod"} {
		writeFile(t, filepath.Join(dir, "w.yml"), "hello: there\n")
		ansibleVault(t, dir, "", "encrypt", "--vault-id", id, "w.yml")
		data, err := os.ReadFile(filepath.Join(dir, "w.yml"))
		if err != nil {
			t.Fatal(err)
		}
		got, s, err := keys.Decrypt(data)
		if err != nil || string(got) != "hello: there\n" || !strings.HasPrefix(id, s.name()) {
			t.Errorf("%s: %q by %q, %v", id, got, s.ID, err)
		}
		again, err := keys.Rekey(data, Secret{ID: "new", Password: []byte("n")})
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := (Keys{{ID: "new", Password: []byte("n")}}).Decrypt(again); err != nil || string(got) != "hello: there\n" {
			t.Errorf("after a new password: %q %v", got, err)
		}
	}
}

func TestAnEncryptedStringIsWhatAnsibleVaultWrites(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "pw"), "s3cret\n")
	ours, err := String("token", []byte("abc"), Secret{Password: []byte("s3cret")})
	if err != nil {
		t.Fatal(err)
	}
	theirs := ansibleVault(t, dir, "", "encrypt_string", "--vault-id", "default@pw", "--name", "token", "abc")
	shape := func(text string) string {
		lines := strings.Split(strings.TrimSpace(text), "\n")
		for i := 2; i < len(lines); i++ {
			lines[i] = strings.Repeat("x", len(lines[i])) // hex digits, other ones each time
		}
		return strings.Join(lines, "\n")
	}
	if shape(ours) != shape(theirs) {
		t.Errorf("ours\n%s\ntheirs\n%s", ours, theirs)
	}
}

func TestAWrongPasswordSaysSo(t *testing.T) {
	data, err := Encrypt([]byte("x"), Secret{Password: []byte("right")})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := (Keys{{Password: []byte("wrong")}, {ID: "a", Password: []byte("worse")}}).Decrypt(data); !errors.Is(err, ErrPassword) {
		t.Errorf("%v", err)
	}
	if _, _, err := (Keys{}).Decrypt(data); !errors.Is(err, ErrNoPassword) {
		t.Errorf("%v", err)
	}
}

func TestADamagedVaultIsRefused(t *testing.T) {
	data, err := Encrypt([]byte("hello"), Secret{Password: []byte("p")})
	if err != nil {
		t.Fatal(err)
	}
	keys := Keys{{Password: []byte("p")}}
	for name, bad := range map[string][]byte{
		"cut off": data[:len(data)/2], "no header": data[5:], "other version": bytes.Replace(data, []byte("1.1"), []byte("9.9"), 1),
		"other cipher": bytes.Replace(data, []byte("AES256"), []byte("AES"), 1), "no hex": append(bytes.Clone(data), 'z'), "only a header": []byte("$ANSIBLE_VAULT;1.1;AES256\n"),
	} {
		if got, _, err := keys.Decrypt(bad); err == nil {
			t.Errorf("%s: %q", name, got)
		}
	}
	for i := 40; i < len(data); i += 37 {
		bad := bytes.Clone(data)
		bad[i] ^= 1
		if got, _, err := keys.Decrypt(bad); err == nil {
			t.Errorf("a changed byte at %d: %q", i, got)
		}
	}
}

func TestTheNamedPasswordIsTriedFirst(t *testing.T) {
	data, err := Encrypt([]byte("x"), Secret{ID: "prod", Password: []byte("p")})
	if err != nil {
		t.Fatal(err)
	}
	if id, err := ID(data); id != "prod" || err != nil {
		t.Errorf("%q %v", id, err)
	}
	_, s, err := (Keys{{ID: "dev", Password: []byte("p")}, {ID: "prod", Password: []byte("p")}}).Decrypt(data)
	if err != nil || s.ID != "prod" {
		t.Errorf("%q %v", s.ID, err)
	}
	if _, err := Encrypt([]byte("x"), Secret{ID: "a;b"}); err == nil {
		t.Error("an id with a semicolon is taken")
	}
	if _, err := Encrypt(data, Secret{}); err == nil {
		t.Error("a vault is encrypted twice")
	}
}
