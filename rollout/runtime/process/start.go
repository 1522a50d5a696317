package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"goodstate.dev/goodstate/rollout/runtime"
)

// answerWithin is how long a keeper may take from its own start to its program's.
const answerWithin = 30 * time.Second

// order is what a keeper reads from its standard input; it is never on disk or in an argument list.
type order struct {
	Spec runtime.Spec `json:"spec"`
}

// answer is what a keeper says once its program was started, or why it was not.
type answer struct {
	Error string `json:"error,omitempty"`
}

// Start makes sure that the instance runs. One whose keeper was killed is ended and started again; one that ended is
// started again on its port. When ctx ends in the middle the instance may have been started: another Start or Stop
// finds it.
func (r *Runtime) Start(ctx context.Context, s runtime.Spec) (runtime.Instance, error) {
	i, err := r.start(ctx, s)
	if err != nil {
		return i, fmt.Errorf("start %s %s #%d: %w", s.Service, s.Release, s.Index, err)
	}
	return i, nil
}

func (r *Runtime) start(ctx context.Context, s runtime.Spec) (runtime.Instance, error) {
	r.reap()
	if err := check(s); err != nil {
		return runtime.Instance{}, err
	}
	f := folder{filepath.Join(r.dir, s.ID())}
	mine, err := f.claim(ctx)
	if err != nil {
		return runtime.Instance{}, err
	}
	defer mine.free()

	running, keeperLock, err := f.runningOrFree(ctx)
	if err != nil || running != nil {
		return deref(running), err
	}
	defer keeperLock.free() // the keeper has the same open file, and with it the lock
	if err := f.endOrphans(ctx, s.Grace); err != nil {
		return runtime.Instance{}, err
	}
	if err := r.write(ctx, f, &s); err != nil {
		return runtime.Instance{}, err
	}
	if err := r.spawn(ctx, f, s, keeperLock); err != nil {
		return runtime.Instance{}, errors.Join(err, f.didNotStart(err))
	}
	return f.instance()
}

// claim makes the folder and takes it for one start or stop at a time.
func (f folder) claim(ctx context.Context) (*lock, error) {
	var got *lock
	err := poll(ctx, func() (bool, error) {
		if err := os.MkdirAll(f.dir, 0o700); err != nil {
			return false, err
		}
		l, err := tryLock(f.lock())
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil // swept away just now
		}
		got = l
		return l != nil, err
	})
	if err != nil {
		return nil, fmt.Errorf("wait for whoever starts or stops it: %w", err)
	}
	return got, nil
}

// runningOrFree returns the instance when it runs under a keeper, else the keeper's lock. A keeper that is about to end
// is waited for.
func (f folder) runningOrFree(ctx context.Context) (*runtime.Instance, *lock, error) {
	var running *runtime.Instance
	var free *lock
	err := poll(ctx, func() (bool, error) {
		l, err := tryLock(f.keeperLock())
		if l != nil || err != nil {
			free = l
			return l != nil, err
		}
		seen, err := f.look()
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil // somebody asks for the lock at this moment
		}
		if err != nil || !seen.kept || seen.state.Phase != phaseRunning && seen.state.Phase != phaseWaiting {
			return false, err
		}
		procs, err := processes()
		if err != nil {
			return false, err
		}
		i := seen.instance(procs)
		running = &i
		return true, nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("wait for its keeper: %w", err)
	}
	return running, free, nil
}

func deref(i *runtime.Instance) runtime.Instance {
	if i == nil {
		return runtime.Instance{}
	}
	return *i
}

func (f folder) instance() (runtime.Instance, error) {
	seen, err := f.look()
	if err != nil {
		return runtime.Instance{}, err
	}
	procs, err := processes()
	if err != nil {
		return runtime.Instance{}, err
	}
	return seen.instance(procs), nil
}

