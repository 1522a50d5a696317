package record

import (
	"context"
	"fmt"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/store"
	"goodstate.dev/goodstate/drift/state"
)

// Difference is a resource that differs, as far as it is decided upon.
type Difference struct {
	ID, Host, Play, Task, Item, Path, About string
	Line                                    int
	Tags                                    []string
	Cause                                   string
	State                                   state.State
	DiffersAt, GoodAt                       time.Time
	Ignored                                 string // why it may stay
	Hint                                    string
}

// Differences are the resources of a playbook that differed when a run looked at them last, by host.
func (b *Book) Differences(ctx context.Context, playbook, run string, now time.Time) ([]Difference, error) {
	return read(ctx, b.db, "differences of "+playbook, func(scan func(...any) error) (Difference, error) {
		var d Difference
		var tags string
		var differs, good int64
		err := scan(&d.ID, &d.Host, &d.Play, &d.Task, &d.Item, &d.Path, &d.Line, &d.About, &tags, &d.Cause, &d.State, &differs, &good, &d.Ignored, &d.Hint)
		d.DiffersAt, d.GoodAt = moment(differs), moment(good)
		if tags = strings.Trim(tags, ","); tags != "" {
			d.Tags = strings.Split(tags, ",")
		}
		return d, err
	}, `SELECT r.id, r.host, r.play, r.task, r.item, r.path, r.line, r.about, r.tags, r.cause, r.state, r.differs_at, r.good_at,
			COALESCE((SELECT MAX(i.reason) FROM drift_ignored i WHERE i.playbook = r.playbook AND i.cause = r.cause AND i.until > ?), ''), r.hint
		FROM drift_resources r WHERE r.playbook = ? AND r.run = ? AND r.cause <> '' ORDER BY r.host, r.path, r.line, r.id`, now.UnixMilli(), playbook, run)
}

// byConfiguration is who ignores what goodstate.yaml lets stay.
const byConfiguration = "goodstate.yaml"

// IgnoreByConfiguration lets a difference stay as goodstate.yaml says, in the same list as those that people let stay.
func (b *Book) IgnoreByConfiguration(ctx context.Context, playbook, cause, reason string, now, until time.Time) error {
	_, err := b.db.ExecContext(ctx, `INSERT INTO drift_ignored (playbook, cause, reason, who, at, until) SELECT ?, ?, ?, ?, ?, ?
		WHERE NOT EXISTS (SELECT 1 FROM drift_ignored WHERE playbook = ? AND cause = ? AND who = ? AND reason = ? AND until = ?)`,
		playbook, cause, reason, byConfiguration, now.UnixMilli(), until.UnixMilli(), playbook, cause, byConfiguration, reason, until.UnixMilli())
	return store.Advise(err)
}

// ForgetConfigured takes back what goodstate.yaml let stay, before it is said anew.
func (b *Book) ForgetConfigured(ctx context.Context, playbook string) error {
	_, err := b.db.ExecContext(ctx, `DELETE FROM drift_ignored WHERE playbook = ? AND who = ?`, playbook, byConfiguration)
	return store.Advise(err)
}

// Forget removes the results of hosts in a run, before a look that was interrupted is done again.
func (b *Book) Forget(ctx context.Context, run string, hosts []string) error {
	const many = 200
	for len(hosts) > 0 {
		n := min(many, len(hosts))
		args := []any{run}
		for _, h := range hosts[:n] {
			args = append(args, h)
		}
		if _, err := b.db.ExecContext(ctx, `DELETE FROM drift_results WHERE run = ? AND acted = 0 AND host IN (?`+strings.Repeat(", ?", n-1)+`)`, args...); err != nil {
			return store.Advise(fmt.Errorf("forget the results of a look that was interrupted: %w", err))
		}
		hosts = hosts[n:]
	}
	return nil
}

// Open are runs that have no end in the record although nobody carries them out any more, with how they ended.
func (b *Book) Open(ctx context.Context) (ended map[string]string, err error) {
	ended = map[string]string{}
	_, err = read(ctx, b.db, "runs without an end", func(scan func(...any) error) (string, error) {
		var id, how string
		err := scan(&id, &how)
		ended[id] = how
		return id, err
	}, `SELECT d.id, CASE WHEN r.error <> '' THEN r.error ELSE r.state END FROM drift_runs d JOIN runs r ON r.id = d.id WHERE d.ended_at = 0 AND r.state <> 'running'`)
	return ended, err
}

// Troubles say by host why it was not gone through the last time.
func (b *Book) Troubles(ctx context.Context, playbook string) (map[string]string, error) {
	out := map[string]string{}
	_, err := read(ctx, b.db, "hosts that were not gone through", func(scan func(...any) error) (string, error) {
		var host, why string
		err := scan(&host, &why)
		out[host] = why
		return host, err
	}, `SELECT host, trouble FROM drift_hosts WHERE playbook = ? AND trouble <> ''`, playbook)
	return out, err
}

// LeaveOut notes hosts that a run did not look at, with who holds them: they are not taken for good.
func (b *Book) LeaveOut(ctx context.Context, run, playbook string, left map[string]string, now time.Time) error {
	for host, who := range left {
		_, err := b.db.ExecContext(ctx, `INSERT INTO drift_hosts (host, playbook, run, seen_at, tried_at, trouble, good, drifted, pending, flapping, uncheckable, unknown)
			VALUES (?, ?, ?, 0, ?, ?, 0, 0, 0, 0, 0, 0) ON CONFLICT (host, playbook) DO UPDATE SET run = excluded.run, tried_at = excluded.tried_at, trouble = excluded.trouble`,
			host, playbook, run, now.UnixMilli(), "left out: held by "+who)
		if err != nil {
			return store.Advise(fmt.Errorf("note that %s is left out: %w", host, err))
		}
	}
	return nil
}

// SetHint notes what is guessed about who changed a resource, and when.
func (b *Book) SetHint(ctx context.Context, playbook, host, id, hint string) error {
	_, err := b.db.ExecContext(ctx, `UPDATE drift_resources SET hint = ? WHERE playbook = ? AND host = ? AND id = ? AND cause <> ''`, hint, playbook, host, id)
	return store.Advise(err)
}

// OnlyHosts forgets what is known of other hosts under a playbook: they are no longer in its inventory. Their time lines stay.
func (b *Book) OnlyHosts(ctx context.Context, playbook string, hosts map[string]bool) (gone []string, err error) {
	known, err := read(ctx, b.db, "hosts of "+playbook, func(scan func(...any) error) (string, error) {
		var h string
		return h, scan(&h)
	}, `SELECT host FROM drift_hosts WHERE playbook = ? ORDER BY host`, playbook)
	if err != nil {
		return nil, err
	}
	for _, h := range known {
		if hosts[h] {
			continue
		}
		gone = append(gone, h)
		for _, table := range []string{"drift_resources", "drift_hosts"} {
			if _, err := b.db.ExecContext(ctx, `DELETE FROM `+table+` WHERE playbook = ? AND host = ?`, playbook, h); err != nil {
				return nil, store.Advise(fmt.Errorf("forget host %s: %w", h, err))
			}
		}
	}
	return gone, nil
}
