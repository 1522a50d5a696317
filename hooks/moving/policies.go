package moving

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"goodstate.dev/goodstate/hooks/message"
)

// policies are hooks that become the message policy.
var policies map[string]func(h *preCommitHook) error

func init() {
	policies = map[string]func(h *preCommitHook) error{
		"compilerla/conventional-pre-commit conventional-pre-commit": conventional,
		"alessandrojcm/commitlint-pre-commit-hook commitlint":        linted,
		"opensource-nepal/commitlint commitlint":                     linted,
	}
}

// setMessage keeps the one policy that a repository can have.
func (f *Found) setMessage(place, remark string, p message.Policy) error {
	if _, err := p.Compile(); err != nil {
		return err
	}
	s := f.stage("commit-msg")
	if s.message != nil {
		return errors.New("there is a message policy from another place already; put both into one")
	}
	s.message, s.remark = &p, join(remark, "from "+place)
	return nil
}

// conventional is conventional-pre-commit (https://github.com/compilerla/conventional-pre-commit), which looks at the form of the first line alone.
func conventional(h *preCommitHook) error {
	p := message.Policy{Header: -1, Body: -1, Footer: -1, Capital: "any", FullStop: true}
	for i := 0; i < len(h.args); i++ {
		arg, value, has := strings.Cut(h.args[i], "=")
		switch {
		case arg == "--strict":
			p.Fixups, p.Merges = "check", "check"
		case arg == "--force-scope":
			p.Scope = "required"
		case arg == "--scopes":
			if !has {
				if i++; i == len(h.args) {
					return errors.New("argument --scopes wants a value")
				}
				value = h.args[i]
			}
			p.Scopes = strings.Split(value, ",")
		case slices.Contains([]string{"--verbose", "--no-color"}, arg):
		case strings.HasPrefix(arg, "-"):
			return fmt.Errorf("argument %q has no equal; write a message policy under hooks.commit-msg", h.args[i])
		default:
			p.Types = append(p.Types, h.args[i])
		}
	}
	return h.file.into.setMessage(h.file.place(h.node), "", p)
}

// linted is a hook that starts commitlint: what it wants stands in commitlint's own configuration, which is read after this.
func linted(h *preCommitHook) error {
	h.file.into.wantsCommitlint = h.file.place(h.node)
	return nil
}
