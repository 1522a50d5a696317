package agent

import (
	"fmt"
	"strings"

	"goodstate.dev/goodstate/core/remote"
)

func (b *Become) method() string {
	if b.Method == "" {
		return "sudo"
	}
	name := strings.TrimPrefix(b.Method, "ansible.builtin.")
	return name[strings.LastIndexByte(name, '.')+1:]
}

func (b *Become) user() string {
	if b.User == "" {
		return "root"
	}
	return b.User
}

// marker is what sudo prints when it wants the password: nothing else prints it.
const marker = "[goodstate wants the sudo password]"

// wrap makes a command run as the account. The password is never part of it.
func (b *Become) wrap(command string) (string, error) {
	if b == nil {
		return command, nil
	}
	user, exe := b.user(), b.Exe
	if strings.HasPrefix(user, "-") || strings.ContainsAny(user, "\x00\n") {
		return "", &BecomeError{b.method(), user, fmt.Sprintf("become_user is %q, which is no name of an account", user)}
	}
	if exe == "" {
		exe = b.method()
	}
	switch b.method() {
	case "sudo":
		flags := "-H -S"
		if b.Flags != "" {
			flags = b.Flags
		}
		flags = " " + flags + " "
		if b.Password == "" && !strings.Contains(flags, " -n ") {
			flags += "-n "
		}
		if b.Password != "" {
			flags = strings.ReplaceAll(flags, " -n ", " ") + "-S -p " + remote.Quote(marker) + " "
		}
		return exe + flags + "-u " + remote.Quote(user) + " /bin/sh -c " + remote.Quote(command), nil
	case "su":
		return "LC_ALL=C LANGUAGE=C " + exe + " " + b.Flags + " " + remote.Quote(user) + " -c " + remote.Quote("exec /bin/sh -c "+remote.Quote(command)), nil
	case "doas":
		flags := b.Flags
		if b.Password == "" {
			flags += " -n"
		}
		return exe + " " + flags + " -u " + remote.Quote(user) + " /bin/sh -c " + remote.Quote(command), nil
	case "runuser":
		return exe + " " + b.Flags + " -u " + remote.Quote(user) + " -- /bin/sh -c " + remote.Quote(command), nil
	}
	return "", &BecomeError{b.method(), user, fmt.Sprintf("become_method is %q, want sudo, su, doas or runuser", b.Method)}
}

// asks says whether the end of what a program wrote to its standard error is a question for the password.
func (b *Become) asks(said string) bool {
	if b == nil {
		return false
	}
	if b.method() == "sudo" && strings.Contains(said, marker) {
		return true
	}
	line := strings.ToLower(strings.TrimRight(said[strings.LastIndexByte(said, '\n')+1:], " "))
	return b.method() != "sudo" && strings.HasSuffix(line, ":") && (strings.Contains(line, "password") || strings.Contains(line, "passwort"))
}

// refusal says why an account could not be changed to, from what the program said.
func (b *Become) refusal(said string, asked int) error {
	said = strings.TrimSpace(strings.ReplaceAll(said, marker, ""))
	e := &BecomeError{Method: b.method(), User: b.user()}
	switch {
	case asked > 0 && b.Password == "" || strings.Contains(said, "a password is required") || strings.Contains(said, "Authentication required"):
		e.Msg = "Missing " + b.method() + " password"
	case asked > 1 || strings.Contains(said, "Authentication failure") || strings.Contains(said, "incorrect password") || strings.Contains(said, "Authentication failed"):
		e.Msg = "Incorrect " + b.method() + " password"
	case strings.Contains(said, "a tty is required") || strings.Contains(said, "must be run from a terminal") || strings.Contains(said, "must have a tty"):
		e.Msg = fmt.Sprintf("%s asks for the password on a terminal only (%s); let the account use it without a password, or use sudo", b.method(), said)
	case strings.Contains(said, "not found"):
		e.Msg = fmt.Sprintf("%s is not on the host: %s", b.method(), said)
	default:
		e.Msg = fmt.Sprintf("%s did not let us become %s: %s", b.method(), b.user(), said)
	}
	return e
}
