package desk

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/run"
)

// Launch asks for a run of a template.
type Launch struct {
	Project  string  `json:"project"`
	Template string  `json:"template"`
	Who      string  `json:"-"`
	Why      string  `json:"why,omitempty"`
	Check    bool    `json:"check,omitempty" doc:"change nothing, say what would change"`
	Limit    string  `json:"limit,omitempty" doc:"instead of the template's"`
	Answers  Answers `json:"answers,omitempty"`
}

// Order is what a run carries out: the template as it was when it was launched, at one commit.
type Order struct {
	Template Template       `json:"template"`
	Commit   string         `json:"commit"`
	Check    bool           `json:"check,omitempty"`
	Limit    string         `json:"limit,omitempty"`
	Answers  map[string]any `json:"answers,omitempty"`
	Hidden   []byte         `json:"hidden,omitempty"` // sealed
	SealedAs string         `json:"sealed_as,omitempty"`
	Again    string         `json:"again,omitempty"` // the run whose failed hosts these are
}

// Target is the lease that a run of a template holds: it does not run twice at a time.
func Target(project, template string) string { return "template/" + project + "/" + template }

// Launch starts a run at the commit that was pulled last.
func (d *Desk) Launch(ctx context.Context, l Launch) (run.Info, error) { return d.launch(ctx, "", l) }

func (d *Desk) launch(ctx context.Context, id string, l Launch) (run.Info, error) {
	t, err := d.Template(ctx, l.Project, l.Template)
	if err != nil {
		return run.Info{}, err
	}
	p, err := d.Project(ctx, l.Project)
	if err != nil {
		return run.Info{}, err
	}
	if p.Commit == "" {
		return run.Info{}, fmt.Errorf("project %s was never pulled; pull it first: goodstate project pull %s", p.Name, p.Name)
	}
	open, hidden, err := answers(t.Survey, l.Answers)
	if err != nil {
		return run.Info{}, err
	}
	if id == "" {
		if id, err = newID(t.Name); err != nil {
			return run.Info{}, err
		}
	}
	o := Order{Template: t, Commit: p.Commit, Check: l.Check || t.Check, Limit: t.Limit, Answers: open, SealedAs: id}
	if l.Limit != "" {
		o.Limit = l.Limit
	}
	if o.Hidden, err = d.seal(id, hidden); err != nil {
		return run.Info{}, err
	}
	return d.Engine.Start(ctx, run.Request{ID: id, Kind: KindPlay, Target: Target(t.Project, t.Name), Who: l.Who, Why: l.Why, Input: o})
}

func newID(name string) (string, error) {
	random := make([]byte, 3)
	if _, err := rand.Read(random); err != nil {
		return "", fmt.Errorf("id of a run: %w", err)
	}
	return fmt.Sprintf("%s-%s-%s-%s", KindPlay, name, time.Now().UTC().Format("20060102-150405"), hex.EncodeToString(random)), nil
}

// OrderOf is what a run was told to do; an error if it is none of the desk's.
func OrderOf(info run.Info) (o Order, err error) {
	if info.Kind != KindPlay {
		return o, fmt.Errorf("run %s of kind %s: %w", info.ID, info.Kind, run.ErrNoRun)
	}
	if err := json.Unmarshal(info.Input, &o); err != nil {
		return o, fmt.Errorf("order of run %s: %w", info.ID, err)
	}
	return o, nil
}

// Again launches what a run did, for the hosts on which it failed, with the same answers and at the same commit.
func (d *Desk) Again(ctx context.Context, id, who, why string) (run.Info, error) {
	info, err := d.Engine.Get(ctx, id)
	if err != nil {
		return info, err
	}
	o, err := OrderOf(info)
	if err != nil {
		return info, err
	}
	out, err := OutcomeOf(info)
	if err != nil {
		return info, err
	}
	if info.State == run.Running {
		return info, fmt.Errorf("run %s is still under way", id)
	}
	if len(out.Failed) == 0 {
		return info, errors.New("no host failed in run " + id + "; launch the template instead")
	}
	o.Limit, o.Again = strings.Join(out.Failed, ","), id
	next, err := newID(o.Template.Name)
	if err != nil {
		return info, err
	}
	if why == "" {
		why = "again for the failed hosts of " + id
	}
	return d.Engine.Start(ctx, run.Request{ID: next, Kind: KindPlay, Target: info.Target, Who: who, Why: why, Input: o})
}

// Cancel ends a run where it is. Tasks under way on hosts may still end there.
func (d *Desk) Cancel(ctx context.Context, id, who, why string) error {
	info, err := d.Engine.Get(ctx, id)
	if err != nil {
		return err
	}
	if _, err := OrderOf(info); err != nil {
		return err
	}
	if why == "" {
		why = "no reason given"
	}
	return d.Engine.Cancel(ctx, id, who, why)
}
