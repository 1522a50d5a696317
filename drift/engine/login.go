package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"goodstate.dev/goodstate/core/remote"
	"goodstate.dev/goodstate/drift/agent"
)

// Dialer connects hosts by their variables: over SSH, or on this machine.
type Dialer struct {
	Settings Settings
	Keys     *remote.Keys
	// Signers are keys that are in no file; they are tried before others.
	Signers []ssh.Signer
	// Remote refuses connections to this machine itself, and takes no key, agent or configuration of its account: only Signers and Ask.
	Remote bool
	// Ask answers what a host or a key asks, when no variable does.
	Ask func(ctx context.Context, q remote.Question) (string, error)
}

// Connect makes a host. Nothing is sent before its first task.
func (d *Dialer) Connect(_ context.Context, t Target) (Host, error) {
	login := agent.Login{Local: t.Connection == "local"}
	if dir, ok := t.Var("ansible_remote_tmp"); ok {
		login.Folders = []string{dir}
	}
	switch t.Connection {
	case "local":
		if d.Remote {
			return nil, fmt.Errorf("tasks on the controller itself (%s, by connection local) are not allowed here; allow them for the project, or reach the host by ssh", t.Name)
		}
		return agent.NewHost(login), nil
	case "ssh", "paramiko", "paramiko_ssh":
	default:
		return nil, &noConnection{t.Connection}
	}
	login.Target = remote.Target{Host: t.Address, Port: t.Port, User: t.User}
	args, err := d.arguments(t)
	if err != nil {
		return nil, err
	}
	login.Options = remote.Options{Args: args, Timeout: t.Timeout, Keys: d.Keys, Signers: d.Signers, Ask: d.ask(t)}
	if d.Remote {
		if t.KeyFile != "" {
			return nil, fmt.Errorf("%s: its variables name a key file of the controller, which this project may not use; give the template a credential with the key", t.Name)
		}
		login.Options.Config, login.Options.System = "none", remote.Never
		login.Options.Args = append([]string{"-o", "IdentityFile=none", "-o", "IdentityAgent=none", "-o", "IdentitiesOnly=yes", "-o", "GSSAPIAuthentication=no"}, args...)
	}
	if t.KeyFile != "" {
		login.Options.Identities = []string{t.KeyFile}
	}
	return agent.NewHost(login), nil
}

// arguments are ssh's, from the settings and the variables of the host.
func (d *Dialer) arguments(t Target) ([]string, error) {
	var out []string
	base := d.Settings.SSHArgs
	if text, ok := t.Var("ansible_ssh_args"); ok && !d.Remote {
		words, err := ShellWords(text)
		if err != nil {
			return nil, fmt.Errorf("ansible_ssh_args of %s: %w", t.Name, err)
		}
		base = words
	}
	out = append(out, base...)
	for _, name := range []string{"ansible_ssh_common_args", "ansible_ssh_extra_args"} {
		text, ok := t.Var(name)
		if !ok {
			continue
		}
		words, err := ShellWords(text)
		if err != nil {
			return nil, fmt.Errorf("%s of %s: %w", name, t.Name, err)
		}
		out = append(out, words...)
	}
	if d.Remote {
		return out, harmless(t.Name, out[len(d.Settings.SSHArgs):])
	}
	checking := d.Settings.HostKeyChecking
	for _, name := range []string{"ansible_host_key_checking", "ansible_ssh_host_key_checking"} {
		if text, ok := t.Var(name); ok {
			checking = !strings.EqualFold(text, "false") && text != "no" && text != "0"
		}
	}
	if !checking {
		out = append(out, "-o", "StrictHostKeyChecking=no")
	}
	return out, nil
}

// plain are the options of ssh that start no program of this machine, read none of its files and do not weaken the login.
var plain = []string{
	"addressfamily", "ciphers", "compression", "connectionattempts", "connecttimeout", "hostkeyalgorithms", "hostkeyalias", "kexalgorithms", "loglevel", "macs", "port",
	"preferredauthentications", "proxyjump", "pubkeyacceptedalgorithms", "rekeylimit", "serveralivecountmax", "serveraliveinterval", "tcpkeepalive", "user",
}

// harmless refuses arguments of ssh that are none of the plain ones.
func harmless(host string, args []string) error {
	for i := 0; i < len(args); i++ {
		switch arg := args[i]; {
		case arg == "-4" || arg == "-6" || arg == "-C" || arg == "-q":
		case arg == "-J" || arg == "-p" || arg == "-l":
			i++ // its value is a host, a port or a name
		case strings.HasPrefix(arg, "-o"):
			option := arg[2:]
			if option == "" && i+1 < len(args) {
				i++
				option = args[i]
			}
			name, _, _ := strings.Cut(strings.ReplaceAll(strings.TrimSpace(option), " ", "="), "=")
			if !slices.Contains(plain, strings.ToLower(name)) {
				return tooMuch(host, option)
			}
		default:
			return tooMuch(host, arg)
		}
	}
	return nil
}

func tooMuch(host, arg string) error {
	return fmt.Errorf("%s: its variables tell ssh %.80q, which may start programs on the controller, read its files or weaken the login; take it out, or allow the project to use the controller", host, arg)
}

// ask answers with the password of the host's variables first.
func (d *Dialer) ask(t Target) func(context.Context, remote.Question) (string, error) {
	return func(ctx context.Context, q remote.Question) (string, error) {
		if q.Kind == remote.AskPassword && t.Password != "" && q.Try == 0 {
			return t.Password, nil
		}
		if d.Ask == nil {
			return "", remote.ErrNoAnswer
		}
		return d.Ask(ctx, q)
	}
}

// ShellWords splits as a shell does.
func ShellWords(text string) ([]string, error) {
	var out []string
	var word strings.Builder
	quote := rune(0)
	inside, escaped := false, false
	for _, c := range text {
		switch {
		case escaped:
			word.WriteRune(c)
			escaped = false
		case c == '\\' && quote != '\'':
			escaped, inside = true, true
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(c)
		case c == '\'' || c == '"':
			quote, inside = c, true
		case c == ' ' || c == '\t' || c == '\n':
			if inside {
				out = append(out, word.String())
				word.Reset()
				inside = false
			}
		default:
			word.WriteRune(c)
			inside = true
		}
	}
	if quote != 0 || escaped {
		return nil, fmt.Errorf("no closing quotation in %q", text)
	}
	if inside {
		out = append(out, word.String())
	}
	return out, nil
}

// noConnection says that hosts are not reached in this way.
type noConnection struct{ kind string }

func (e *noConnection) Error() string {
	return fmt.Sprintf("the connection plugin '%s' was not found; goodstate connects by ssh and local", e.kind)
}
