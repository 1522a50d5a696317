package engine

import (
	"context"
	"encoding/json"
	"time"

	"goodstate.dev/goodstate/drift/action"
)

// Host is one connected machine.
type Host interface {
	// Do carries out one call. An error means that the host does not answer; a failed module is a result.
	Do(ctx context.Context, call Call) (json.RawMessage, error)
	// Close ends the connection; the next call opens it again.
	Close() error
}

// Call is one module with its arguments.
type Call struct {
	Module    string
	Args      json.RawMessage
	Check     bool
	Diff      bool
	NoLog     bool
	Verbosity int
	Env       map[string]string
	Become    *Become
	Blobs     []action.Blob
	Async     time.Duration // let it run for so long after the call has returned; zero waits
	Python    string        // the interpreter for modules in Python
	Timeout   time.Duration
}

// Become is the change of the user.
type Become struct{ Method, User, Password, Flags, Exe string }

// Target is what is known about reaching a host.
type Target struct {
	Name       string // in the inventory
	Connection string // ssh, local, ...
	Address    string
	Port       int
	User       string
	Password   string
	KeyFile    string
	Timeout    time.Duration
	// Var finds a connection variable of the host, such as ansible_ssh_common_args, with its templates resolved.
	Var func(name string) (string, bool)
}
