package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"goodstate.dev/goodstate/core/config"
)

func init() {
	config.Register(config.Kind[Channel]{
		Name:    "command",
		Help:    "run a program with the event as a CloudEvent in JSON on its standard input",
		Example: "command: {run: [/usr/local/bin/page, --team, ops]}",
		New: func(decode func(any) error) (Channel, error) {
			c := &command{}
			return c, decode(c)
		},
	})
}

// command runs a program. An exit code other than 0 means that the notice was not taken.
type command struct {
	Run    []string        `yaml:"run" help:"program and arguments; no shell is involved" required:"true" example:"[/usr/local/bin/page]"`
	Within config.Duration `yaml:"within" help:"time the program may take, at most 30s" default:"20s"`
	Source string          `yaml:"source" help:"names this installation in the event" default:"goodstate"`
}

// Validate finds a command without a program.
func (c *command) Validate() error {
	if len(c.Run) > 0 && c.Run[0] == "" {
		return errors.New("run: the program has no name")
	}
	return nil
}

// linger is how long the program's output is waited for after the program ended: a child of it may hold it open.
const linger = time.Second

func (c *command) Deliver(ctx context.Context, n Notice) error {
	event, err := json.Marshal(cloudEventOf(n.Event, c.Source))
	if err != nil {
		return &Refusal{Err: fmt.Errorf("the event cannot be written as JSON: %w", err), Final: true}
	}
	ctx, cancel := context.WithTimeout(ctx, c.Within.Std())
	defer cancel()
	output := &tail{most: 400}
	program := exec.CommandContext(ctx, c.Run[0], c.Run[1:]...)
	program.Stdin, program.Stdout, program.Stderr = bytes.NewReader(append(event, '\n')), output, output
	program.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	program.Cancel = func() error { return syscall.Kill(-program.Process.Pid, syscall.SIGKILL) } // with its children
	program.WaitDelay = linger
	err = program.Run()
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return nil
	case ctx.Err() != nil:
		err = fmt.Errorf("it did not end within %s and was killed", c.Within)
	}
	said := strings.TrimSpace(oneLine(output.String()))
	if said != "" {
		said = ": " + said
	}
	return fmt.Errorf("command %s: %w%s", c.Run[0], err, said)
}

// tail keeps the last bytes that were written.
type tail struct {
	most int
	kept []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - t.most; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return strings.ToValidUTF8(string(t.kept), "") }
