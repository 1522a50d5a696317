package desk

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"goodstate.dev/goodstate/internal/real"
)

func TestARepositoryIsPulledBySSHWithACredential(t *testing.T) {
	host := real.StartSSHD(t)
	if host == nil {
		return
	}
	b := newBench(t, map[string]string{"site.yml": playbook})
	ctx := t.Context()
	read := func(path string) string {
		t.Helper()
		text, err := os.ReadFile(path)
		b.must(err)
		return string(text)
	}
	locked, other := filepath.Join(t.TempDir(), "locked"), filepath.Join(t.TempDir(), "other")
	real.Keygen(t, locked, "-t", "ed25519", "-N", "open-sesame")
	real.Keygen(t, other)
	b.must(os.WriteFile(host.Authorized, []byte(read(host.Authorized)+read(locked+".pub")), 0o600))
	for name, v := range map[string]Values{
		"login": {Key: strings.ReplaceAll(read(host.Key), "\n", "\r\n")}, "locked": {Key: read(locked), Passphrase: "open-sesame"}, "other": {Key: read(other)}, "password": {Password: "open-sesame"},
	} {
		b.must(b.PutCredential(ctx, "anna", Credential{Project: "web", Name: name}, v))
	}
	p := Project{Name: "web", Repository: fmt.Sprintf("ssh://%s@127.0.0.1:%d%s", host.User, host.Port, b.repo)}
	known := read(host.KnownHosts)
	host.KnowAs(t, other+".pub")
	foreign := read(host.KnownHosts)
	for _, c := range []struct{ credential, known, want string }{
		{"login", known, ""},
		{"locked", known, ""},
		{"login", foreign, "Host key verification failed"},
		{"other", known, "Permission denied"},
		{"password", known, "has no key"},
	} {
		p.Credential, p.KnownHosts = c.credential, c.known
		b.must(b.PutProject(ctx, "anna", p))
		got, err := b.Pull(ctx, "anna", "web")
		text := ""
		if err != nil {
			text = err.Error()
		}
		if (c.want == "") != (err == nil) || !strings.Contains(text, c.want) || err == nil && got.Subject != "playbooks" {
			t.Errorf("with %s: %+v %v, want %q", c.credential, got, err, c.want)
		}
	}
	p.Credential = "none"
	if err := b.PutProject(ctx, "anna", p); err == nil {
		t.Error("a project names a credential that is not there")
	}
}
