package engine

import (
	"errors"
	"fmt"
	"strings"

	"goodstate.dev/goodstate/drift/action"
	"goodstate.dev/goodstate/drift/jinja"
	"goodstate.dev/goodstate/drift/playbook"
)

// placed adds the place of the task to an error about what it says.
func (e *executor) placed(err error) error {
	var gone *action.Unreachable
	var at *playbook.Error
	if e.task.Node == nil || errors.As(err, &gone) || errors.As(err, &at) || e.p.r.ctx.Err() != nil {
		return err
	}
	text := repeated(err)
	var plain *plainError
	if errors.As(err, &plain) || !jinja.IsUndefined(err) && !strings.HasPrefix(text, "The conditional check") && !strings.HasPrefix(text, "the field '") {
		return errors.New(text)
	}
	return &playbook.Error{Text: text, Node: e.task.Node, Err: err}
}

// repeated is the text of an error as Ansible has it: what an exception inside says follows once more.
func repeated(err error) string {
	text := err.Error()
	cause := jinja.Cause(err)
	if _, bare, found := strings.Cut(cause, "): "); found && strings.HasPrefix(cause, "error while evaluating") {
		cause = bare
	}
	if cause != "" {
		text += ". " + cause
	}
	return text
}

// plainError is one that is printed without a place.
type plainError struct{ err error }

// inField says which keyword of the task has something undefined.
func inField(name string, err error) error {
	if jinja.IsUndefined(err) {
		return fmt.Errorf("The field '%s' has an invalid value, which includes an undefined variable. The error was: %w", name, err)
	}
	return err
}

// undefined says that it is the task's own text that has something undefined.
func (e *executor) undefined(err error) error {
	if jinja.IsUndefined(err) {
		return fmt.Errorf("The task includes an option with an undefined variable. The error was: %w", err)
	}
	return err
}

func (p *plainError) Error() string { return p.err.Error() }
func (p *plainError) Unwrap() error { return p.err }
