package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"goodstate.dev/goodstate/drift/agent/wire"
	"goodstate.dev/goodstate/drift/module"
)

// spec is what a process in the background is told over its standard input.
type spec struct {
	Call  wire.Call         `json:"call"`
	State string            `json:"state"`
	Files map[string]string `json:"files"` // blobs that are here already, by hash
}

// background starts a call in a process of its own that outlives the agent. Its state is a file in Ansible's format, which async_status reads.
func (a *agent) background(ctx context.Context, call wire.Call) module.Result {
	s, err := a.prepare(ctx, call)
	if err == nil {
		err = a.launch(s)
	}
	if err != nil {
		return module.Result{"failed": true, "msg": fmt.Sprintf("starting a job in the background: %v", err)}
	}
	return module.Result{"failed": false, "started": 1, "finished": 0, "ansible_job_id": call.Async.ID, "results_file": s.State, "changed": true}
}

func (a *agent) prepare(ctx context.Context, call wire.Call) (spec, error) {
	s := spec{Call: call, Files: map[string]string{}}
	dir := call.Async.Dir
	if dir == "" {
		dir = "~/.ansible_async"
	}
	if rest, ok := strings.CutPrefix(dir, "~"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return s, err
		}
		dir = home + rest
	}
	if call.Async.ID == "" || strings.ContainsAny(call.Async.ID, "/\x00") || call.Async.ID[0] == '.' {
		return s, fmt.Errorf("%q is no name for a job", call.Async.ID)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return s, err
	}
	s.State = filepath.Join(dir, call.Async.ID)
	if call.Python != nil {
		for _, hash := range []string{call.Python.Base, call.Python.Payload} {
			if hash == "" {
				continue
			}
			suffix, mode := ".zip", os.FileMode(0o600)
			if call.Python.Style != "new" {
				suffix, mode = "", 0o700
			}
			path, err := a.blobs.file(ctx, hash, suffix, mode)
			if err != nil {
				return s, err
			}
			s.Files[hash] = path
		}
	}
	return s, writeState(s.State, module.Result{"started": 1, "finished": 0, "ansible_job_id": call.Async.ID})
}

// launch starts the process and hands it its call; it has a session of its own, so nothing that ends us ends it.
func (a *agent) launch(s spec) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	cmd := exec.Command(self, append(a.verb, "job")...) //nolint:noctx // it outlives us
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	_, err = in.Write(text)
	err = errors.Join(err, in.Close())
	go func() { _ = cmd.Wait() }() // the state file says how it went
	return err
}

// jobMain is the process in the background.
func jobMain(stdin io.Reader, stderr io.Writer) int {
	text, err := io.ReadAll(io.LimitReader(stdin, wire.MaxFrame))
	var s spec
	if err == nil {
		err = wire.Decode(text, &s)
	}
	if err != nil || s.Call.Async == nil {
		fmt.Fprintln(stderr, "goodstate-agent job: it is started by the agent:", err)
		return 2
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(max(1, s.Call.Async.Seconds))*time.Second)
	defer cancel()
	a := &agent{blobs: newBlobs(wire.NewWriter(io.Discard))}
	a.blobs.closed = true // there is nobody to ask
	for hash, path := range s.Files {
		a.blobs.here[hash] = blob{path: path}
	}
	defer a.blobs.remove()
	a.python = &interpreters{blobs: a.blobs}
	defer a.python.end()
	call := s.Call
	call.Async = nil
	result := a.carryOut(ctx, call)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		result = module.Result{"msg": "Timeout exceeded", "failed": true, "child_pid": os.Getpid()}
	}
	if err := writeState(s.State, result); err != nil {
		return 1
	}
	return 0
}

// writeState replaces the state file at once.
func writeState(path string, state module.Result) error {
	text, err := json.Marshal(state)
	if err != nil {
		return err
	}
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, text, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
