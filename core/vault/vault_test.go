package vault

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// job is what Ansible's own code is asked to do, and result what it made of it.
type job struct {
	Secrets []secret `json:"secrets"`
	Open    []string `json:"open"`
	Make    string   `json:"make"`
}

type secret struct {
	ID       string `json:"id"`
	Password string `json:"password"`
}

type result struct {
	Opened []string `json:"opened"`
	Made   []string `json:"made"`
	String string   `json:"string"`
}

func askAnsible(t *testing.T, j job) result {
	t.Helper()
	in, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/usr/bin/python3", "testdata/oracle.py") // Debian's, which has ansible-core
	cmd.Env = append(os.Environ(), "ANSIBLE_HOME="+t.TempDir(), "LC_ALL=C.UTF-8")
	cmd.Stdin = bytes.NewReader(in)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("python3 with ansible-core (apt-get install ansible-core): %v\n%s", err, errs.String())
	}
	var r result
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAnsibleOpensWhatWeWriteAndWeOpenWhatItWrites(t *testing.T) {
	keys := Keys{{Password: []byte("s3cret")}, {ID: "prod", Password: []byte("other pass")}}
	j := job{Secrets: []secret{{"default", "s3cret"}, {"prod", "other pass"}}, Make: "hello: there\n"}
	var texts []string
	for _, text := range []string{"", "x", "sixteen bytes ok", "a: 1\nb: [ä, ☃]\n", strings.Repeat("long ", 1000)} {
		for _, s := range keys {
			data, err := Encrypt([]byte(text), s)
			if err != nil {
				t.Fatal(err)
			}
			j.Open, texts = append(j.Open, string(data)), append(texts, text)
		}
	}
	r := askAnsible(t, j)
	for i, text := range texts {
		if r.Opened[i] != text {
			t.Errorf("Ansible reads %q, written was %q", r.Opened[i], text)
		}
	}
	for i, data := range r.Made {
		got, s, err := keys.Decrypt([]byte(data))
		if err != nil || string(got) != j.Make || s.name() != j.Secrets[i].ID {
			t.Errorf("%q by %q, %v", got, s.ID, err)
		}
		again, err := keys.Rekey([]byte(data), Secret{ID: "new", Password: []byte("n")})
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := (Keys{{ID: "new", Password: []byte("n")}}).Decrypt(again); err != nil || string(got) != j.Make {
			t.Errorf("after a new password: %q %v", got, err)
		}
	}
	ours, err := String("token", []byte("abc"), keys[0])
	if err != nil {
		t.Fatal(err)
	}
	if shape(ours) != shape(r.String) {
		t.Errorf("an encrypted string: ours\n%s\nAnsible's\n%s", ours, r.String)
	}
}

// shape hides the digits of an encrypted string, which are other ones each time.
func shape(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i := 2; i < len(lines); i++ {
		lines[i] = strings.Repeat("x", len(lines[i]))
	}
	return strings.Join(lines, "\n")
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
	for i := 40; i < len(data); i += len(data) / 6 {
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
