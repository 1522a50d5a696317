package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// receiver keeps pg_receivewal running, which writes the log into a folder, syncs it and only then tells the server that it need not keep it. It knows timelines and goes on
// after a break where the folder ends, which is why it is not done anew here.
type receiver struct {
	url, slot, folder string

	mu   sync.Mutex
	why  string // why it does not run; empty: it does
	gone bool   // the server has not any more what comes next
	full bool   // it may not go on: there is no room
	stop context.CancelFunc
}

const receiverPause = time.Second // between two tries

// run ends with ctx.
func (r *receiver) run(ctx context.Context) {
	for ctx.Err() == nil {
		if r.may(ctx) {
			r.say(r.once(ctx))
		}
		select {
		case <-ctx.Done():
		case <-time.After(receiverPause):
		}
	}
}

// may says whether it should run now.
func (r *receiver) may(context.Context) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.full && !r.gone
}

func (r *receiver) once(ctx context.Context) error {
	env, _, err := postgresEnv(r.url)
	if err != nil {
		return err
	}
	live, stop := context.WithCancel(ctx)
	defer stop()
	p := program{argv: []string{"pg_receivewal", "--directory=" + r.folder, "--slot=" + r.slot, "--no-loop", "--no-password", "--synchronous", "--status-interval=1"}, env: append(env, "LC_ALL=C", "PGAPPNAME=goodstate")}
	cmd, said := p.command(live)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 10 * time.Second
	r.mu.Lock()
	r.why, r.stop = "", stop
	r.mu.Unlock()
	err = cmd.Run()
	if live.Err() != nil {
		return nil
	}
	if err == nil {
		err = errors.New("it ended by itself")
	}
	return p.failed(err, said)
}

// say takes note of how pg_receivewal ended.
func (r *receiver) say(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stop = nil
	if err == nil {
		return
	}
	r.why = err.Error()
	r.gone = strings.Contains(r.why, "has already been removed")
}

// state is why it does not run, and whether the server lacks what comes next.
func (r *receiver) state() (why string, gone bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.why, r.gone
}

// room stops it, or lets it go on.
func (r *receiver) room(there bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.full = !there
	if r.full && r.stop != nil {
		r.stop()
	}
}

// again empties the folder, so that it begins anew where the server's log begins now.
func (r *receiver) again() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stop != nil {
		return nil // it runs
	}
	names, err := walIn(r.folder)
	for _, name := range names {
		err = errors.Join(err, os.Remove(filepath.Join(r.folder, name)))
	}
	if err != nil {
		return fmt.Errorf("begin the log anew: %w", err)
	}
	r.gone, r.why = false, ""
	return nil
}