// write fills in the port and writes down what will be started, without its environment.
func (r *Runtime) write(ctx context.Context, f folder, s *runtime.Spec) error {
	ports, err := r.lockPorts(ctx)
	if err != nil {
		return fmt.Errorf("wait for the choice of ports: %w", err)
	}
	defer ports.free()
	if s.Port != 0 {
		if err := taken(s.Listen(), s.Port); err != nil {
			return err
		}
	} else if s.Port, err = r.portFor(f, s); err != nil {
		return err
	}
	known := *s
	known.Env = nil
	if err := writeJSON(f.spec(), known); err != nil {
		return err
	}
	return writeJSON(f.state(), state{Phase: phaseStarting, Boot: bootID(), Port: s.Port, Started: time.Now()})
}

// portFor is the port that the instance had before, if it is still free, else a new one.
func (r *Runtime) portFor(f folder, s *runtime.Spec) (int, error) {
	var before state
	if err := f.readState(&before); err != nil {
		return 0, err
	}
	if before.Port > 0 && (s.PortFrom == 0 && before.Port >= lowestPort && before.Port < highestPort || s.PortFrom > 0 && before.Port >= s.PortFrom && before.Port < s.PortFrom+portsFrom) && before.Phase != phaseStopped && taken(s.Listen(), before.Port) == nil {
		return before.Port, nil
	}
	return r.choosePort(s.Listen(), s.PortFrom)
}

// spawn starts the keeper, hands it the order and waits for its answer.
func (r *Runtime) spawn(ctx context.Context, f folder, s runtime.Spec, keeperLock *lock) error {
	ctx, cancel := context.WithTimeoutCause(ctx, answerWithin, fmt.Errorf("the keeper did not answer within %s", answerWithin))
	defer cancel()
	orderOut, orderIn, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = orderIn.Close() }() // closed below when all went well
	answerOut, answerIn, err := os.Pipe()
	if err != nil {
		_ = orderOut.Close() // never used
		return err
	}
	defer func() { _ = answerOut.Close() }() // only read
	err = r.exec(f, orderOut, answerIn, keeperLock.file)
	_, _ = orderOut.Close(), answerIn.Close() // the keeper has its own
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() {
		now := time.Now()
		_ = orderIn.SetWriteDeadline(now)  // pipes have deadlines; one that is closed needs none
		_ = answerOut.SetReadDeadline(now) // likewise
	})
	defer stop()
	err = errors.Join(json.NewEncoder(orderIn).Encode(order{s}), orderIn.Close())
	text, readErr := io.ReadAll(answerOut)
	var said answer
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case readErr != nil || len(text) == 0:
		return fmt.Errorf("the keeper ended before it answered%s", f.lastWords(errors.Join(err, readErr)))
	}
	if err := json.Unmarshal(text, &said); err != nil {
		return fmt.Errorf("the keeper's answer %.100q: %w", text, err)
	}
	if said.Error != "" {
		return errors.New(said.Error)
	}
	return nil
}

// exec starts the keeper in a session of its own, so that nothing that ends the controller reaches it.
func (r *Runtime) exec(f folder, orders, answers, lockFile *os.File) error {
	words, err := os.OpenFile(f.keeperLog(), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = words.Close() }() // the keeper has its own
	argv := append(append([]string(nil), r.keeper...), "--dir", f.dir)
	cmd := exec.Command(argv[0], argv[1:]...) //nolint:noctx // it outlives every context here
	cmd.Dir, cmd.Env = f.dir, clean()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = orders, words, words
	cmd.ExtraFiles = []*os.File{answers, lockFile} // 3 and 4, see answerFD and lockFD
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the keeper: %w", err)
	}
	r.mu.Lock()
	r.children[cmd.Process.Pid] = true
	r.mu.Unlock()
	return cmd.Process.Release()
}

// lastWords is what a keeper that broke down left in its log.
func (f folder) lastWords(also error) string {
	lines, err := tail(f.keeperLog(), 5)
	switch {
	case err == nil && len(lines) > 0:
		return ": " + strings.Join(lines, "\n  ")
	case also != nil:
		return ": " + also.Error()
	}
	return ""
}

// didNotStart writes down that the instance was not started and why.
func (f folder) didNotStart(why error) error {
	var s state
	if err := f.readState(&s); err != nil || s.Phase != phaseStarting {
		return err
	}
	s.Phase, s.Exit = phaseEnded, "did not start: "+why.Error()
	return writeJSON(f.state(), s)
}
