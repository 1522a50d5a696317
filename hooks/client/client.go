// Package client runs the hooks of a work tree: what Git starts before and after a commit, a merge, a push.
//
// It must never lose a byte of the user's work. Commands see exactly what is staged: in place where the files on disk are what is staged, from an
// export of the index where they are not. Nothing is hidden, stashed or checked out over the work tree. What a command or a rule repairs is merged
// into the file on disk and put into the index, and a journal on disk says what is under way before anything is touched, so that a killed run is
// settled by the next one.
package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"goodstate.dev/goodstate/hooks/plan"
)

// Call is one start of a hook.
type Call struct {
	Stage string   // the name of the Git hook
	Args  []string // as Git gave them
	Input []byte   // what Git wrote to standard input; pre-push and post-rewrite have some
	Every bool     // look at all tracked files, not only at the staged ones
	JSON  bool     // report as one JSON document
	Range bool     // it is about commits that exist, and nothing is repaired; see Between
	Out   io.Writer
}

// The exit codes of a hook.
const (
	exitGood        = 0
	exitRefused     = 1
	exitInterrupted = 130
)

// Refused says that a stage found something that it does not accept. What it found has been reported.
var errRefused = errors.New("refused")

// Run settles what an earlier run left, carries out a stage and reports to call.Out. Its result is the exit code for Git.
func Run(ctx context.Context, repo *Repo, call Call) int {
	report := &Report{Stage: call.Stage}
	err := run(ctx, repo, call, report)
	switch {
	case ctx.Err() != nil:
		report.Error = "interrupted; the work tree and the index are as they were, except for what is said above"
		report.write(call)
		return exitInterrupted
	case err != nil && !errors.Is(err, errRefused):
		report.Error = err.Error()
		report.write(call)
		if after(call.Stage) {
			return exitGood // what comes after has nothing to stop, and Git takes some of these codes for its own
		}
		return exitRefused
	}
	report.Good = err == nil
	report.write(call)
	if err != nil && !after(call.Stage) {
		return exitRefused
	}
	return exitGood
}

// after is true for stages that Git runs when the thing is done.
func after(stage string) bool {
	return slices.Contains([]string{"post-commit", "post-checkout", "post-merge", "post-rewrite"}, stage)
}

func run(ctx context.Context, repo *Repo, call Call, report *Report) error {
	said, err := repo.settleOpen(ctx)
	report.Notes = append(report.Notes, said...)
	if err != nil {
		return err
	}
	p, err := repo.plan(ctx)
	if err != nil || p == nil {
		return err
	}
	stage, ok := p.Stages[call.Stage]
	if !ok {
		return nil
	}
	if stage, err = repo.skip(ctx, stage, call.Stage, report); err != nil {
		return err
	}
	for _, c := range stage.Cannot {
		report.add(Result{Job: c.Name, Why: "cannot be run here: " + c.Why})
	}
	if stage.Empty() {
		return nil
	}
	r := &round{repo: repo, call: call, stage: stage, report: report, index: repo.Index, verdicts: repo.Verdicts(), kept: askedAgain(p, call.Stage)}
	err = r.do(ctx)
	if lost := r.verdicts.Flush(); lost != nil {
		report.note("what was judged will be judged again: %v", lost)
	}
	return errors.Join(err, r.close())
}

// plan reads the plan of the configuration; nil when the work tree has no configuration.
func (repo *Repo) plan(ctx context.Context) (*plan.Plan, error) {
	name, config, err := readConfig(repo.Top)
	if err != nil || config == nil {
		return nil, err
	}
	p, err := plan.Read(repo.shared(), config)
	if err == nil {
		fresh, err := p.Fresh(repo.Top)
		if err != nil || fresh {
			return p, err
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if err := repo.compile(ctx, name); err != nil {
		return nil, err
	}
	return plan.Read(repo.shared(), config)
}

// document writes JSON on a line.
func document(w io.Writer, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		data = fmt.Appendf(nil, `{"error":%q}`, err.Error())
	}
	_, _ = w.Write(append(data, '\n')) // a terminal that is gone needs no text
}
