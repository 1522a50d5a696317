package engine

import (
	"context"
	"encoding/json"
	"time"

	"goodstate.dev/goodstate/drift/agent"
)

// Host is one connected machine.
type Host interface {
	// Do carries out one call. An error means that the host does not answer; a failed module is a result.
	Do(ctx context.Context, call agent.Call) (json.RawMessage, error)
	// Close ends the connection; the next call opens it again.
	Close() error
}

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
