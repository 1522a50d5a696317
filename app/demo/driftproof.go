package demo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"goodstate.dev/goodstate/drift/record"
	"goodstate.dev/goodstate/drift/state"
)

// compare holds what the record says of each task on each host against what was planted.
func (y *driftYard) compare(ctx context.Context, list []planted, entries int, out *DriftOutcome) error {
	out.Entries = entries
	for _, h := range hostNames(1, driftHosts) {
		resources, err := y.book.Resources(ctx, h, driftName, "", 0)
		if err != nil {
			return err
		}
		drifted := map[string]bool{}
		for _, r := range resources {
			// Anything but drift with a known last good look is another claim than what was done.
			if drifted[r.Task] = r.State == state.Drifted && !r.GoodAt.IsZero() && r.GoodAt.Before(r.DiffersAt); !drifted[r.Task] && r.State != state.Good && r.State != state.Uncheckable {
				out.Wrong = append(out.Wrong, h+": "+r.Task+" is "+r.State.Word())
			}
		}
		for _, p := range list {
			if !slices.Contains(p.hosts, h) {
				continue
			}
			out.Planted++
			if drifted[p.task] {
				out.Found++
			} else {
				out.Missed = append(out.Missed, h+": "+p.task)
			}
			delete(drifted, p.task)
		}
		for task, is := range drifted {
			if is {
				out.Wrong = append(out.Wrong, h+": "+task)
			}
		}
	}
	slices.Sort(out.Wrong)
	out.Claimed = len(out.Wrong)
	if entries != len(list) {
		return fmt.Errorf("equal differences are %d entries, want %d: one for each thing that was done", entries, len(list))
	}
	return nil
}

// settle corrects all hosts but the one whose difference may stay, and looks again.
func (y *driftYard) settle(ctx context.Context, found []record.Cause, out *DriftOutcome) error {
	now := time.Now()
	var stays record.Cause
	var fix []string
	for _, c := range found {
		if c.Task == "the limit" {
			stays = c
		}
	}
	for _, h := range hostNames(1, driftHosts) {
		if h != stays.Hosts {
			fix = append(fix, h)
		}
	}
	if _, err := y.book.Ignore(ctx, driftName, stays.Cause, driftReason, "demo", now, now.Add(24*time.Hour)); err != nil {
		return err
	}
	y.o.Say(fmt.Sprintf("%s: %s may stay for a day: %s", stays.Hosts, stays.Task, driftReason))
	r, err := y.run(ctx, record.Correct, fix)
	if err != nil {
		return err
	}
	if _, err = y.run(ctx, record.Detect, nil); err != nil {
		return err
	}
	left, err := y.causes(ctx)
	if err != nil {
		return err
	}
	y.o.Say(fmt.Sprintf("the playbook is carried out on the %d other hosts, and all are looked at again: %s", len(fix), remaining(left)))
	return y.verdict(left, stays, r, out)
}

func remaining(left []record.Cause) string {
	var words []string
	for _, c := range left {
		words = append(words, c.Hosts+": "+c.Task)
	}
	if len(words) == 0 {
		return "nothing is left"
	}
	return "left is " + strings.Join(words, ", ")
}

// verdict says whether everything was put right but what may stay.
func (y *driftYard) verdict(left []record.Cause, stays record.Cause, fixed record.Run, out *DriftOutcome) error {
	out.Corrected = fixed.Corrected
	if len(left) != 1 || left[0].Cause != stays.Cause || left[0].Ignored != driftReason {
		return fmt.Errorf("%s, want only what may stay: %s: %s", remaining(left), stays.Hosts, stays.Task)
	}
	out.Ignored = left[0].Ignored
	if want := out.Planted - stays.Count; fixed.Corrected != want {
		return fmt.Errorf("%d differences were corrected, want %d", fixed.Corrected, want)
	}
	y.o.Say(fmt.Sprintf("%d planted on %d hosts, %d found in %d entries, %d falsely claimed, %d tasks cannot be checked and are not counted as good; %d corrected, %d ignored; the look took %.1fs",
		out.Planted, out.Hosts, out.Found, out.Entries, out.Claimed, out.Unchecked, out.Corrected, stays.Count, out.Detect))
	return nil
}
