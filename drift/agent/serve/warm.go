package serve

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// warm is one interpreter that forks for each module.
type warm struct {
	mu    sync.Mutex
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   *bufio.Reader
	tail  *tail
}

// request is one module for the warm interpreter.
type request struct {
	Payload string            `json:"payload"`
	Main    string            `json:"main"`
	Args    string            `json:"args"`
	Env     map[string]string `json:"env"`
	Dir     string            `json:"dir,omitempty"`
	Umask   *int              `json:"umask,omitempty"`
}

func startWarm(interpreter, base string) (*warm, error) {
	words := strings.Fields(interpreter)
	argv := slices.Concat(words[1:], []string{"-u", "-c", warmSource, base, strconv.Itoa(maxPrinted)})
	cmd := exec.Command(words[0], argv...) //nolint:noctx // it ends with its standard input
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: 0}
	w := &warm{cmd: cmd, tail: &tail{}}
	var err error
	if w.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	w.out = bufio.NewReader(out)
	cmd.Stderr = w.tail
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return w, nil
}

// ask runs one module and waits for it. When ctx ends, the module's processes are killed.
func (w *warm) ask(ctx context.Context, r request) (output, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text, err := json.Marshal(r)
	if err != nil {
		return output{}, err
	}
	if _, err := w.stdin.Write(binary.BigEndian.AppendUint32(nil, uint32(len(text)))); err != nil { //nolint:gosec // bounded by the frame that it came in
		return output{}, w.why(err)
	}
	if _, err := w.stdin.Write(text); err != nil {
		return output{}, w.why(err)
	}
	var started struct {
		PID int `json:"pid"`
	}
	if err := w.read(&started); err != nil {
		return output{}, w.why(err)
	}
	stop := context.AfterFunc(ctx, func() {
		if started.PID > 1 {
			_ = syscall.Kill(-started.PID, syscall.SIGKILL) // it may have ended
			_ = syscall.Kill(started.PID, syscall.SIGKILL)  // before it had a group of its own
		}
	})
	defer stop()
	var ended struct {
		RC, Out, Err int
	}
	if err := w.read(&ended); err != nil {
		return output{}, w.why(err)
	}
	if ended.Out < 0 || ended.Out > maxPrinted || ended.Err < 0 || ended.Err > maxPrinted {
		return output{}, errors.New("the interpreter announced more output than it may give")
	}
	both := make([]byte, ended.Out+ended.Err)
	if _, err := io.ReadFull(w.out, both); err != nil {
		return output{}, w.why(err)
	}
	return output{rc: ended.RC, out: string(both[:ended.Out]), err: string(both[ended.Out:])}, nil
}

func (w *warm) read(into any) error {
	var head [4]byte
	if _, err := io.ReadFull(w.out, head[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > 1<<16 {
		return fmt.Errorf("the interpreter announced %d bytes, want at most %d", n, 1<<16)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(w.out, text); err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// why says what the interpreter said before it broke.
func (w *warm) why(err error) error {
	_ = w.cmd.Process.Kill() // it is of no use any more
	_ = w.cmd.Wait()         // its output is complete then
	return fmt.Errorf("the interpreter ended: %w: %s", err, w.tail)
}

func (w *warm) end() {
	_ = w.stdin.Close() // it ends by that
	_ = w.cmd.Process.Kill()
	_ = w.cmd.Wait() // how it ended does not matter
}

// tail keeps the end of what a program said.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - 4000; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}
