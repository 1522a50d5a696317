// Package desk keeps projects of playbooks with their inventories, credentials, templates and schedules, and launches them as durable
// runs. It must never give a credential's value to anybody but the connection that needs it.
package desk

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/core/secret"
	"goodstate.dev/goodstate/core/store"
	"goodstate.dev/goodstate/drift/record"
)

// KindPlay is the kind of runs that carry a template out.
const KindPlay = "play"

// Options are the parts that the desk stands on.
type Options struct {
	Store   *store.Store
	Engine  *run.Engine
	Journal *journal.Journal
	Log     *slog.Logger
	// RoleOf is what a user is everywhere, now; schedules launch only what their maker may launch. Nil knows nobody.
	RoleOf func(ctx context.Context, user string) (auth.Role, error)
}

// Desk knows the projects of one data directory.
type Desk struct {
	Options
	box   *secret.Box
	seen  *record.Book // what runs saw of hosts
	dir   string
	pulls sync.Mutex // one pull or checkout at a time: they share clones
}

// New registers the kind of runs. The engine is launched by the caller afterwards.
func New(o Options) (*Desk, error) {
	dir := filepath.Join(o.Store.Dir(), "desk")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("folder of projects: %w", err)
	}
	box, err := secret.OpenBox(filepath.Join(o.Store.Dir(), "desk.key"))
	if err != nil {
		return nil, err
	}
	seen, err := record.Open(o.Store)
	if err != nil {
		return nil, err
	}
	d := &Desk{Options: o, box: box, seen: seen, dir: dir}
	if err := d.sweep(); err != nil {
		return nil, err
	}
	run.Register(o.Engine, KindPlay, d.play)
	return d, nil
}

// ForbiddenError says that somebody may not do something in a project.
type ForbiddenError struct {
	Who     string
	Role    auth.Role
	Action  auth.Action
	Project string
}

// Error names the role that is not enough.
func (e *ForbiddenError) Error() string {
	return fmt.Sprintf("%s is %s in project %s and may not %s there", e.Who, e.Role, e.Project, e.Action)
}

// Role is what somebody is in a project: what the project says of them, else what they are everywhere. An admin is one everywhere.
func (d *Desk) Role(ctx context.Context, p auth.Principal, project string) (auth.Role, error) {
	if p.Role == auth.Admin {
		return auth.Admin, nil
	}
	pr, err := d.Project(ctx, project)
	if err != nil {
		return "", err
	}
	if role, ok := pr.Roles[p.Name]; ok {
		return role, nil
	}
	return p.Role, nil
}

// May returns a *ForbiddenError when somebody may not do something in a project.
func (d *Desk) May(ctx context.Context, p auth.Principal, project string, action auth.Action) error {
	role, err := d.Role(ctx, p, project)
	if err != nil {
		return err
	}
	if !auth.Can(role, action) {
		return &ForbiddenError{Who: p.Name, Role: role, Action: action, Project: project}
	}
	return nil
}

// say journals what was done to the desk.
func (d *Desk) say(ctx context.Context, who, event, project, text string) error {
	_, err := d.Journal.Append(ctx, journal.Entry{Event: event, Target: "project/" + project, Actor: who, Text: text})
	return err
}

// clockTick is how often it is looked what is due.
const clockTick = 5 * time.Second

// Clock launches what schedules say, until ctx ends.
func (d *Desk) Clock(ctx context.Context) {
	tick := time.NewTicker(clockTick)
	defer tick.Stop()
	for {
		if err := d.Due(ctx, time.Now()); err != nil && ctx.Err() == nil {
			d.Log.WarnContext(ctx, "schedules of playbooks", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// MayRun is May for launching, in the project of a run.
func (d *Desk) MayRun(ctx context.Context, p auth.Principal, id string) error {
	info, err := d.Engine.Get(ctx, id)
	if err != nil {
		return err
	}
	o, err := OrderOf(info)
	if err != nil {
		return err
	}
	return d.May(ctx, p, o.Template.Project, auth.Launch)
}
