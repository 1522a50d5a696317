package store

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// Owner is the process that owns a data directory.
type Owner struct {
	PID     int       `json:"pid"`
	Command string    `json:"command"`
	Since   time.Time `json:"since"`
}

// InUseError says that another process owns the data directory.
type InUseError struct {
	Dir string
	Owner
}

// Error names the process and since when.
func (e *InUseError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("data directory %s is used by another process", e.Dir)
	}
	return fmt.Sprintf("data directory %s is used by process %d (%s) since %s", e.Dir, e.PID, e.Command, e.Since.Local().Format("2006-01-02 15:04:05"))
}

type lock struct {
	file *flock.Flock
	note string
}

// take locks the directory. The kernel frees the lock when the process ends, however it ends; the note beside it is only for
// people.
func take(dir string) (*lock, error) {
	l := &lock{file: flock.New(filepath.Join(dir, "lock"), flock.SetPermissions(0o600)), note: filepath.Join(dir, "lock.json")}
	got, err := l.file.TryLock()
	if err != nil {
		return nil, Advise(fmt.Errorf("lock the data directory %s: %w", dir, err))
	}
	if !got {
		inUse := &InUseError{Dir: dir}
		if text, err := os.ReadFile(l.note); err == nil && json.Unmarshal(text, &inUse.Owner) != nil {
			inUse.Owner = Owner{} // half written: the owner is just starting
		}
		return nil, inUse
	}
	text, err := json.Marshal(Owner{PID: os.Getpid(), Command: verbs(os.Args), Since: time.Now()})
	if err == nil {
		err = os.WriteFile(l.note, text, 0o600)
	}
	if err != nil {
		_ = l.file.Close() // the error that is returned says more
		return nil, Advise(fmt.Errorf("note the owner of the data directory %s: %w", dir, err))
	}
	return l, nil
}

// verbs is the command without its arguments, which may hold what is not for others.
func verbs(args []string) string {
	words := []string{filepath.Base(args[0])}
	if len(args) > 1 && !strings.HasPrefix(args[1], "-") {
		words = append(words, args[1])
	}
	return strings.Join(words, " ")
}

func (l *lock) release() error { return l.file.Close() }
