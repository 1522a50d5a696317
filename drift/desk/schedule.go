package desk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/core/schedule"
)

// Schedule launches a template at its times.
type Schedule struct {
	Project  string    `json:"project"`
	Name     string    `json:"name"`
	Template string    `json:"template"`
	Cron     string    `json:"cron" doc:"five fields, @daily and its like, or @every 15m"`
	Zone     string    `json:"zone,omitempty" doc:"time zone; empty is that of the controller"`
	Check    bool      `json:"check,omitempty" doc:"only look"`
	Off      bool      `json:"off,omitempty"`
	Who      string    `json:"who" doc:"who made it; its runs are in their name"`
	Owner    bool      `json:"owner,omitempty" doc:"it was made by who owns the controller's process, who is no user"`
	Last     time.Time `json:"last,omitzero" doc:"when it was due last, and looked at"`
	Said     string    `json:"said,omitempty" doc:"what came of that: the run, or why there is none"`
}

func (s *Schedule) key() (kind, project, name string) { return kindSchedule, s.Project, s.Name }

func (s *Schedule) valid() error {
	_, err := schedule.Parse(s.Cron, s.Zone)
	return err
}

// Next is when it is due next, after what was last; the zero time: never.
func (s *Schedule) Next() time.Time {
	at, err := schedule.Parse(s.Cron, s.Zone)
	if err != nil || s.Off {
		return time.Time{}
	}
	return at.Next(s.Last)
}

// Times are the next times after a moment at which it is due, in its time zone.
func (s *Schedule) Times(after time.Time, n int) ([]time.Time, error) {
	at, err := schedule.Parse(s.Cron, s.Zone)
	if err != nil {
		return nil, err
	}
	zone, err := schedule.Zone(s.Zone)
	if err != nil {
		return nil, err
	}
	var out []time.Time
	for len(out) < n {
		if after = at.Next(after); after.IsZero() {
			break
		}
		out = append(out, after.In(zone))
	}
	return out, nil
}

// Schedule reads one.
func (d *Desk) Schedule(ctx context.Context, project, name string) (Schedule, error) {
	return find[Schedule](ctx, d, kindSchedule, project, name)
}

// Schedules lists those of a project; an empty project is all.
func (d *Desk) Schedules(ctx context.Context, project string) ([]Schedule, error) {
	return list[Schedule](ctx, d, kindSchedule, project)
}

// PutSchedule adds or changes a schedule. It is due for the first time after now. A template whose survey wants answers cannot have one.
func (d *Desk) PutSchedule(ctx context.Context, who string, s Schedule) error {
	t, err := d.Template(ctx, s.Project, s.Template)
	if err != nil {
		return err
	}
	if _, _, err := answers(t.Survey, nil); err != nil {
		return fmt.Errorf("schedule %s: nobody is there to answer the survey of %s: %w; give its questions defaults", s.Name, t.Name, err)
	}
	p, known := auth.PrincipalFrom(ctx)
	s.Who, s.Owner, s.Last, s.Said = who, known && p.Via == auth.ViaSocket, time.Now(), ""
	if err := d.put(ctx, &s); err != nil {
		return err
	}
	return d.say(ctx, who, "schedule-changed", s.Project, fmt.Sprintf("template %s of project %s is launched at %s", s.Template, s.Project, s.Cron))
}

// RemoveSchedule forgets a schedule.
func (d *Desk) RemoveSchedule(ctx context.Context, who, project, name string) error {
	if err := d.remove(ctx, kindSchedule, project, name); err != nil {
		return err
	}
	return d.say(ctx, who, "schedule-removed", project, "schedule "+name+" of project "+project+" is removed")
}

// Due launches what is due by now. Several times that were missed are made up for once. What cannot be launched says why in its schedule.
func (d *Desk) Due(ctx context.Context, now time.Time) error {
	all, err := d.Schedules(ctx, "")
	if err != nil {
		return err
	}
	var errs []error
	for _, s := range all {
		next := s.Next()
		if next.IsZero() || next.After(now) {
			continue
		}
		// The run's id is made of the time it was due, so that a crash between here and the record launches nothing twice.
		id := fmt.Sprintf("%s-%s-%s-%s", KindPlay, s.Project, s.Name, next.UTC().Format("20060102-150405"))
		info, err := d.launchFor(ctx, s, id, Launch{Project: s.Project, Template: s.Template, Who: s.Who, Why: "schedule " + s.Name, Check: s.Check})
		var taken *run.LeaseError
		switch {
		case errors.As(err, &taken):
			s.Said = "left out: " + err.Error()
		case err != nil:
			s.Said = "not launched: " + err.Error()
		default:
			s.Said = info.ID
		}
		s.Last = now
		errs = append(errs, d.put(ctx, &s))
		if err != nil {
			errs = append(errs, d.say(ctx, s.Who, "schedule-missed", s.Project, "schedule "+s.Name+" "+s.Said))
		}
	}
	return errors.Join(errs...)
}

// launchFor launches what is due if who made the schedule may still launch in the project.
func (d *Desk) launchFor(ctx context.Context, s Schedule, id string, l Launch) (run.Info, error) {
	if !s.Owner {
		if d.RoleOf == nil {
			return run.Info{}, fmt.Errorf("it is not known what %s may do", s.Who)
		}
		role, err := d.RoleOf(ctx, s.Who)
		if err != nil {
			return run.Info{}, fmt.Errorf("who made the schedule: %w; somebody who may launch has to set it again", err)
		}
		if err := d.May(ctx, auth.Principal{Name: s.Who, Role: role}, s.Project, auth.Launch); err != nil {
			return run.Info{}, fmt.Errorf("%w; somebody who may has to set the schedule again", err)
		}
	}
	return d.launch(ctx, id, l)
}
