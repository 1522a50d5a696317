package module

import (
	"io"
)

// Call is one task as it reaches the host.
type Call struct {
	Module string
	// Args are JSON values: nil, bool, string, []any, map[string]any, and numbers as json.Number, int, int64 or float64.
	Args map[string]any
	// Check only asks what would change, Diff asks for before and after.
	Check, Diff bool
	// NoLog keeps arguments out of what the module says about its invocation.
	NoLog     bool
	Verbosity int
	Env       map[string]string // on top of the agent's own environment, for the module and for what it starts
	Dir       string            // where relative paths begin; empty is the agent's own folder
	Tmp       string            // remote_tmp; empty is the system's folder for temporary files
	Umask     *int              // for commands; nil leaves it
	// Blob opens a content by its SHA-256 in lower hexadecimal, for modules that are given content and not text. It may be nil.
	Blob func(hash string) (io.ReadCloser, error)
	// MaxOutput bounds each stream of a command in bytes; 0 means 16 MiB. What is more is dropped, with a warning.
	MaxOutput int64
}

// Result is what a module says, as JSON values with Ansible's keys: changed, failed, msg, diff, rc, stdout, ...
type Result map[string]any

// Failure is an error with the words and the further keys that the result shall have.
type Failure struct {
	Msg  string
	More Result
}

func (f *Failure) Error() string { return f.Msg }

// fail makes an error of which the result says exactly this.
func fail(msg string, more ...Result) error {
	f := &Failure{Msg: msg, More: Result{}}
	for _, m := range more {
		for k, v := range m {
			f.More[k] = v
		}
	}
	return f
}
