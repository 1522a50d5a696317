package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"goodstate.dev/goodstate/hooks/plan"
	"goodstate.dev/goodstate/hooks/rule"
)

// The variables by which a person leaves rules and jobs out, by name, and says why.
const (
	skipNames  = "GOODSTATE_SKIP"
	skipReason = "GOODSTATE_SKIP_REASON"
)

// skipped is a line of skips.jsonl.
type skipped struct {
	At     time.Time `json:"at"`
	Who    string    `json:"who"`
	Stage  string    `json:"stage"`
	Names  []string  `json:"names"`
	Reason string    `json:"reason"`
	Head   string    `json:"head,omitempty"`
}

// skip leaves out what the environment names, once the reason is recorded.
func (repo *Repo) skip(ctx context.Context, stage plan.Stage, name string, report *Report) (plan.Stage, error) {
	wanted := strings.FieldsFunc(os.Getenv(skipNames), func(c rune) bool { return c == ',' || c == ' ' })
	if len(wanted) == 0 {
		return stage, nil
	}
	var left []string
	out := func(name string) bool {
		meant := func(word string) bool {
			kind, ok := rule.Find(word)
			return word == name || ok && kind.Name == name
		}
		if !slices.ContainsFunc(wanted, meant) {
			return false
		}
		left = append(left, name)
		return true
	}
	if len(stage.Messages) > 0 && out("message") {
		stage.Messages = nil
	}
	stage.Cannot = slices.DeleteFunc(slices.Clone(stage.Cannot), func(c plan.Cannot) bool { return out(c.Name) })
	stage.Rules = slices.DeleteFunc(slices.Clone(stage.Rules), func(r plan.Rule) bool { return out(r.Name) })
	stage.Jobs = slices.DeleteFunc(slices.Clone(stage.Jobs), func(j plan.Job) bool { return out(j.Name) })
	for i := range stage.Jobs {
		j := &stage.Jobs[i]
		j.Needs = slices.DeleteFunc(slices.Clone(j.Needs), func(n string) bool { return slices.Contains(left, n) })
	}
	if len(left) == 0 {
		return stage, nil // the names belong to another stage
	}
	reason := strings.TrimSpace(os.Getenv(skipReason))
	if reason == "" {
		return stage, fmt.Errorf("%s names %s, and %s says no reason; set it to one sentence for the record", skipNames, strings.Join(left, ", "), skipReason)
	}
	who, err := repo.git(ctx, repo.Index, nil, "var", "GIT_COMMITTER_IDENT")
	if err != nil {
		return stage, fmt.Errorf("who skips %s: %w", strings.Join(left, ", "), err)
	}
	head, _ := repo.git(ctx, repo.Index, nil, "rev-parse", "-q", "--verify", "HEAD") // there is none before the first commit
	report.Skipped = left
	return stage, repo.recordSkip(skipped{
		At: time.Now().UTC(), Who: identity(string(who)), Stage: name, Names: left, Reason: reason, Head: strings.TrimSpace(string(head)),
	})
}

// identity is "Name <address>" without the time that Git adds.
func identity(ident string) string {
	if i := strings.LastIndexByte(ident, '>'); i >= 0 {
		return ident[:i+1]
	}
	return strings.TrimSpace(ident)
}

func (repo *Repo) recordSkip(s skipped) error {
	line, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("record of skips: %w", err)
	}
	if err := os.MkdirAll(repo.shared(), 0o755); err != nil {
		return fmt.Errorf("record of skips: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(repo.shared(), "skips.jsonl"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("record of skips: %w", err)
	}
	_, err = f.Write(append(line, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("record of skips %s: %w", f.Name(), err)
	}
	return nil
}
