package module

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// sshKey plans a key pair of the account, where there is none.
func (u *userTask) sshKey() {
	u.Act(func(ctx context.Context) error {
		now, err := lookupUser(u.name)
		if err != nil {
			return err
		}
		path := u.Str("ssh_key_file")
		switch {
		case path == "":
			path = ".ssh/id_" + u.Str("ssh_key_type")
			fallthrough
		case !filepath.IsAbs(path):
			path = filepath.Join(now.Home, path)
		}
		if !exists(path) {
			if err := u.makeKey(ctx, path, now); err != nil {
				return err
			}
			u.changed = true
		}
		return u.tellKey(ctx, path)
	})
	if u.there {
		u.predictKey()
	} else {
		u.changed = true
	}
}

// predictKey counts a missing key as a change, in check mode too.
func (u *userTask) predictKey() {
	path := u.Str("ssh_key_file")
	if path == "" {
		path = ".ssh/id_" + u.Str("ssh_key_type")
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(u.now.Home, path)
	}
	u.changed = u.changed || !exists(path)
	u.Return("ssh_key_file", path)
}

func (u *userTask) makeKey(ctx context.Context, path string, now account) error {
	dir := filepath.Dir(path)
	if !exists(dir) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fail("Failed to create " + dir + ": " + pyPathError(err))
		}
		if err := os.Chown(dir, now.UID, now.GID); err != nil {
			return err
		}
	}
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	comment := u.Str("ssh_key_comment")
	if comment == "" {
		comment = "ansible-generated on " + host
	}
	args := []string{"ssh-keygen", "-q", "-t", u.Str("ssh_key_type"), "-C", comment, "-f", path}
	if u.Has("ssh_key_bits") {
		args = append(args, "-b", fmt.Sprint(u.Int("ssh_key_bits")))
	}
	out, err := u.keygen(ctx, args)
	if err != nil {
		return err
	}
	if out.rc != 0 {
		return fail(out.stderr, Result{"name": u.name, "rc": int64(out.rc)})
	}
	for _, file := range []string{path, path + ".pub"} {
		if err := os.Chown(file, now.UID, now.GID); err != nil {
			return err
		}
	}
	return nil
}

// keygen makes a key. Its passphrase is asked for on standard input by way of SSH_ASKPASS, and is in no argument.
func (u *userTask) keygen(ctx context.Context, args []string) (output, error) {
	pass := u.Str("ssh_key_passphrase")
	if pass == "" {
		return u.run(ctx, program{args: append(args, "-N", "")})
	}
	dir, err := os.MkdirTemp(u.tmp(), "ansible-askpass-")
	if err != nil {
		return output{}, err
	}
	defer os.RemoveAll(dir)
	secret, script := filepath.Join(dir, "secret"), filepath.Join(dir, "ask")
	if err := os.WriteFile(secret, []byte(pass+"\n"), 0o600); err != nil {
		return output{}, err
	}
	if err := os.WriteFile(script, []byte("#!/bin/sh\ncat "+quoteWord(secret)+"\n"), 0o700); err != nil {
		return output{}, err
	}
	return u.run(ctx, program{args: args, env: []string{"SSH_ASKPASS=" + script, "SSH_ASKPASS_REQUIRE=force", "DISPLAY=:0"}})
}

func (u *userTask) tellKey(ctx context.Context, path string) error {
	out, err := u.run(ctx, program{args: []string{"ssh-keygen", "-l", "-f", path + ".pub"}})
	if err != nil {
		return err
	}
	u.Return("ssh_fingerprint", strings.TrimSpace(out.stdout))
	u.Return("ssh_key_file", path)
	public, err := os.ReadFile(path + ".pub")
	if err == nil {
		u.Return("ssh_public_key", strings.TrimSpace(string(public)))
	} else if no, ok := err.(*os.PathError); ok && no.Err != syscall.ENOENT { //nolint:errorlint // the error of one call
		return err
	}
	return nil
}
