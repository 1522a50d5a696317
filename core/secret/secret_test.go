package secret

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
)

func TestASecretIsFoundWhereTheConfigurationSays(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("SHOP_DB", "from the environment")
	write := func(name, text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("private", "from a file\n", 0o600)
	write("open", "for everybody", 0o644)
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	write("id", identity.String()+"\n", 0o600)
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, identity.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("from age\n")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	write("sealed.age", sealed.String(), 0o644)
	s := New(map[string]Source{
		"env": {Env: "SHOP_DB"}, "file": {File: "private"}, "open": {File: "open"}, "gone": {Env: "SHOP_NOTHING"}, "age": {Age: "sealed.age", Identity: "id"},
	}, dir)
	for name, want := range map[string]string{"env": "from the environment", "file": "from a file", "age": "from age"} {
		if got, err := s.Get(t.Context(), name); err != nil || got != want {
			t.Errorf("%s is %q, %v; want %q", name, got, err, want)
		}
	}
	for name, want := range map[string]string{"open": "chmod 600", "gone": "SHOP_NOTHING", "fil": "did you mean file?"} {
		if got, err := s.Get(t.Context(), name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is %q, %v; want an error with %q", name, got, err, want)
		}
	}
	if got := s.Redact("dial postgres://shop:from+the+environment@db"); strings.Contains(got, "from+the") || !strings.Contains(got, "(secret env)") {
		t.Errorf("redacted: %s", got)
	}
}
