// Package runtime says how instances of a release are run. A runtime (the family in this package's subfolders) starts,
// finds and stops instances; it never touches traffic, and it never stops what it was not told to stop.
package runtime

import (
	"context"
	"time"
)

// Spec is what an instance is started from. The same Spec started twice gives one instance.
type Spec struct {
	Service  string            `json:"service"`
	Release  string            `json:"release"`             // release id
	Index    int               `json:"index"`               // 0 .. instances-1
	Dir      string            `json:"dir"`                 // folder with the built release; the instance's working directory
	Command  []string          `json:"command"`             // argv; $PORT and $HOST in its words are filled in
	Env      map[string]string `json:"env"`                 // added to a small clean environment; never journaled
	Host     string            `json:"host,omitempty"`      // address to listen on, and to be reached at; empty: 127.0.0.1
	Place    *Place            `json:"place,omitempty"`     // where it runs; nil: on this machine
	Files    map[string]string `json:"files,omitempty"`     // of its configuration, by path in the folder $FILES; never journaled
	Port     int               `json:"port"`                // 0: a free one is chosen; else this one, and it is an error if taken
	PortFrom int               `json:"port_from,omitempty"` // with port 0: the first free one from here on
	Grace    time.Duration     `json:"grace_ns"`            // between the polite signal and the kill
	Memory   int64             `json:"memory"`              // bytes; 0 is no limit
	Manifest string            `json:"-"`                   // of a place in a cluster: the objects that instances are made from, with secrets
	Within   time.Duration     `json:"within_ns,omitempty"` // how long a place that finds room for instances may look for it; 0: a minute
	Version  string            `json:"version,omitempty"`   // of the release, as people call it
	Restarts int               `json:"restarts"`            // how often it may be started again after it ended by itself, within ten minutes
}

// State is how an instance is.
type State string

// The states of an instance.
const (
	Running State = "running"
	Exited  State = "exited" // ended and will not be started again
	Gone    State = "gone"   // nothing is known of it any more
	Lost    State = "lost"   // its host cannot be asked, so that nothing is known of it now; or its cluster makes it anew
)

// Instance is one started copy of a release.
type Instance struct {
	ID       string    `json:"id"` // stable: service, release and index
	Service  string    `json:"service"`
	Release  string    `json:"release"`
	Index    int       `json:"index"`
	URL      string    `json:"url"`            // http://HOST:PORT
	Host     string    `json:"host,omitempty"` // name of the host; empty: this machine
	State    State     `json:"state"`
	PID      int       `json:"pid,omitempty"`
	Started  time.Time `json:"started"`
	Restarts int       `json:"restarts"`
	Exit     string    `json:"exit,omitempty"`    // how it ended last: "exit code 3", "killed: memory 512 MiB over its limit of 256 MiB"
	RSS      int64     `json:"rss,omitempty"`     // resident memory in bytes
	CPU      float64   `json:"cpu,omitempty"`     // CPU seconds used so far
	Unready  string    `json:"unready,omitempty"` // why its place says that it should get no requests now
	// Apart says of a lost instance that who cannot be asked is not what it runs on, so that it may well serve at its last address.
	Apart bool `json:"apart,omitempty"`
}

// Runtime runs instances on some kind of place.
type Runtime interface {
	// Start makes sure that the instance runs and returns it. It does not wait for health. An instance that is already
	// running is returned as it is.
	Start(ctx context.Context, s Spec) (Instance, error)
	// Stop ends the instance, politely first. Stopping one that is gone is not an error.
	Stop(ctx context.Context, id string) error
	// List tells all instances of a service, whoever started them, in order of release and index.
	List(ctx context.Context, service string) ([]Instance, error)
	// Logs returns the last lines that the instance wrote, also after it ended.
	Logs(ctx context.Context, id string, lines int) ([]string, error)
}
