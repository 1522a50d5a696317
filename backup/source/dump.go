package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/source/files"
)

// program is a dump or restore tool with its environment, where passwords are.
type program struct {
	argv []string
	env  []string
	dir  string
}

func (p program) command(ctx context.Context) (*exec.Cmd, *bytes.Buffer) {
	cmd := exec.CommandContext(ctx, p.argv[0], p.argv[1:]...)
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Dir = p.dir
	said := &bytes.Buffer{}
	cmd.Stderr = &limited{said, 64 << 10}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // with its children
	cmd.WaitDelay = 5 * time.Second
	return cmd, said
}

// limited keeps the beginning of what a program says.
type limited struct {
	to   *bytes.Buffer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	take := min(len(p), l.left)
	l.left -= take
	l.to.Write(p[:take])
	return len(p), nil
}

func (p program) failed(err error, said *bytes.Buffer) error {
	text := strings.TrimSpace(said.String())
	if lines := strings.Split(text, "\n"); len(lines) > 5 {
		text = strings.Join(lines[len(lines)-5:], "\n")
	}
	if text == "" {
		return fmt.Errorf("%s: %w", p.argv[0], err)
	}
	return fmt.Errorf("%s: %w: %s", p.argv[0], err, text)
}

// read starts a program whose output is to be read. Its end is an error when the program failed; closing it early kills the program.
func (p program) read(ctx context.Context) (*atEnd, *bytes.Buffer, error) {
	cmd, said := p.command(ctx)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, fmt.Errorf("start %s: %w", p.argv[0], err)
	}
	return &atEnd{r: out, wait: func() error {
		if err := cmd.Wait(); err != nil {
			return p.failed(err, said)
		}
		return nil
	}, kill: func() {
		_ = cmd.Cancel() // it is of no use any more
		_ = cmd.Wait()
	}}, said, nil
}

// dump copies what a program writes. A program that fails at its end has made no backup.
func dump(ctx context.Context, j Job, p program, name string) (Copied, error) {
	ended, _, err := p.read(ctx)
	if err != nil {
		return Copied{}, err
	}
	defer ended.Close()
	res, err := files.Stream(ctx, j.Repo, name, ended, files.Options{
		Tags: []string{Tag(j.Application)}, Progress: func(p files.Progress) { j.Say(Progress(j.Began, time.Now(), 0, p.Bytes, j.Expected, true)) },
	})
	return Copied{Snapshot: res.Snapshot, Bytes: res.Bytes, Fresh: res.Saved.Plain, Written: res.Saved.Written, Complete: err == nil}, err
}

// atEnd turns the end of a program's output into its failure, where it failed.
type atEnd struct {
	r      io.Reader
	wait   func() error
	kill   func()
	waited bool
	result error
}

// Close ends a program that was not read to its end.
func (a *atEnd) Close() error {
	if !a.waited {
		a.waited, a.result = true, errors.New("closed before its end")
		a.kill()
	}
	return nil
}

func (a *atEnd) Read(p []byte) (int, error) {
	if a.waited {
		return 0, a.result
	}
	n, err := a.r.Read(p)
	if err == nil {
		return n, nil
	}
	a.waited, a.result = true, err
	if failure := a.wait(); failure != nil {
		a.result = failure
	} else if !errors.Is(err, io.EOF) {
		a.result = err
	}
	return n, a.result
}

// feed gives a program the file of a snapshot to read.
func feed(ctx context.Context, j Job, snap repository.Snapshot, name string, p program) (Restored, error) {
	cmd, said := p.command(ctx)
	in, err := cmd.StdinPipe()
	if err != nil {
		return Restored{}, err
	}
	if err := cmd.Start(); err != nil {
		return Restored{}, fmt.Errorf("start %s: %w", p.argv[0], err)
	}
	size, fed := files.Cat(ctx, j.Repo, snap, "/"+name, in)
	fed = errors.Join(fed, in.Close())
	err = cmd.Wait()
	if err != nil {
		err = p.failed(err, said)
	} else if fed != nil {
		err = fed
	}
	return Restored{Bytes: size}, err
}
