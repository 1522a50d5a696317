package remote

import (
	"fmt"

	"golang.org/x/crypto/ssh"
)

// UnreachableError says that a host did not answer, or that the connection was lost.
type UnreachableError struct {
	Target Target
	Lost   bool // it had been there
	Err    error
}

func (e *UnreachableError) Error() string {
	if e.Lost {
		return fmt.Sprintf("the connection to %s was lost: %v", e.Target, e.Err)
	}
	return fmt.Sprintf("%s is unreachable: %v", e.Target, e.Err)
}

func (e *UnreachableError) Unwrap() error { return e.Err }

// HostKeyError says that a host's key is not one that is trusted.
type HostKeyError struct {
	Target      Target
	Name        string // under which it is looked for in known_hosts
	Key         ssh.PublicKey
	Changed     bool   // another key is known
	Revoked     bool   // this very key is marked as bad
	Known       string // fingerprint of the known key
	Where       string // file:line of the known or revoked key
	Certificate error  // why the certificate of a known authority does not do
}

func (e *HostKeyError) Error() string {
	what := fmt.Sprintf("%s key %s", e.Key.Type(), ssh.FingerprintSHA256(e.Key))
	switch {
	case e.Revoked:
		return fmt.Sprintf("%s: REVOKED HOST KEY: it shows the %s, which %s marks as revoked; nothing was sent to it", e.Target, what, e.Where)
	case e.Changed:
		return fmt.Sprintf("%s: HOST KEY CHANGED: it shows the %s, but %s has %s: somebody may be in between, or the host was set up anew; nothing was sent to it", e.Target, what, e.Where, e.Known)
	case e.Certificate != nil:
		return fmt.Sprintf("%s: its host certificate is not valid: %v; nothing was sent to it", e.Target, e.Certificate)
	}
	return fmt.Sprintf("%s: unknown host key: it shows the %s, and no known_hosts file has %s", e.Target, what, e.Name)
}

// Hint says what to do.
func (e *HostKeyError) Hint() string {
	switch {
	case e.Revoked:
		return "find out why the key was revoked; a new key for the host is needed"
	case e.Changed:
		return fmt.Sprintf("if the host was set up anew, remove the old key (ssh-keygen -R '%s') and compare the new one on the host: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub", e.Name)
	case e.Certificate != nil:
		return "renew the host's certificate, or put its key into known_hosts"
	}
	return fmt.Sprintf("compare the fingerprint with the host's own (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub there), then add it: ssh %s", e.Target.Host)
}

// AuthError says that the host is there and does not let us in.
type AuthError struct {
	Target    Target
	Tried     []string // what was tried, for a person
	Err       error
	elsewhere string // what the system's ssh could still try
}

func (e *AuthError) Error() string {
	tried := "nothing could be tried: no key, no agent, and nobody to ask for a password"
	if len(e.Tried) > 0 {
		tried = "tried " + list(e.Tried)
	}
	return fmt.Sprintf("%s lets nobody in: %s: %v", e.Target, tried, e.Err)
}

func (e *AuthError) Unwrap() error { return e.Err }

func list(words []string) string {
	s := ""
	for i, w := range words {
		if i > 0 {
			s += ", "
		}
		s += w
	}
	return s
}

// ExitError says that a command ended badly.
type ExitError struct {
	Code   int    // 0 where a signal ended it
	Signal string // without SIG
}

func (e *ExitError) Error() string {
	if e.Signal != "" {
		return "ended by signal " + e.Signal
	}
	return fmt.Sprintf("exit status %d", e.Code)
}
