package desk

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"goodstate.dev/goodstate/core/remote"
)

// fetch gets the newest commit of a project's branch into its clone. With a credential its key is offered over an agent of our own, so that it never lies in a file
// or stands in an environment; without one the keys of goodstate's own account count.
func (d *Desk) fetch(ctx context.Context, p Project, clone string) error {
	args := []string{"fetch", "-q", "--depth=1", "--no-tags", "--no-recurse-submodules", "--", p.Repository, orHead(p.Branch)}
	if p.Credential == "" && p.KnownHosts == "" {
		_, err := git(ctx, clone, args...)
		return err
	}
	dir, err := os.MkdirTemp("", "gs")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a socket and host keys at most
	var options []string
	if p.KnownHosts != "" {
		known := filepath.Join(dir, "known")
		if err := os.WriteFile(known, []byte(strings.ReplaceAll(p.KnownHosts, "\r\n", "\n")+"\n"), 0o600); err != nil {
			return err
		}
		options = append(options, "UserKnownHostsFile="+known+" ~/.ssh/known_hosts")
	}
	if p.Credential != "" {
		c, err := d.Credential(ctx, p.Name, p.Credential)
		if err != nil {
			return err
		}
		v, err := d.values(ctx, p.Name, p.Credential)
		if err != nil {
			return err
		}
		if v.Key == "" {
			return fmt.Errorf("credential %s has no key; pulling by ssh needs one", c.Name)
		}
		socket := filepath.Join(dir, "agent")
		stop, err := v.offer(ctx, socket)
		if err != nil {
			return fmt.Errorf("credential %s: %w", c.Name, err)
		}
		defer stop()
		options = append(options, "IdentityFile=none", "IdentityAgent="+socket)
		if c.User != "" {
			options = append(options, "User="+c.User)
		}
	}
	command := "ssh -o BatchMode=yes -o StrictHostKeyChecking=yes"
	for _, o := range options {
		command += " -o " + remote.Quote(o)
	}
	_, err = git(ctx, clone, append([]string{"-c", "core.sshCommand=" + command}, args...)...)
	return err
}

// offer answers on a socket as an SSH agent that has the key, until stop is called.
func (v *Values) offer(ctx context.Context, socket string) (stop func(), err error) {
	key, err := v.private()
	if err != nil {
		return nil, err
	}
	ring := agent.NewKeyring()
	if err := ring.Add(agent.AddedKey{PrivateKey: key}); err != nil {
		return nil, errors.New("the key cannot be used by an agent")
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", socket)
	if err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = agent.ServeAgent(ring, conn) // it ends when ssh has what it wants
			_ = conn.Close()
		}
	}()
	return func() {
		_ = l.Close()
		<-ended
	}, nil
}

// private is the key, opened, as an agent takes it.
func (v *Values) private() (any, error) {
	if _, err := v.signer(); err != nil {
		return nil, err
	}
	text := v.pem()
	key, err := ssh.ParseRawPrivateKey(text)
	var locked *ssh.PassphraseMissingError
	if errors.As(err, &locked) {
		key, err = ssh.ParseRawPrivateKeyWithPassphrase(text, []byte(v.Passphrase))
	}
	if err != nil {
		return nil, errors.New("the key cannot be read")
	}
	return key, nil
}
