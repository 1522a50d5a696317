package traffic

import (
	"context"
	"log/slog"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/good"
)

// Balancer is a load balancer of the user's own that takes the place of our proxy. Its settings are a member of the family
// `traffic:`; the members are packages below this one.
type Balancer interface {
	// URL is where users reach the service through it.
	URL() string
	// Blind says in words which of the judge's signals it cannot tell, "" when it tells all.
	Blind() string
	// Open makes the router. Nothing is moved by it.
	Open(o Opening) (OpenRouter, error)
	// Look says of each part of it what is missing for it to be used, and changes nothing.
	Look(ctx context.Context) []good.Finding
}

// Uncounting is a balancer whose router counts nothing at all, so that other signals have to judge.
type Uncounting interface {
	// Uncounted is true where nothing that the releases answered will ever be told.
	Uncounted() bool
}

// Opening is what a router of a balancer is opened with.
type Opening struct {
	Service string
	Dir     string // folder of its own for what it has to remember
	Log     *slog.Logger
	Idle    bool // this process carries nothing out: look, but count and mend nothing
}

// OpenRouter is a router with work of its own, until Close.
type OpenRouter interface {
	Router
	Close() error
}

// Via is a chosen balancer; the zero value is our own proxy.
type Via = config.Choice[Balancer]
