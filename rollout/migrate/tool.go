package migrate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Tool is a migration tool of the user's own. What it does is not seen, so nothing is put aside: its own down command is the
// only way back.
type Tool struct {
	command Command
	dir     string
	limit   time.Duration
	env     []string
	secret  string
}

// mostOutput is how much of a command's output is kept, the end of it.
const mostOutput = 16 << 10

// OpenTool prepares the configuration's commands, which run in the release's folder.
func OpenTool(ctx context.Context, c Config, release string, secret func(ctx context.Context, name string) (string, error)) (*Tool, error) {
	if c.Command == nil {
		return nil, errors.New("open the migration tool: no command is given")
	}
	t := &Tool{command: *c.Command, dir: release, limit: c.StatementTimeout.Std()}
	for _, e := range os.Environ() {
		name, _, _ := strings.Cut(e, "=")
		if slices.Contains([]string{"PATH", "HOME", "LANG", "TMPDIR", "TZ", "USER"}, name) {
			t.env = append(t.env, e)
		}
	}
	if c.URL.IsZero() {
		return t, nil
	}
	address, err := address(ctx, c.URL, secret)
	if err != nil {
		return nil, fmt.Errorf("open the migration tool: %w", err)
	}
	t.env = append(t.env, "DATABASE_URL="+address)
	t.secret = address
	return t, nil
}

// Plan asks the tool what is pending. Without a down command it cannot be undone.
func (t *Tool) Plan(ctx context.Context, irreversible string) (Plan, error) {
	pending, err := t.pending(ctx)
	if err != nil {
		return Plan{}, err
	}
	p := Plan{Driver: "command"}
	sum := sha256.New()
	for i, line := range pending {
		fmt.Fprintln(sum, line)
		c := Change{Seq: i + 1, Version: int64(i + 1), File: "status", Line: i + 1, SQL: line, Op: Run, Class: Expand, Phase: Expand, Why: "the tool's own down command undoes it"}
		if t.command.Down == "" {
			c.Class, c.Why = Irreversible, "no down command is given"
			p.Needs = true
			if irreversible != "allow" {
				c.refuse("it cannot be undone: "+c.Why, "give migrations.command.down, or say migrations.irreversible: allow and take a restore point before")
			}
		}
		p.Versions, p.Changes = append(p.Versions, c.Version), append(p.Changes, c)
	}
	p.ID = hex.EncodeToString(sum.Sum(nil))[:8]
	p.settle()
	return p, nil
}

// Expand runs the up command, unless nothing is pending, and looks that nothing is pending then.
func (t *Tool) Expand(ctx context.Context, p Plan) error {
	if p.Refused != "" {
		return fmt.Errorf("plan %s is refused: %s", p.ID, p.Refused)
	}
	if p.Needs && p.Point == "" {
		return fmt.Errorf("plan %s cannot be undone and no restore point is named; take one first", p.ID)
	}
	pending, err := t.pending(ctx)
	if err != nil || len(pending) == 0 {
		return err
	}
	if _, err := t.run(ctx, "up", t.command.Up); err != nil {
		return err
	}
	if pending, err = t.pending(ctx); err == nil && len(pending) > 0 {
		err = fmt.Errorf("the up command ended well, and %d migrations are still pending, the first is %q; look why it did not apply them", len(pending), pending[0])
	}
	return err
}

// Back runs the down command, unless what was pending before is pending again, and looks that it is then.
func (t *Tool) Back(ctx context.Context, p Plan) (Report, error) {
	report := Report{Plan: p.ID}
	var want []string
	for _, c := range p.Changes {
		want = append(want, c.SQL)
	}
	pending, err := t.pending(ctx)
	if err != nil {
		return report, err
	}
	if report.SchemaRestored = slices.Equal(pending, want); report.SchemaRestored {
		return report, nil
	}
	if t.command.Down == "" {
		report.Problems = append(report.Problems, "no down command is given, so the schema stays; its data before is only in the restore point "+p.Point)
		return report, nil
	}
	if _, err := t.run(ctx, "down", t.command.Down); err != nil {
		return report, err
	}
	if pending, err = t.pending(ctx); err != nil {
		return report, err
	}
	if report.SchemaRestored = slices.Equal(pending, want); !report.SchemaRestored {
		return report, fmt.Errorf("the down command ended well, and pending are %s, want %s; bring the schema back by hand", list(pending), list(want))
	}
	return report, nil
}

func (t *Tool) pending(ctx context.Context) ([]string, error) {
	out, err := t.run(ctx, "status", t.command.Status)
	if err != nil {
		return nil, err
	}
	var lines []string
	for line := range strings.Lines(out) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines, nil
}

// run runs a command line with all it starts; the address is taken out of what it says.
func (t *Tool) run(ctx context.Context, which, line string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, t.limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", line)
	cmd.Dir, cmd.Env = t.dir, t.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	var out, words tail
	cmd.Stdout, cmd.Stderr = &out, &words
	err := cmd.Run()
	if err == nil {
		return out.String(), nil
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	said := strings.TrimSpace(words.String() + "\n" + out.String())
	if t.secret != "" {
		said = strings.ReplaceAll(said, t.secret, "(database address)")
	}
	return "", fmt.Errorf("migrations.command.%s (%s): %w; it said: %s", which, excerpt(line), err, said)
}

// tail keeps the end of what is written.
type tail struct{ bytes.Buffer }

func (t *tail) Write(data []byte) (int, error) {
	n := len(data)
	t.Buffer.Write(data)
	if extra := t.Len() - mostOutput; extra > 0 {
		t.Next(extra)
	}
	return n, nil
}
