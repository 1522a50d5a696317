package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"goodstate.dev/goodstate/rollout/runtime"
)

// What a keeper is started with beside its order on standard input.
const (
	answerFD = 3 // where it says that its program was started
	lockFD   = 4 // keeper.lock, locked: free as soon as the keeper is gone
)

// keeper runs one program until it ended for good or is told to stop.
type keeper struct {
	folder   folder
	spec     runtime.Spec
	env      []string
	state    state
	unsaved  bool        // the disk did not take the last state
	said     string      // the last complaint
	restarts []time.Time // within the window and earlier
}

// Keep is the body of a keeper process ("goodstate keep --dir FOLDER"). It is started by Runtime.Start, which hands it
// its order, and returns when the program ended for good or after SIGTERM ended it.
func Keep(ctx context.Context, dir string) error {
	ctx, cancel := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	// Caught, not ignored: a program inherits ignored signals, and some never look for them again.
	deaf := make(chan os.Signal, 1)
	signal.Notify(deaf, syscall.SIGHUP, syscall.SIGPIPE)
	defer signal.Stop(deaf)

	answers, err := inherited()
	if err != nil {
		return err
	}
	k, err := take(dir)
	if err == nil {
		err = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) // whatever the program leaves behind comes to us
	}
	var first *life
	if err == nil {
		first, err = k.begin()
	}
	said := answer{}
	if err != nil {
		said.Error = err.Error()
	}
	// A controller that died meanwhile does not read this; the instance is started all the same.
	_ = errors.Join(json.NewEncoder(answers).Encode(said), answers.Close())
	if err != nil {
		return err
	}
	return k.run(ctx, first)
}

// inherited takes over the files that only Start hands out, so that no program gets them. Their kinds are looked at: in a
// keeper that somebody started by hand these numbers may be files of the Go runtime.
func inherited() (*os.File, error) {
	for fd, kind := range map[int]uint32{answerFD: unix.S_IFIFO, lockFD: unix.S_IFREG} {
		var info unix.Stat_t
		if err := unix.Fstat(fd, &info); err != nil || info.Mode&unix.S_IFMT != kind {
			return nil, errors.New("keep: goodstate starts keepers itself; to start an instance, deploy its service")
		}
		unix.CloseOnExec(fd)
	}
	return os.NewFile(answerFD, "answer"), nil
}

// take reads the order.
func take(dir string) (*keeper, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	var o order
	if err := json.NewDecoder(os.Stdin).Decode(&o); err != nil {
		return nil, fmt.Errorf("read the order: %w", err)
	}
	self, err := identify(os.Getpid())
	if err != nil {
		return nil, err
	}
	k := &keeper{folder: folder{dir}, spec: o.Spec}
	k.env = environment(clean(), o.Spec, k.folder)
	k.state = state{Phase: phaseStarting, Boot: bootID(), Keeper: self, Port: o.Spec.Port}
	return k, nil
}

// run goes from life to life of the program.
func (k *keeper) run(ctx context.Context, l *life) error {
	for {
		k.state.Exit = k.watch(ctx, l)
		k.state.Program = ident{}
		pause, again := nextStart(time.Now(), k.restarts, k.spec.Restarts)
		if ctx.Err() != nil || !again {
			if len(k.restarts) > 0 && ctx.Err() == nil {
				k.state.Exit += fmt.Sprintf(" (restarted %d times within %s, given up)", k.spec.Restarts, "10m")
			}
			k.state.Phase = phaseEnded
			return k.save()
		}
		k.state.Phase = phaseWaiting
		k.try()
		if l = k.again(ctx, pause); l == nil {
			k.state.Phase = phaseEnded
			return k.save()
		}
	}
}

// again starts the next life after a pause; nil when the keeper was told to stop before, or cannot start it.
func (k *keeper) again(ctx context.Context, pause time.Duration) *life {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		k.state.Exit = "stopped; it had ended before: " + k.state.Exit
		return nil
	case <-timer.C:
	}
	k.restarts = append(k.restarts, time.Now())
	k.state.Restarts++
	exit := k.state.Exit
	l, err := k.begin()
	if err != nil {
		k.state.Exit = exit + "; could not be started again: " + err.Error()
		return nil
	}
	return l
}

// save writes down how things are.
func (k *keeper) save() error {
	err := writeJSON(k.folder.state(), k.state)
	k.unsaved = err != nil
	return err
}

// try saves; what the disk does not take now is tried again with the next tick.
func (k *keeper) try() {
	k.say("write down the instance's state", k.save())
}

// say leaves an error in the keeper's log, once: what comes back with every tick must not fill the disk.
func (k *keeper) say(what string, err error) {
	if err == nil || err.Error() == k.said {
		return
	}
	k.said = err.Error()
	fmt.Fprintln(os.Stderr, what+":", err)
}
