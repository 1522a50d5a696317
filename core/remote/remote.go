// Package remote reaches hosts over SSH: it reads OpenSSH's own configuration, keys, agent and known hosts, runs commands and puts files
// there. It never trusts a host key that nobody has confirmed, and no secret goes into a command line. What it does not speak itself
// (smart cards, Kerberos, a shared control socket, rare options) goes through the system's ssh program, behind the same Client.
package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/crypto/ssh"
)

// Target is one account on one host. Host is what the user would write after `ssh`: a name, an address or an alias of the configuration.
// Port 0 and an empty User leave that to the configuration.
type Target struct {
	Host string
	Port int
	User string
}

func (t Target) String() string {
	s := t.Host
	if t.User != "" {
		s = t.User + "@" + s
	}
	if t.Port != 0 {
		s = net.JoinHostPort(s, strconv.Itoa(t.Port))
	}
	return s
}

// Question is what a person, or who keeps secrets for them, is asked while a connection is made.
type Question struct {
	Kind   QuestionKind
	Target Target
	Text   string // as a prompt: "Password:", or what the host asks
	Key    string // the key file that a passphrase opens
	Echo   bool   // the answer may be shown
	Try    int    // 0 at first; more when the last answer was wrong
}

// QuestionKind tells passwords from passphrases.
type QuestionKind string

// The kinds of questions.
const (
	AskPassword   QuestionKind = "password"
	AskPassphrase QuestionKind = "passphrase"
	AskChallenge  QuestionKind = "challenge" // keyboard-interactive: a code, or a password by another name
)

// ErrNoAnswer is what Ask returns when there is no answer to a question.
var ErrNoAnswer = errors.New("no answer")

// Options says how to connect, beyond what OpenSSH's configuration says. The zero value is what `ssh HOST` does in a script.
type Options struct {
	// Args are arguments as ssh takes them (-o, -i, -J, -F, ...); they come before every configuration file.
	Args []string
	// Config is the configuration file; empty means ~/.ssh/config and /etc/ssh/ssh_config, "none" means none.
	Config string
	// Identities are key files to try before those of the configuration.
	Identities []string
	// Signers are keys that are in no file.
	Signers []ssh.Signer
	// Ask answers questions; nil means that nobody can be asked. It may be called from several connections at once.
	Ask func(ctx context.Context, q Question) (string, error)
	// Keys remembers opened keys over several connections, so that a passphrase is asked for once.
	Keys *Keys
	// Timeout bounds connecting; 0 leaves it to ConnectTimeout, or 30 s.
	Timeout time.Duration
	// System says when the system's ssh program is used.
	System System
}

// System says when the system's ssh program is used.
type System string

// Auto is the zero value.
const (
	Auto   System = ""       // where our own client does not do
	Never  System = "never"  // rather an error
	Always System = "always" // for everything
)

// Client is a connection to a host. It may be used from several goroutines; Close ends everything that runs through it.
type Client struct {
	Target Target // with the user, address and port that the configuration gave
	link   link
}

// link is the way to a host: our own client, or the system's.
type link interface {
	start(ctx context.Context, command string) (*Process, error)
	subsystem(ctx context.Context, name string) (*Process, error)
	dial(ctx context.Context, network, address string) (net.Conn, error)
	done() <-chan struct{}
	close() error
}

// Dial connects and authenticates. Its errors are *UnreachableError, *HostKeyError, *AuthError, or about the configuration.
func Dial(ctx context.Context, target Target, options Options) (*Client, error) {
	return dial(ctx, target, options, 0)
}

// maxJumps bounds chains of jump hosts, which a configuration may make endless.
const maxJumps = 8

func dial(ctx context.Context, target Target, options Options, depth int) (*Client, error) {
	if depth > maxJumps {
		return nil, fmt.Errorf("connecting to %s: more than %d jump hosts in a row; look for a ProxyJump that names itself", target.Host, maxJumps)
	}
	if err := plausible(target); err != nil {
		return nil, err
	}
	if options.Keys == nil {
		options.Keys = &Keys{}
	}
	s, err := resolve(ctx, target, options)
	if err != nil {
		return nil, err
	}
	why := s.foreign()
	switch {
	case options.System == Always:
		return dialSystem(ctx, s, options)
	case why != "" && options.System == Never:
		return nil, fmt.Errorf("connecting to %s: %s needs the system's ssh program, which this setup does not use", target.Host, why)
	case why != "":
		return dialSystem(ctx, s, options)
	}
	client, err := dialNative(ctx, s, options, depth)
	var denied *AuthError
	if errors.As(err, &denied) && denied.elsewhere != "" && options.System == Auto {
		if other, again := dialSystem(ctx, s, options); again == nil {
			return other, nil
		}
	}
	return client, err
}

// plausible refuses names that a program would read as an option, and control characters.
func plausible(t Target) error {
	for what, word := range map[string]string{"host": t.Host, "user": t.User} {
		if what == "host" && word == "" {
			return errors.New("connecting: the host has no name")
		}
		if word != "" && word[0] == '-' {
			return fmt.Errorf("connecting: the %s %q begins with a dash", what, word)
		}
		for _, r := range word {
			if r < ' ' || r == 0x7f {
				return fmt.Errorf("connecting: the %s %q has a control character", what, word)
			}
		}
	}
	if t.Port < 0 || t.Port > 65535 {
		return fmt.Errorf("connecting to %s: port %d, want 1 to 65535", t.Host, t.Port)
	}
	return nil
}

// Done is closed when the connection has ended, for whatever reason.
func (c *Client) Done() <-chan struct{} { return c.link.done() }

// Close ends the connection and all that runs through it.
func (c *Client) Close() error { return c.link.close() }

// DialContext opens a connection from the host to an address that the host can reach.
func (c *Client) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := c.link.dial(ctx, network, address)
	if err != nil {
		return nil, fmt.Errorf("reaching %s through %s: %w", address, c.Target.Host, err)
	}
	return conn, nil
}

// home is the folder of the account that runs this program.
func home() string {
	dir, err := os.UserHomeDir()
	if err != nil {
		return string(filepath.Separator)
	}
	return dir
}
