package process

import (
	"errors"
	"io/fs"
	"time"

	"goodstate.dev/goodstate/rollout/runtime"
)

// phase is where an instance's life is.
type phase string

const (
	phaseStarting phase = "starting" // a keeper is on its way
	phaseRunning  phase = "running"
	phaseWaiting  phase = "waiting"  // ended by itself, will be started again
	phaseStopping phase = "stopping" // told to stop
	phaseEnded    phase = "ended"    // ended and will not be started again
	phaseStopped  phase = "stopped"  // ended by Stop: only its logs are kept
)

// state is what the holder of the keeper's lock did last.
type state struct {
	Phase    phase     `json:"phase"`
	Boot     string    `json:"boot"` // of the machine: process ids mean nothing after a restart of it
	Keeper   ident     `json:"keeper"`
	Program  ident     `json:"program,omitzero"` // none between two lives
	Port     int       `json:"port"`
	Started  time.Time `json:"started"`
	Restarts int       `json:"restarts"`
	Exit     string    `json:"exit,omitempty"`
}

// sight is all that can be seen of an instance from outside.
type sight struct {
	folder folder
	spec   runtime.Spec
	state  state
	kept   bool // somebody holds the keeper's lock
}

// look reads an instance's folder. The lock is asked last: a keeper that ends between the two reads then shows as gone,
// with the state that it wrote at its end read again.
func (f folder) look() (sight, error) {
	s := sight{folder: f}
	if err := readJSON(f.spec(), &s.spec); err != nil {
		return s, err
	}
	if err := f.readState(&s.state); err != nil {
		return s, err
	}
	kept, err := held(f.keeperLock())
	if err != nil {
		return s, err
	}
	s.kept = kept
	if !kept {
		return s, f.readState(&s.state)
	}
	return s, nil
}

func (f folder) readState(into *state) error {
	err := readJSON(f.state(), into)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // not started yet
	}
	return err
}

// orphan tells whether the program runs without a keeper.
func (s sight) orphan() bool {
	return !s.kept && s.state.Boot == bootID() && s.state.Program.alive()
}

// instance says what was seen in the family's words.
func (s sight) instance(procs map[int]stat) runtime.Instance {
	i := runtime.Instance{
		ID: s.folder.id(), Service: s.spec.Service, Release: s.spec.Release, Index: s.spec.Index,
		URL:     s.spec.URL(),
		Started: s.state.Started, Restarts: s.state.Restarts, Exit: s.state.Exit,
	}
	switch {
	case s.kept && s.state.Phase != phaseEnded, s.orphan():
		i.State = runtime.Running
	default:
		i.State = runtime.Exited
		if s.state.Phase != phaseEnded && s.state.Phase != phaseStopped {
			i.Exit = s.lost()
		}
		return i
	}
	if !s.state.Program.alive() {
		return i
	}
	i.PID = s.state.Program.PID
	tree := family(procs, s.state.Program.PID)
	for _, p := range tree {
		i.RSS += p.rss
		i.CPU += p.cpu
	}
	return i
}

// lost says why an instance whose last word was not its end does not run any more.
func (s sight) lost() string {
	switch {
	case s.state.Boot != "" && s.state.Boot != bootID():
		return "ended: the machine was restarted"
	case s.state.Phase == phaseStarting, s.state.Phase == "":
		return "never began: the controller or the keeper was killed while it started"
	default:
		return "ended after its keeper was killed; how is not known"
	}
}
