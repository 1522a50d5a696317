package client

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// errNotDir is what a path through something that is no folder gives.
const errNotDir = syscall.ENOTDIR

// beat is how often a run that has a job at work in place says that it is alive. Slack is what a file's time may lie behind the last beat and still be the
// job's doing: a job outlives its run by moments.
const (
	beat  = 100 * time.Millisecond
	slack = time.Second
)

// heart marks the journal until the returned function is called, which waits for it.
func (j *journal) heart() (stop func()) {
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(beat)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case now := <-tick.C:
				_ = os.Chtimes(j.path(journalName), now, now) // only tells how long the run lived; without it more is taken for the user's
			}
		}
	}()
	return func() { close(quit); <-ended }
}

// heartbeat is the last moment that a run is known to have lived.
func heartbeat(dir string, rec record) time.Time {
	info, err := os.Stat(filepath.Join(dir, journalName))
	if err != nil {
		return rec.Began
	}
	return info.ModTime()
}

// savedAfter is true when a file got its content when the run was dead: then it is somebody's work.
func (repo *Repo) savedAfter(name string, alive time.Time) bool {
	info, err := os.Lstat(filepath.Join(repo.Top, name))
	return err == nil && info.ModTime().After(alive.Add(slack))
}

// beatNow marks the journal once.
func (j *journal) beatNow() error {
	now := time.Now()
	if err := os.Chtimes(j.path(journalName), now, now); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}
