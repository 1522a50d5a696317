package source

import (
	"context"
	"sync"
	"time"

	"goodstate.dev/goodstate/backup/repository"
)

// Streamer is a source with a log that is followed while goodstate serves, so that not more is lost than what was done in the last seconds.
type Streamer interface {
	Recoverer
	// StreamEvery is how often what came is put into the repositories; 0: it is not followed.
	StreamEvery() time.Duration
	// Stream follows the log until ctx ends or it cannot go on; it may be called again then and goes on where it was.
	Stream(ctx context.Context, s *Stream) error
	// LogEnd is the moment up to which the streamed log in a repository goes on from a restore point; zero when there is none.
	LogEnd(ctx context.Context, j Job, snap repository.Snapshot) (time.Time, error)
	// TrimLog removes what was streamed and is in a restore point by now.
	TrimLog(ctx context.Context, j Job, snap repository.Snapshot) error
}

// Stream is a log that is followed.
type Stream struct {
	Job    Job
	Places []string                                                               // names of the repositories, the application's own first
	Open   func(ctx context.Context, name string) (*repository.Repository, error) // without its index
	Want   func(ctx context.Context, why string) error                            // asks for a copy, which takes over what was streamed
	Notice func(ctx context.Context, n Notice)                                    // told each time; who wants it once looks at the kind

	mu    sync.Mutex
	state StreamState
	reach func(ctx context.Context) (moment, error)
}

// Notice is something that people should know of a log.
type Notice struct {
	Kind string // one word that stays the same while it lasts
	Bad  bool   // else it is over
	Text string
}

// StreamState is how a log stands.
type StreamState struct {
	At    time.Time // the log in the application's own repository is whole up to this moment, by the server's clock
	Seen  time.Time // when that was at the latest, by this machine's
	Gap   string    // why what is streamed does not go on from the last restore point; a copy mends it
	Why   string    // why nothing comes now; empty: it comes
	Spool int64     // bytes on this machine that no restore point has
	Held  int64     // bytes that the server keeps for it
}

// State is how the log stands now.
func (s *Stream) State() StreamState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

func (s *Stream) change(f func(*StreamState)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.state)
}

// Taken says that a restore point has what came up to now.
func (s *Stream) Taken() { s.change(func(st *StreamState) { st.Gap = "" }) }
