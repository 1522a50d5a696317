package module

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // known_hosts hashes names with it
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func init() {
	register(Kind{
		Name:    "known_hosts",
		Help:    "The key of another host is known, or is not",
		Example: "known_hosts: {name: git.example.com, key: 'git.example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJxsv6ApHlM3uZq2y6OOL5TTexU'}",
		Options: []Option{
			{Name: "name", Required: true, Aliases: []string{"host"}},
			{Name: "key"},
			{Name: "path", Type: Path, Default: "~/.ssh/known_hosts"},
			{Name: "hash_host", Type: Bool, Default: false},
			{Name: "state", Default: "present", Choices: words("absent", "present")},
		},
		Check: CheckFull,
		Diff:  true,
		Plan:  planKnownHosts,
	})
}

// hostNames tells whether the first field of a line stands for a host.
func hostNames(field, host string) bool {
	if rest, ok := strings.CutPrefix(field, "|1|"); ok {
		salt, sum, _ := strings.Cut(rest, "|")
		key, err := base64.StdEncoding.DecodeString(salt)
		if err != nil {
			return false
		}
		mac := hmac.New(sha1.New, key)
		mac.Write([]byte(host))
		return base64.StdEncoding.EncodeToString(mac.Sum(nil)) == sum
	}
	return slices.Contains(strings.Split(field, ","), host)
}

func planKnownHosts(_ context.Context, t *Task) error {
	host, path := t.Str("name"), t.abs(t.Str("path"))
	present := t.Str("state") == "present"
	key := strings.Fields(t.Str("key"))
	if present && len(key) < 3 {
		return fail("No key specified when adding a host")
	}
	if len(key) >= 3 && !strings.HasPrefix(key[0], "@") && !hostNames(key[0], host) {
		return fail("Host parameter does not match hashed host field in supplied key")
	}
	before, err := readText(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var kept []string
	found, changed := false, false
	for _, line := range splitKeep(string(before)) {
		f := strings.Fields(line)
		if len(f) < 3 || f[0][0] == '#' || !hostNames(f[0], host) {
			kept = append(kept, line)
			continue
		}
		hashed := strings.HasPrefix(f[0], "|1|")
		switch {
		case !present && (len(key) < 3 || f[1] == key[1] && f[2] == key[2]):
			changed = true
		case present && f[1] == key[1] && f[2] == key[2] && (hashed == t.Bool("hash_host") || hashed):
			found = true
			kept = append(kept, line)
		case present && f[1] == key[1]:
			changed = true // another key of the same kind
		default:
			kept = append(kept, line)
		}
	}
	for name, value := range t.args {
		t.Return(name, value)
	}
	after := strings.Join(kept, "")
	if present && !found {
		changed = true
		if after != "" && !strings.HasSuffix(after, "\n") {
			after += "\n"
		}
		line := strings.TrimSpace(t.Str("key"))
		if t.Bool("hash_host") {
			line = hashedName(host) + " " + strings.Join(key[1:], " ")
		}
		after += line + "\n"
	}
	t.Return("diff", map[string]any{"before_header": path, "before": string(before), "after_header": path, "after": after})
	if len(before) == 0 {
		t.result["diff"].(map[string]any)["before_header"] = "/dev/null"
	}
	if !changed {
		return nil
	}
	t.Change(func(ctx context.Context) error {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		return t.replaceText(ctx, path, []byte(after), nil)
	})
	return nil
}

// hashedName hides a name as ssh-keygen -H does.
func hashedName(host string) string {
	salt := make([]byte, sha1.Size)
	_, _ = rand.Read(salt) // it never fails
	mac := hmac.New(sha1.New, salt)
	mac.Write([]byte(host))
	return "|1|" + base64.StdEncoding.EncodeToString(salt) + "|" + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
