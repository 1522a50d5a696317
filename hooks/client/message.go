package client

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

	"goodstate.dev/goodstate/hooks/message"
	"goodstate.dev/goodstate/hooks/rule"
)

// maxMessage is more than any commit message has, in bytes.
const maxMessage = 4 << 20

// messages judges the commit message that Git has written into a file, by the stage's policies.
func (r *round) messages(ctx context.Context) error {
	if len(r.call.Args) == 0 {
		return errors.New("Git gives commit-msg the file of the message, and there is none: goodstate hooks run commit-msg FILE")
	}
	path := r.call.Args[0]
	if !filepath.IsAbs(path) {
		path = filepath.Join(r.repo.Top, path)
	}
	text, err := readMessage(path)
	if err != nil {
		return err
	}
	comment, err := r.repo.comment(ctx)
	if err != nil {
		return err
	}
	for _, one := range r.stage.Messages {
		if err := r.message(one, text, comment); err != nil {
			return fmt.Errorf("policy of commit messages: %w", err)
		}
	}
	return nil
}

func (r *round) message(compiled json.RawMessage, text, comment string) error {
	var policy message.Policy
	if err := json.Unmarshal(compiled, &policy); err != nil {
		return err
	}
	judge, err := policy.Compile()
	if err != nil {
		return err
	}
	for _, f := range judge.Check(text, comment) {
		said := f.Message
		if f.Example != "" {
			said += ", for example: " + f.Example
		}
		if f.Warning {
			r.report.note("commit message, line %d: %s (%s)", f.Line, said, f.Rule)
			continue
		}
		r.report.find([]rule.Finding{{Rule: "message/" + f.Rule, Path: "commit message", Line: f.Line, Message: said}})
	}
	return nil
}

func readMessage(path string) (text string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("commit message: %w", err)
	}
	defer f.Close() // it was only read
	data, err := io.ReadAll(io.LimitReader(f, maxMessage+1))
	if err == nil && len(data) > maxMessage {
		err = fmt.Errorf("it has more than %d bytes", maxMessage)
	}
	if err != nil {
		return "", fmt.Errorf("commit message: %w", err)
	}
	return string(data), nil
}

// comment is what starts a line of a message that Git leaves out.
func (repo *Repo) comment(ctx context.Context) (string, error) {
	out, err := repo.git(ctx, repo.Index, nil, "config", "--get-regexp", `^core\.comment(char|string)$`)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		return "#", nil // not set
	}
	if err != nil {
		return "", fmt.Errorf("core.commentChar: %w", err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	_, value, _ := strings.Cut(lines[len(lines)-1], " ")
	return value, nil
}
