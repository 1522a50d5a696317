package remote

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"
)

// methods lists how to authenticate, in the order of PreferredAuthentications.
func (r *ring) methods(t *trust) []ssh.AuthMethod {
	order := strings.Split("publickey,keyboard-interactive,password", ",")
	if p := r.s.first("preferredauthentications"); p != "" {
		order = strings.Split(p, ",")
	}
	var all []ssh.AuthMethod
	for _, name := range order {
		switch {
		case name == "publickey" && !r.s.no("pubkeyauthentication"):
			all = append(all, ssh.PublicKeysCallback(r.signers))
		case name == "keyboard-interactive" && r.asks() && !r.s.no("kbdinteractiveauthentication") && !r.s.no("challengeresponseauthentication"):
			all = append(all, ssh.RetryableAuthMethod(ssh.KeyboardInteractive(r.challenge(t)), r.tries()))
		case name == "password" && r.asks() && !r.s.no("passwordauthentication"):
			all = append(all, ssh.RetryableAuthMethod(ssh.PasswordCallback(r.password(t)), r.tries()))
		}
	}
	return all
}

func (r *ring) asks() bool { return r.o.Ask != nil && !r.s.yes("batchmode") }

func (r *ring) tries() int {
	if n, err := strconv.Atoi(r.s.first("numberofpasswordprompts")); err == nil && n > 0 && n < 10 {
		return n
	}
	return maxTrys
}

var errUntrue = errors.New("no password is sent to a host whose key is not the known one")

func (r *ring) password(t *trust) func() (string, error) {
	try := -1
	return func() (string, error) {
		if t.untrue {
			return "", errUntrue
		}
		try++
		r.note("a password")
		return r.o.Ask(r.ctx, Question{
			Kind: AskPassword, Target: r.s.target(), Try: try, Text: fmt.Sprintf("%s@%s's password:", r.s.login(), r.s.address()),
		})
	}
}

func (r *ring) challenge(t *trust) ssh.KeyboardInteractiveChallenge {
	try := -1
	return func(name, instruction string, questions []string, echos []bool) ([]string, error) {
		if t.untrue {
			return nil, errUntrue
		}
		if len(questions) > 0 {
			try++
		}
		answers := make([]string, len(questions))
		for i, q := range questions {
			r.note("answers to the host's questions")
			answer, err := r.o.Ask(r.ctx, Question{
				Kind: AskChallenge, Target: r.s.target(), Try: try, Echo: echos[i],
				Text: strings.TrimSpace(strings.Join([]string{printable(name), printable(instruction), printable(q)}, " ")),
			})
			if err != nil {
				return nil, err
			}
			answers[i] = answer
		}
		return answers, nil
	}
}

// printable takes control characters out of what a host wants to be shown.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text[:min(len(text), 1000)])
}

func (r *ring) note(what string) {
	if !slices.Contains(r.tried, what) {
		r.tried = append(r.tried, what)
	}
}

// elsewhere says what the system's ssh could try when nothing of ours did.
func (r *ring) elsewhere() string {
	if r.cannot != "" {
		return "the hardware key " + r.cannot
	}
	if r.s.yes("gssapiauthentication") && ticket() {
		return "a Kerberos ticket"
	}
	return ""
}

// ticket says whether there is a Kerberos ticket cache.
func ticket() bool {
	if name := os.Getenv("KRB5CCNAME"); name != "" {
		return true
	}
	_, err := os.Stat("/tmp/krb5cc_" + strconv.Itoa(os.Getuid()))
	return err == nil
}
