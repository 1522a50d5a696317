package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

const (
	startLongest = 15 * time.Second
	startPoll    = 10 * time.Millisecond
	logLongest   = 8 << 20
	logTail      = 10 // lines shown when a proxy does not start
)

// Ensure finds the proxy that lives in the directory, or starts one that outlives this process, and waits until it answers.
func Ensure(ctx context.Context, opt Options) (*Client, error) {
	opt = opt.withDefaults()
	dir, err := filepath.Abs(opt.Dir)
	if err != nil {
		return nil, fmt.Errorf("proxy directory %s: %w", opt.Dir, err)
	}
	opt.Dir = dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("proxy: make its directory: %w", err)
	}
	c := newClient(opt)
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// start makes sure that a proxy answers. Of several that start at once only one does it, the others wait for it.
func (c *Client) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startLongest, fmt.Errorf("it did not answer within %s", startLongest))
	defer cancel()
	if _, err := c.ping(ctx); err == nil {
		return nil
	}
	lock := flock.New(filepath.Join(c.opt.Dir, "start.lock"))
	if _, err := lock.TryLockContext(ctx, startPoll); err != nil {
		return fmt.Errorf("start the proxy in %s: wait for another process that starts it: %w", c.opt.Dir, err)
	}
	defer func() { _ = lock.Unlock() }() // the file is closed, which frees it
	if _, err := c.ping(ctx); err == nil {
		return nil
	}
	return c.launch(ctx)
}

// launch starts a proxy in a session of its own and waits until it answers.
func (c *Client) launch(ctx context.Context) error {
	if len(c.opt.Command) == 0 {
		return fmt.Errorf("no proxy runs in %s, and it is not said how to start one", c.opt.Dir)
	}
	path := filepath.Join(c.opt.Dir, logName)
	log, began, err := openLog(path)
	if err != nil {
		return fmt.Errorf("start the proxy: %w", err)
	}
	cmd := exec.Command(c.opt.Command[0], c.opt.Command[1:]...) //nolint:noctx // it outlives ctx
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	if cerr := log.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("start the proxy with %q: %w", strings.Join(c.opt.Command, " "), err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // reaps the process when it ends before us; ends with it
	poll := time.NewTicker(startPoll)
	defer poll.Stop()
	for {
		if _, err := c.ping(ctx); err == nil {
			return nil
		}
		select {
		case err := <-ended:
			if _, perr := c.ping(ctx); perr == nil {
				return nil // the one that it found running
			}
			return fmt.Errorf("start the proxy with %q: it ended at once (%w)%s", strings.Join(c.opt.Command, " "), err, tail(path, began))
		case <-ctx.Done():
			return fmt.Errorf("start the proxy with %q (pid %d): %w%s", strings.Join(c.opt.Command, " "), cmd.Process.Pid, context.Cause(ctx), tail(path, began))
		case <-poll.C:
		}
	}
}

// openLog opens the log for appending, after putting a long one aside, and tells where what follows begins.
func openLog(path string) (*os.File, int64, error) {
	if at, err := os.Stat(path); err == nil && at.Size() > logLongest {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, 0, fmt.Errorf("put the long log aside: %w", err)
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, 0, fmt.Errorf("open its log: %w", err)
	}
	at, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("open its log: %w", err), f.Close())
	}
	return f, at.Size(), nil
}

// tail is the last lines that the log got from an offset on, for an error message.
func tail(path string, from int64) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }() // only read
	b, err := io.ReadAll(io.NewSectionReader(f, from, logLongest))
	if err != nil || len(bytes.TrimSpace(b)) == 0 {
		return "; its log " + path + " says nothing"
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return "; the last lines of its log " + path + ":\n\t" + strings.Join(lines[max(0, len(lines)-logTail):], "\n\t")
}
