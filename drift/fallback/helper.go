package fallback

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"goodstate.dev/goodstate/core/py"
)

//go:embed helper.py
var helperSource string

// helper is the Python process of the controller that has Ansible loaded.
type helper struct {
	mu    sync.Mutex
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	tail  *end
	known map[string]bool
	err   error
}

const maxAnswer = 64 << 20

// helping starts the process when it is needed for the first time.
func (a *Ansible) helping(in *installation) (*helper, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.helper != nil {
		return a.helper, a.helper.err
	}
	h := &helper{known: map[string]bool{}, tail: &end{}}
	h.cmd = exec.Command(in.python, append([]string{"-u", "-c", helperSource}, a.pluginFolders()...)...) //nolint:noctx // it ends with its standard input
	h.cmd.Env = append(os.Environ(), "ANSIBLE_COLLECTIONS_PATH="+strings.Join(in.collections, ":"), "ANSIBLE_FORCE_COLOR=0")
	h.cmd.Stderr = h.tail
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var err error
	if h.in, err = h.cmd.StdinPipe(); err == nil {
		var out io.ReadCloser
		if out, err = h.cmd.StdoutPipe(); err == nil {
			h.out = bufio.NewReader(out)
			err = h.cmd.Start()
		}
	}
	h.err = err
	a.helper = h
	return h, err
}

// pluginFolders are those of playbooks and of roles that have plugins of their own.
func (a *Ansible) pluginFolders() []string {
	var roles, out []string
	for _, base := range a.options.Bases {
		roles = append(roles, filepath.Join(base, "roles"))
	}
	folders := slices.Clone(a.options.Bases)
	for _, dir := range append(roles, a.options.Roles...) {
		found, _ := filepath.Glob(filepath.Join(dir, "*")) // the pattern is right
		folders = append(folders, found...)
	}
	for _, dir := range folders {
		if found, _ := filepath.Glob(filepath.Join(dir, "*_plugins")); len(found) > 0 && !slices.Contains(out, dir) {
			out = append(out, dir)
		}
	}
	return out
}

// query is one question to the process.
type query struct {
	Do    string          `json:"do"`
	Kind  string          `json:"kind"`
	Name  string          `json:"name"`
	Args  json.RawMessage `json:"args,omitempty"`
	Named json.RawMessage `json:"named,omitempty"`
}

func (h *helper) knows(kind, name string) bool {
	h.mu.Lock()
	is, asked := h.known[kind+" "+name]
	h.mu.Unlock()
	if asked {
		return is
	}
	value, err := h.ask(context.Background(), query{Do: "knows", Kind: kind, Name: name})
	is = err == nil && value == true
	h.mu.Lock()
	h.known[kind+" "+name] = is
	h.mu.Unlock()
	return is
}

func (h *helper) call(ctx context.Context, kind, name string, args []any, named *py.Dict) (any, error) {
	q := query{Do: "call", Kind: kind, Name: name}
	var err error
	if q.Args, err = py.ToJSON(py.NewList(args...)); err != nil {
		return nil, fmt.Errorf("%s %s: %w", kind, name, err)
	}
	if named != nil {
		if q.Named, err = py.ToJSON(named); err != nil {
			return nil, fmt.Errorf("%s %s: %w", kind, name, err)
		}
	}
	value, err := h.ask(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", kind, name, err)
	}
	return value, nil
}

// ask sends a question and waits for its answer.
func (h *helper) ask(ctx context.Context, q query) (any, error) {
	text, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err != nil {
		return nil, h.err
	}
	stop := context.AfterFunc(ctx, func() { _ = h.cmd.Process.Kill() }) // it answers in order, so one that hangs is the end
	defer stop()
	_, err = h.in.Write(append(text, '\n'))
	var line []byte
	if err == nil {
		line, err = h.line()
	}
	if err != nil {
		h.err = fmt.Errorf("the Python process with Ansible's plugins ended: %w: %s", err, h.tail)
		return nil, h.err
	}
	answer, err := py.FromJSON(line, false)
	if err != nil {
		return nil, err
	}
	d, ok := answer.(*py.Dict)
	if !ok {
		return nil, errors.New("an answer that is no dictionary")
	}
	if said, failed := d.Get("error"); failed {
		return nil, errors.New(py.Str(said))
	}
	value, _ := d.Get("value")
	return value, nil
}

func (h *helper) line() ([]byte, error) {
	var line []byte
	for {
		part, err := h.out.ReadSlice('\n')
		line = append(line, part...)
		if err == nil {
			return line, nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
		if len(line) > maxAnswer {
			return nil, fmt.Errorf("an answer of more than %d bytes", maxAnswer)
		}
	}
}

func (h *helper) close() error {
	if h.cmd == nil || h.cmd.Process == nil {
		return nil
	}
	_ = h.in.Close() // it ends by that
	ended := make(chan struct{})
	go func() {
		_ = h.cmd.Wait() // how does not matter
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(3 * time.Second):
		_ = h.cmd.Process.Kill()
		<-ended
	}
	return nil
}

// end keeps the last of what a program said.
type end struct {
	mu   sync.Mutex
	text []byte
}

func (e *end) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.text = append(e.text, p...)
	if over := len(e.text) - 4000; over > 0 {
		e.text = append(e.text[:0], e.text[over:]...)
	}
	return len(p), nil
}

func (e *end) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.TrimSpace(string(e.text))
}
