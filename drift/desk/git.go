package desk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// git runs one git command. Nothing of the caller's Git environment or configuration reaches it, no hook runs, nobody is asked for a password,
// and of all transports only those of https, ssh and files are on.
func git(ctx context.Context, dir string, args ...string) (string, error) {
	safe := []string{
		"-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "safe.directory=*", "-c", "protocol.allow=never", "-c", "protocol.https.allow=always",
		"-c", "protocol.ssh.allow=always", "-c", "protocol.file.allow=always", "-c", "core.symlinks=true", "-c", "fetch.fsckObjects=true", "-c", "submodule.recurse=false",
		"-c", "core.sshCommand=ssh -o BatchMode=yes -o StrictHostKeyChecking=yes",
	}
	cmd := exec.CommandContext(ctx, "git", append(safe, args...)...)
	cmd.Dir = dir
	cmd.WaitDelay = time.Second
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "GIT_") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	cmd.Env = append(cmd.Env, "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_LFS_SKIP_SMUDGE=1", "LC_ALL=C")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if errors.Is(err, exec.ErrNotFound) {
		return "", errors.New("git is not installed")
	}
	if err != nil {
		return out.String(), fmt.Errorf("git %s: %w: %s", verb(args), err, strings.TrimSpace(errs.String()))
	}
	return out.String(), nil
}

// verb is what a command of git is about.
func verb(args []string) string {
	for len(args) > 2 && args[0] == "-c" {
		args = args[2:]
	}
	return args[0]
}

var scpLike = regexp.MustCompile(`^[A-Za-z0-9_.-]+@[A-Za-z0-9.-]+:[^:]`)

// checkURL refuses what is neither https, ssh nor a folder, and passwords in addresses, which would be shown.
func checkURL(text string) error {
	switch {
	case text == "" || strings.HasPrefix(text, "-") || strings.ContainsAny(text, "\n\r\x00"):
		return fmt.Errorf("repository %.80q, want https://..., ssh://..., user@host:path or a folder", text)
	case filepath.IsAbs(text), scpLike.MatchString(text):
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "ssh" && u.Scheme != "file" {
		return errors.New("repository: want https://..., ssh://..., user@host:path or an absolute folder")
	}
	if _, has := u.User.Password(); has {
		return errors.New("repository: the address has a password in it, which everybody would see; use ssh with the account's key")
	}
	if strings.HasPrefix(u.Host, "-") {
		return errors.New("repository: the host begins with a dash")
	}
	return nil
}
