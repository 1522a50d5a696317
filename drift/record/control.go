package record

import (
	"context"
	"time"

	"goodstate.dev/goodstate/drift/state"
)

// Control is one task of a playbook on all hosts: what an auditor asks about.
type Control struct {
	Playbook string       `json:"playbook"`
	Task     string       `json:"task"`
	Action   string       `json:"action"`
	Path     string       `json:"path"`
	Line     int          `json:"line"`
	Counts   state.Counts `json:"counts"`          // of its items on hosts
	Oldest   time.Time    `json:"oldest,omitzero"` // the look that is the longest ago; zero: one of them was never looked at
	Newest   time.Time    `json:"newest,omitzero"` // the last look
	Relapses int          `json:"relapses"`        // times it drifted after it was good, on all hosts
}

// Controls are the tasks of a playbook with what is known of them; an empty playbook is all.
func (b *Book) Controls(ctx context.Context, playbook string) ([]Control, error) {
	return read(ctx, b.db, "tasks", func(scan func(...any) error) (Control, error) {
		var c Control
		var oldest, newest int64
		err := scan(&c.Playbook, &c.Path, &c.Line, &c.Task, &c.Action, &c.Counts.Good, &c.Counts.Drifted, &c.Counts.Pending, &c.Counts.Flapping, &c.Counts.Uncheckable, &c.Counts.Unknown,
			&oldest, &newest, &c.Relapses)
		c.Oldest, c.Newest = moment(oldest), moment(newest)
		return c, err
	}, `SELECT playbook, path, line, task, action, SUM(CASE WHEN state = 'good' THEN 1 ELSE 0 END), SUM(CASE WHEN state = 'drifted' THEN 1 ELSE 0 END),
			SUM(CASE WHEN state = 'pending' THEN 1 ELSE 0 END), SUM(CASE WHEN state = 'flapping' THEN 1 ELSE 0 END), SUM(CASE WHEN state = 'uncheckable' THEN 1 ELSE 0 END),
			SUM(CASE WHEN state = '' THEN 1 ELSE 0 END), MIN(seen_at), MAX(seen_at), SUM(relapses)
		FROM drift_resources WHERE ? = '' OR playbook = ? GROUP BY playbook, path, line, task, action ORDER BY playbook, path, line, task`, playbook, playbook)
}
