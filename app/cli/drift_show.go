package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"goodstate.dev/goodstate/drift/record"
	"goodstate.dev/goodstate/drift/state"
)

// driftReport is what goodstate drift prints with --json.
type driftReport struct {
	Run    *record.Run      `json:"run,omitempty"`
	Fleet  record.Fleet     `json:"fleet"`
	Causes []record.Cause   `json:"differences"`
	Away   []record.HostRow `json:"not_gone_through"`
	// Corrections are the hosts that the run was to correct.
	Corrections []record.Correction `json:"corrections,omitempty"`
	Asks        []record.Ask        `json:"waiting_for_approval,omitempty"`
}

// driftShow prints the differences by cause and returns the exit code that says how it is.
func (t *terminal) driftShow(ctx context.Context, b *record.Book, playbook, run string) error {
	var out driftReport
	var err error
	if run != "" {
		r, err := b.Run(ctx, run)
		if err != nil {
			return err
		}
		out.Run = &r
		if out.Corrections, err = b.Corrections(ctx, run); err != nil {
			return err
		}
	}
	if out.Asks, err = b.Asks(ctx, playbook, time.Now()); err != nil {
		return err
	}
	if out.Fleet, err = b.Fleet(ctx, playbook); err != nil {
		return err
	}
	after, count := "", 0
	for {
		page, err := b.Causes(ctx, playbook, after, count, 0, time.Now())
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		out.Causes = append(out.Causes, page...)
		after, count = page[len(page)-1].Key(), page[len(page)-1].Count
	}
	host, under := "", ""
	for {
		page, err := b.Hosts(ctx, playbook, host, under, 0)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		for _, h := range page {
			if h.Trouble != "" {
				out.Away = append(out.Away, h)
			}
		}
		host, under = page[len(page)-1].Host, page[len(page)-1].Playbook
	}
	if t.json {
		t.document(out)
	} else {
		t.driftText(out)
	}
	return driftCode(out)
}

func driftCode(r driftReport) error {
	for _, c := range r.Causes {
		if c.Ignored == "" {
			return &exitError{code: exitDifferences}
		}
	}
	if slices.ContainsFunc(r.Corrections, func(c record.Correction) bool { return c.State != record.Done }) {
		return &exitError{code: exitIncomplete}
	}
	if len(r.Away) > 0 || r.Fleet.Resources.Unknown > 0 || r.Fleet.Resources.All() == 0 {
		return &exitError{code: exitIncomplete}
	}
	return nil
}

func (t *terminal) driftText(r driftReport) {
	for _, c := range r.Causes {
		what := c.Task
		if c.Item != "" {
			what += " (" + c.Item + ")"
		}
		t.say("%s  %s: %s  [%s]", c.Cause[:8], c.Hosts, what, c.Playbook)
		t.say("          %s, %s", stateWords(c.States), differsSince(c))
		if c.Hint != "" {
			t.say("          hint: %s", c.Hint)
		}
		if c.Ignored != "" {
			t.say("          may stay until %s: %s", c.Until.Local().Format("2006-01-02 15:04"), c.Ignored)
		}
		for line := range strings.Lines(c.Diff) {
			t.say("          %s", strings.TrimRight(line, "\r\n"))
		}
	}
	for _, h := range r.Away {
		t.say("%s: not gone through [%s]: %s", h.Host, h.Playbook, h.Trouble)
	}
	for _, c := range r.Corrections {
		if c.State != record.Done {
			t.say("%s: %s: %s", c.Host, c.State, c.Why)
		}
	}
	for _, a := range r.Asks {
		what := a.Task
		if a.Cause == "" {
			what = "the correction of " + plural(len(a.Hosts), "host")
		}
		t.say("%s  waits for an approver: %s on %s: %s", a.ID, what, state.Fold(a.Hosts), a.Why)
		t.say("          goodstate drift approve %s, or goodstate drift reject %s", a.ID, a.ID)
	}
	c := r.Fleet.Resources
	if r.Run != nil && r.Run.Corrected > 0 {
		t.say("corrected: %d", r.Run.Corrected)
	}
	t.say("%d good, %d drifted, %d pending, %d flapping, %d cannot be checked, %d unknown; %d %% looked at", c.Good, c.Drifted, c.Pending, c.Flapping, c.Uncheckable, c.Unknown, r.Fleet.Coverage)
}

func stateWords(c state.Counts) string {
	var words []string
	for _, part := range []struct {
		n    int
		word string
	}{{c.Drifted, "drifted"}, {c.Pending, "pending change"}, {c.Flapping, "flapping"}} {
		if part.n > 0 {
			words = append(words, fmt.Sprintf("%s on %d", part.word, part.n))
		}
	}
	return strings.Join(words, ", ")
}

// differsSince is the bound of when it became different.
func differsSince(c record.Cause) string {
	const form = "2006-01-02 15:04:05"
	if c.GoodAt.IsZero() {
		return "never seen otherwise, first looked at " + c.DiffersAt.Local().Format(form)
	}
	return "since after " + c.GoodAt.Local().Format(form) + " and before " + c.DiffersAt.Local().Format(form)
}
