// Package traffic says how requests reach the releases of a service, and what those releases answered.
// A router (the family in this package's subfolders) moves traffic; it never decides how much.
package traffic

import (
	"context"
	"time"

	"goodstate.dev/goodstate/rollout/feedback"
)

// Full is the weight of all traffic: weights are in ten-thousandths, so that 0.5% can be said.
const Full = 10_000

// Route is where the traffic of one service goes. Applying the same Route twice changes nothing.
type Route struct {
	Service  string           `json:"service"`
	Listen   string           `json:"listen"`             // address that users reach, host:port
	Sticky   string           `json:"sticky,omitempty"`   // "" or "cookie": a user stays on the release that served them first
	TLS      *TLS             `json:"tls,omitempty"`      // nil: plain HTTP (and HTTP/2 without TLS)
	Backends []Backend        `json:"backends"`           // instances that may get requests
	Weights  map[string]int   `json:"weights"`            // by release id, in ten-thousandths; a release without a weight gets nothing
	Via      Via              `json:"via,omitzero"`       // what carries the route; zero: our own proxy
	Feedback *feedback.Config `json:"feedback,omitempty"` // nil: users are not asked; else under /.goodstate/ of the address
	Slow     time.Duration    `json:"slow_ns,omitempty"`  // an upstream that has not begun its answer by then failed; 0: 60s
}

// TLS names the files with certificate and key in PEM; they are read again when they change.
type TLS struct {
	Cert string `json:"cert"`
	Key  string `json:"key"`
}

// Backend is one instance that answers for a release.
type Backend struct {
	Release  string `json:"release"`
	Instance string `json:"instance"`
	URL      string `json:"url"` // http://127.0.0.1:PORT
}

// Router moves the traffic of services. Every method may be called again with the same arguments after a crash.
type Router interface {
	// Apply makes the route the one in force, atomically: no request is lost or sees half of it.
	// Releases that are no longer named keep the requests they have until those end.
	Apply(ctx context.Context, r Route) error
	// Route tells the route in force; ok is false when the service has none.
	Route(ctx context.Context, service string) (r Route, ok bool, err error)
	// Remove ends the service's route and frees its address. Removing what is not there is not an error.
	Remove(ctx context.Context, service string) error
	// Drain waits until the release has no request under way, or until ctx ends (its error says how many are left).
	// With an instance id only that instance is waited for. The caller has taken it out of the route, or its weight away, before.
	Drain(ctx context.Context, service, release, instance string) error
	// Seconds tells what each release of the service answered in each whole second from since on, oldest first.
	// Seconds without traffic are left out. Routers keep at least the last 15 minutes, across their own restarts where they can.
	Seconds(ctx context.Context, service string, since time.Time) ([]Second, error)
}

// Second is what one release of a service answered in one second, counted where users are.
type Second struct {
	Unix     int64     `json:"t"` // start of the second
	Release  string    `json:"release"`
	Requests int64     `json:"n"`
	Errors   int64     `json:"errors"`             // answers of 500 and above, upstreams that failed to answer
	Bursts   int64     `json:"bursts"`             // the same errors, but a client that fails again and again counts once until it has had a good answer
	Aborted  int64     `json:"aborted"`            // the client went away first; neither good nor an error
	Sessions int64     `json:"sessions,omitempty"` // clients of the last minute that it was the last to answer; 0 where they are not counted
	Latency  Histogram `json:"latency"`            // time to the first byte of the answer; empty with requests: the router cannot tell
}
