package jinja

import (
	"errors"
	"fmt"
	"strings"
)

// UndefinedError says that a variable, or a part of one, is not there.
type UndefinedError struct{ Message string }

func (e *UndefinedError) Error() string { return e.Message }

// SyntaxError says why a template cannot be read.
type SyntaxError struct {
	Message string
	Line    int
	Name    string // of the file, if it is one
	Text    string // the template
}

func (e *SyntaxError) Error() string {
	text := e.Message
	if e.Name != "" {
		text += fmt.Sprintf(" (%s, line %d)", e.Name, e.Line)
	}
	return fmt.Sprintf("template error while templating string: %s. String: %s", text, e.Text)
}

// LimitError says that a template costs more than it may.
type LimitError struct{ Message string }

func (e *LimitError) Error() string { return e.Message }

// typeError is Python's TypeError: a template that meets it fails with the template in the message.
type typeError struct{ message string }

func (e *typeError) Error() string { return e.message }

func typeErrorf(format string, args ...any) error {
	return &typeError{fmt.Sprintf(format, args...)}
}

// Cause is what the Python exception inside an error says, where Ansible repeats it after its own message; else it is empty.
func Cause(err error) string {
	var u *UndefinedError
	var s *SyntaxError
	var w *wrappedError
	var f *filterError
	switch {
	case errors.As(err, &u):
		if strings.HasSuffix(err.Error(), u.Message) {
			return u.Message
		}
	case errors.As(err, &s):
		return s.Message
	case errors.As(err, &f):
		return f.cause
	case errors.As(err, &w):
		return w.err.Error()
	}
	return ""
}

// IsUndefined says whether an error comes from something undefined.
func IsUndefined(err error) bool {
	var u *UndefinedError
	return errors.As(err, &u)
}
