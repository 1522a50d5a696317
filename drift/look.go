package drift

import (
	"context"
	"fmt"
	"time"

	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/drift/policy"
	"goodstate.dev/goodstate/drift/record"
	"goodstate.dev/goodstate/drift/state"
)

// looked is what came of one shard.
type looked struct {
	Hosts int `json:"hosts"`
	Left  int `json:"left,omitempty"`
}

// detect is a run that only looks.
func (d *Drift) detect(r *run.Run, o Order) (Result, error) {
	out, err := d.survey(r, o, record.Detect)
	return d.end(r, o, out, err)
}

// survey looks at all hosts of the playbook, shard after shard.
func (d *Drift) survey(r *run.Run, o Order, mode record.Mode) (out Result, err error) {
	p, err := d.plan(r, o, mode)
	if err != nil {
		return out, err
	}
	return d.surveyed(r, o, mode, p)
}

func (d *Drift) surveyed(r *run.Run, o Order, mode record.Mode, p planned) (out Result, err error) {
	out.Commit = p.From.Commit
	all := p.hosts()
	for i, shard := range p.Shards {
		l, err := d.look(r, o, mode, p.From, shard, fmt.Sprintf("look %d", i+1))
		if err != nil {
			return out, err
		}
		out.Hosts += l.Hosts
		out.Left += l.Left
		r.Note(fmt.Sprintf("looked at %d of %s", out.Hosts+out.Left, counted(all, "host")))
	}
	if err := d.hint(r, o, p.From); err != nil {
		return out, err
	}
	return out, d.told(r, o, &out)
}

// look is the step that looks at one shard.
func (d *Drift) look(r *run.Run, o Order, mode record.Mode, from source, shard []host, name string) (looked, error) {
	return run.Step(r, name, func(ctx context.Context) (out looked, err error) {
		p, err := d.play(ctx, o, from)
		if err != nil {
			return out, err
		}
		defer func() { _ = p.close() }() // an error of it changes nothing about what was seen
		free, left, err := d.take(ctx, r, p.conf, shard)
		if err != nil {
			return out, err
		}
		if err := d.Book.LeaveOut(ctx, r.ID(), o.Playbook, left, time.Now()); err != nil {
			return out, err
		}
		if len(left) > 0 {
			if err := r.Journal(ctx, "drift-left-out", "not looked at: "+whoHolds(left), nil); err != nil {
				return out, err
			}
		}
		out.Left = len(left)
		if len(free) == 0 {
			return out, nil
		}
		if err := d.Book.Forget(ctx, r.ID(), names(free)); err != nil { // an earlier try was interrupted
			return out, err
		}
		rec, err := d.record(ctx, p, r.ID(), r.Who(), r.Why(), mode, false)
		if err != nil {
			return out, err
		}
		if err := carry(ctx, p, rec, names(free), true, nil); err != nil {
			return out, err
		}
		out.Hosts = len(free)
		return out, d.Book.Release(ctx, r.ID())
	})
}

// told is the step that lets differences stay as goodstate.yaml says, and tells people of what is new.
func (d *Drift) told(r *run.Run, o Order, out *Result) error {
	n, err := run.Step(r, "tell", func(ctx context.Context) (int, error) {
		conf, err := d.playbook(o.Playbook)
		if err != nil {
			return 0, err
		}
		info, err := d.Book.Run(ctx, r.ID())
		if err != nil {
			return 0, err
		}
		all, err := d.differences(ctx, conf, o.Playbook, r.ID(), time.Now())
		if err != nil {
			return 0, err
		}
		open, fresh := 0, map[string][]record.Difference{}
		for _, one := range all {
			if one.Ignored != "" {
				continue
			}
			open++
			if !one.DiffersAt.Before(info.Started) {
				fresh[one.Cause] = append(fresh[one.Cause], one)
			}
		}
		return open, d.tellFound(ctx, r, o.Playbook, fresh)
	})
	out.Differing = n
	return err
}

// differences are those that the run saw, with what goodstate.yaml lets stay marked as ignored, here and in the record.
func (d *Drift) differences(ctx context.Context, conf Playbook, name, id string, now time.Time) ([]record.Difference, error) {
	all, err := d.Book.Differences(ctx, name, id, now)
	if err != nil {
		return nil, err
	}
	for i := range all {
		one := &all[i]
		entry, ok := policy.Ignored(conf.Ignore, subject(*one), now)
		if !ok {
			continue
		}
		one.Ignored = entry.Reason
		if err := d.Book.IgnoreByConfiguration(ctx, name, one.Cause, entry.Reason, now, entry.End()); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// subject is a difference as rules see it.
func subject(d record.Difference) policy.Subject {
	return policy.Subject{Play: d.Play, Task: d.Task, File: d.Path, Path: onHost(d.About), Tags: d.Tags}
}

// onHost is a path that a task is about; what is no path is none.
func onHost(about string) string {
	if about != "" && about[0] == '/' {
		return about
	}
	return ""
}

// end gives the run its end in the record, and its result.
func (d *Drift) end(r *run.Run, o Order, out Result, failure error) (Result, error) {
	ended, err := run.Step(r, "end", func(ctx context.Context) (Result, error) {
		text := out.Stopped
		if failure != nil {
			text = failure.Error()
		}
		if err := d.Book.End(ctx, r.ID(), text, time.Now()); err != nil {
			return out, err
		}
		info, err := d.Book.Run(ctx, r.ID())
		if err != nil {
			return out, err
		}
		out.Unreached = info.Unreached
		return out, r.Journal(ctx, "drift-ended", sentence(o.Playbook, out, info.Counts), out)
	})
	if failure != nil {
		return out, failure
	}
	return ended, err
}

// sentence is the result in words.
func sentence(playbook string, out Result, c state.Counts) string {
	text := fmt.Sprintf("playbook %s: %s looked at, %s", playbook, counted(out.Hosts, "host"), counted(c.Differing(), "resource differs"))
	if c.Differing() != 1 {
		text = fmt.Sprintf("playbook %s: %s looked at, %d resources differ", playbook, counted(out.Hosts, "host"), c.Differing())
	}
	for _, part := range []struct {
		n    int
		word string
	}{{out.Corrected, "corrected"}, {out.Failed, "not corrected"}, {out.Unknown, "of which it is not known"}, {out.Left, "held by others"}, {out.Unreached, "not gone through"}} {
		if part.n > 0 {
			text += fmt.Sprintf(", %s %s", counted(part.n, "host"), part.word)
		}
	}
	if out.Asked > 0 {
		text += fmt.Sprintf(", %s waiting for an approver", counted(out.Asked, "correction"))
	}
	if out.Stopped != "" {
		text += "; stopped: " + out.Stopped
	}
	return text
}
