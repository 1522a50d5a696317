package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"goodstate.dev/goodstate/drift/agent/wire"
)

// runFile runs a module that is a program of its own and reads its arguments from a file: JSON, or words for the oldest.
func (p *interpreters) runFile(ctx context.Context, interpreter string, call wire.Call) (output, error) {
	tmp, err := p.scratch()
	if err != nil {
		return output{}, err
	}
	defer os.RemoveAll(tmp)
	program, err := p.blobs.file(ctx, call.Python.Payload, "", 0o700)
	if err != nil {
		return output{}, err
	}
	text, err := argumentFile(call, tmp)
	if err != nil {
		return output{}, err
	}
	args := filepath.Join(tmp, "args")
	if err := os.WriteFile(args, []byte(text), 0o600); err != nil {
		return output{}, fmt.Errorf("writing the module's arguments: %w", err)
	}
	argv := []string{program, args}
	if call.Python.Style != "binary" && interpreter != "" {
		argv = append(strings.Fields(interpreter), argv...)
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	cmd.Dir, cmd.Env = call.Dir, os.Environ()
	for k, v := range call.Env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	var out, errs head
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		return output{}, err
	}
	return output{rc: cmd.ProcessState.ExitCode(), out: string(out.text), err: string(errs.text)}, nil
}

func argumentFile(call wire.Call, tmp string) (string, error) {
	text, err := arguments(call, tmp)
	if err != nil {
		return "", err
	}
	var all struct {
		Args map[string]any `json:"ANSIBLE_MODULE_ARGS"`
	}
	if err := wire.Decode([]byte(text), &all); err != nil {
		return "", err
	}
	if call.Python.Style != "old" {
		flat, err := json.Marshal(all.Args)
		return string(flat), err
	}
	words := make([]string, 0, len(all.Args))
	for k, v := range all.Args {
		words = append(words, k+"="+quote(fmt.Sprint(v)))
	}
	slices.Sort(words)
	return strings.Join(words, " "), nil
}

func quote(word string) string { return "'" + strings.ReplaceAll(word, "'", `'"'"'`) + "'" }

// head keeps the first bytes of what a program prints and lets the rest go.
type head struct{ text []byte }

func (h *head) Write(p []byte) (int, error) {
	if room := maxPrinted - len(h.text); room > 0 {
		h.text = append(h.text, p[:min(room, len(p))]...)
	}
	return len(p), nil
}
