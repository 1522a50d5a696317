// Package source has what can be backed up: each kind is one file that copies itself into a repository, brings itself back, and makes a scratch place for a drill.
// A source that could not read everything says so; a short read is an error and never a shorter backup.
package source

import (
	"context"
	"time"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/core/config"
)

// Source is something that is backed up.
type Source interface {
	// Backup copies it into the repository and makes a snapshot. An error means that there is no snapshot.
	Backup(ctx context.Context, j Job) (Copied, error)
	// Restore brings a snapshot back to a place. What is there already is only replaced when the place says so.
	Restore(ctx context.Context, j Job, snap repository.Snapshot, to Place) (Restored, error)
	// Original is the place that it is copied from.
	Original(ctx context.Context, j Job) (Place, error)
	// Scratch makes an empty place of the same kind for a drill, and what removes it again.
	Scratch(ctx context.Context, j Job) (to Place, done func(context.Context) error, err error)
}

// Forgetter is a source that keeps something outside of the repository for each restore point. Forgot takes away what belongs to none that is left, also of earlier times.
type Forgetter interface {
	Forgot(ctx context.Context, j Job) error
}

// Job is what a source works with.
type Job struct {
	Repo        *repository.Repository
	Application string
	Parent      *repository.Snapshot // the last snapshot of this application in the repository
	Base        string               // folder of the configuration file, for relative paths
	Owner       string               // tells this goodstate from others, for the marks of scratch places
	Scratch     string               // an empty folder of the drill, on a disk with room
	State       string               // folder of the application that stays between its copies
	Live        *Stream              // the log of the application, where it is followed now
	Secret      func(ctx context.Context, name string) (string, error)
	Say         func(text string) // progress in words
	Began       time.Time         // of the work, for its rate
	Expected    int64             // bytes that are expected, by the last time; 0: unknown
}

// Copied is what a backup made.
type Copied struct {
	Snapshot repository.ID `json:"snapshot"`
	Files    int64         `json:"files,omitempty"`
	Bytes    int64         `json:"bytes"`   // read
	Fresh    int64         `json:"fresh"`   // of these, that the repository did not have
	Written  int64         `json:"written"` // that those took
	Problems []string      `json:"problems,omitempty"`
	Complete bool          `json:"complete"`
}

// Restored is what a restore made.
type Restored struct {
	Files    int64    `json:"files,omitempty"`
	Bytes    int64    `json:"bytes"`
	Problems []string `json:"problems,omitempty"`
	Created  int64    `json:"created,omitempty"` // objects of a cluster
	Updated  int64    `json:"updated,omitempty"`
	Ended    string   `json:"ended,omitempty"` // where the replay of a log ended, in the server's words
	Kept     int64    `json:"kept,omitempty"`  // that are there and different, and stay
	// Finalizers of objects of a cluster that came back, and how many have them: without what serves a finalizer these objects cannot be deleted.
	Finalizers map[string]int `json:"finalizers,omitempty"`

	Changes []string `json:"changes,omitempty"` // of a plan: what would become of which object, with the difference
}

// Kind describes a kind of source for the family.
type Kind = config.Kind[Source]

func register(k Kind) { config.Register(k) }

// Tag marks the snapshots of an application.
func Tag(application string) string { return "application=" + application }
