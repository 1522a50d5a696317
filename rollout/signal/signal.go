// Package signal is the family of numbers that are read about a release from outside of goodstate's own proxy, and the pure
// decider that holds them against limits. A signal that cannot be read is Unknown: it is never zero, and never well.
package signal

import (
	"context"
	"time"

	"goodstate.dev/goodstate/core/config"
)

// Source reads one number about one release. An error says that it is not known now. A source obeys its context and changes
// nothing. It is built anew for each rollout and is asked by one goroutine at a time.
type Source interface {
	Read(ctx context.Context, of Release) (Reading, error)
}

// Release is what a source is asked about.
type Release struct {
	Service   string
	ID        string   // as the X-Goodstate-Release header and GOODSTATE_RELEASE have it
	Version   string   // as people call it
	Addresses []string // host:port of its instances
	Old       bool     // the release before, to be compared with
	At        time.Time
	Logs      func(ctx context.Context, old bool) (map[string][]string, error) // last lines of the instances, by instance
	Secret    func(ctx context.Context, name string) (string, error)
}

// Reading is what was read.
type Reading struct {
	Value    float64  `json:"value"`
	Evidence []string `json:"evidence,omitempty"` // what stands behind the number, worst first
}

// absolute is a source whose number means nothing on the old release, so that limits against that are refused.
type absolute interface{ absolute() }

// past is a source that can be asked about a moment that is over.
type past interface{ past() }

// HasPast says whether the source can be asked about a moment that is over.
func HasPast(s Source) bool {
	_, ok := s.(past)
	return ok
}

// whole is a source that, as it is set up, does not tell releases apart.
type whole interface{ whole() bool }

// Kind describes one member of the family; a member registers itself in its file.
type Kind = config.Kind[Source]

func register(k Kind) { config.Register(k) }
