package drift

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/notify"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/drift/record"
	"goodstate.dev/goodstate/drift/state"
)

// toldMost is how many differences a notice names.
const toldMost = 10

func (d *Drift) tell(ctx context.Context, r *run.Run, e notify.Event) error {
	if d.Notify == nil {
		return nil
	}
	e.Run, e.At = r.ID(), time.Now()
	if d.Page != nil {
		e.URL = d.Page("drift/runs/" + r.ID())
	}
	return d.Notify.Send(ctx, e)
}

// tellFound tells of differences that no look before this run saw.
func (d *Drift) tellFound(ctx context.Context, r *run.Run, playbook string, fresh map[string][]record.Difference) error {
	if len(fresh) == 0 {
		return nil
	}
	var lines []string
	hosts := map[string]bool{}
	for _, cause := range slices.Sorted(maps.Keys(fresh)) {
		var on []string
		for _, one := range fresh[cause] {
			on = append(on, one.Host)
			hosts[one.Host] = true
		}
		lines = append(lines, fmt.Sprintf("%s: %s (%s)", shortly(state.Fold(on)), fresh[cause][0].Task, fresh[cause][0].State.Word()))
	}
	slices.Sort(lines)
	if len(lines) > toldMost {
		lines = append(lines[:toldMost], fmt.Sprintf("and %d more", len(lines)-toldMost))
	}
	return d.tell(ctx, r, notify.Event{
		ID: "drift-found/" + r.ID(), Type: "drift.found", Phase: notify.Trigger, Severity: notify.Warning,
		Title: fmt.Sprintf("%s: %s no longer as the playbook says", playbook, counted(len(hosts), "host")), Text: strings.Join(lines, "\n"),
	})
}

func (d *Drift) tellAsk(ctx context.Context, r *run.Run, a record.Ask) error {
	what := a.Task
	if a.Cause == "" {
		what = a.Why
	}
	text := fmt.Sprintf("on %s: %s\ngoodstate drift approve %s corrects it, goodstate drift reject %s leaves it", shortly(state.Fold(a.Hosts)), a.Why, a.ID, a.ID)
	if err := r.Journal(ctx, "drift-asked", fmt.Sprintf("%s on %s waits for an approver: %s", what, shortly(state.Fold(a.Hosts)), a.ID), nil); err != nil {
		return err
	}
	return d.tell(ctx, r, notify.Event{ID: "drift-ask/" + a.ID, Type: "drift.asked", Phase: notify.Trigger, Severity: notify.Warning, Title: a.Playbook + ": a correction waits for an approver: " + what, Text: text})
}

func (d *Drift) tellStopped(ctx context.Context, r *run.Run, playbook, why string) error {
	return d.tell(ctx, r, notify.Event{ID: "drift-stopped/" + r.ID(), Type: "drift.stopped", Phase: notify.Trigger, Severity: notify.Critical, Title: playbook + ": the correction was stopped", Text: why})
}
