package source

import (
	"context"
	"slices"
)

// The failures that a drill can simulate.
const (
	LostHost         = "lost_host"          // all that is left is the configuration, the key and a repository
	LostSite         = "lost_site"          // the application's own repository is gone too
	CorruptedPack    = "corrupted_pack"     // a file of the repository is damaged
	LostDatabase     = "lost_database"      // the database is gone
	DroppedTable     = "dropped_table"      // one table of it is
	DeletedNamespace = "deleted_namespace"  // a namespace of a cluster was deleted
	LostControlPlane = "lost_control_plane" // the members of etcd are gone
)

// Loser is a source whose own losses can be tried on a scratch place. It is never called with an original.
type Loser interface {
	// Losses are the failures that it can try, beside those that are the same for all sources.
	Losses() []string
	// Lose does to a scratch place, into which a restore point was restored, what the failure does.
	Lose(ctx context.Context, j Job, kind string, to Place) (Loss, error)
	// Census counts what is in a place, so that it can be compared before and after.
	Census(ctx context.Context, to Place) (map[string]int64, error)
}

// Loss is what was lost, and where it is brought back to.
type Loss struct {
	Said string
	To   Place
}

// Failures lists the failures that can be simulated for a source. Those of repositories need a second one.
func Failures(s Source, copies bool) []string {
	all := []string{LostHost}
	if copies {
		all = append(all, LostSite, CorruptedPack)
	}
	if l, ok := s.(Loser); ok {
		all = append(all, l.Losses()...)
	}
	slices.Sort(all)
	return all
}
