package check

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ended is how a program ended.
type ended struct {
	code   int    // exit code; -1 when there is none
	tail   string // the end of what it wrote
	broken error  // why it could not be run, or did not end by itself
}

// execute runs a program in a process group of its own and waits. When ctx ends, the whole group is killed: nothing it
// started outlives the check. Its standard output goes to out, where given, and both outputs are kept up to a bound.
func execute(ctx context.Context, t Target, argv []string, out *tail) ended {
	if ctx.Err() != nil {
		return ended{code: -1, broken: context.Cause(ctx)}
	}
	if _, err := os.Stat(t.Dir); t.Dir != "" && err != nil {
		return ended{code: -1, broken: fmt.Errorf("the folder of the release is not there: %w", err)}
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = t.Dir, t.environ()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	both := &tail{most: 8 << 10}
	cmd.Stderr = both
	cmd.Stdout = both
	if out != nil {
		cmd.Stdout = out
	}
	err := cmd.Run()
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what it left running in its group; usually there is none
	}
	e := ended{code: -1, tail: both.String()}
	if out != nil {
		e.tail = strings.TrimSpace(lastPart(out.String(), 4<<10) + "\n" + e.tail)
	}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		e.broken = context.Cause(ctx)
	case err == nil:
		e.code = 0
	case errors.Is(err, exec.ErrWaitDelay): // it ended well and left something behind that kept its output open
		e.code = cmd.ProcessState.ExitCode()
	case errors.As(err, &exit) && exit.Exited():
		e.code = exit.ExitCode()
	case errors.As(err, &exit):
		e.broken = fmt.Errorf("%s was ended by a signal: %w", argv[0], exit)
	default:
		e.broken = fmt.Errorf("%s could not be run: %w", argv[0], err)
	}
	return e
}

// tail keeps the last bytes that were written to it.
type tail struct {
	mu   sync.Mutex
	most int
	kept []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - t.most; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.ToValidUTF8(string(t.kept), "?")
}

func lastPart(s string, most int) string {
	if len(s) <= most {
		return s
	}
	s = s[len(s)-most:]
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		s = s[i+1:]
	}
	return "...\n" + s
}

// shell is the argv that runs a command line.
func shell(line string) []string { return []string{"/bin/sh", "-c", line} }
