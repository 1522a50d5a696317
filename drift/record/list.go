package record

import (
	"context"
	"fmt"
	"strings"
	"time"

	"goodstate.dev/goodstate/drift/state"
)

// Resource is a task for an item on a host.
type Resource struct {
	ID, Host, Playbook, Play, Role, Task, Action, Path, Item, Run string
	Line                                                          int
	Diff                                                          string
	Tags                                                          []string
	state.Resource
}

// Resources is a page of a host's resources, after the id that the page before ended with.
func (b *Book) Resources(ctx context.Context, host, playbook, after string, n int) ([]Resource, error) {
	return read(ctx, b.db, "resources of "+host, func(scan func(...any) error) (Resource, error) {
		var r Resource
		var tags string
		var good, differs, corrected, seen int64
		err := scan(&r.ID, &r.Host, &r.Playbook, &r.Play, &r.Role, &r.Task, &r.Action, &r.Path, &r.Line, &r.Item, &r.Run, &r.State, &r.Reason, &r.Cause, &r.Fingerprint, &r.GoodFingerprint,
			&good, &differs, &corrected, &seen, &r.Unheld, &r.Relapses, &r.Diff, &tags)
		if tags = strings.Trim(tags, ","); tags != "" {
			r.Tags = strings.Split(tags, ",")
		}
		r.GoodAt, r.DiffersAt, r.CorrectedAt, r.SeenAt = moment(good), moment(differs), moment(corrected), moment(seen)
		return r, err
	}, `SELECT r.id, r.host, r.playbook, r.play, r.role, r.task, r.action, r.path, r.line, r.item, r.run, r.state, r.reason, r.cause, r.fingerprint, r.good_fingerprint,
			r.good_at, r.differs_at, r.corrected_at, r.seen_at, r.unheld, r.relapses, COALESCE(c.diff, ''), r.tags
		FROM drift_resources r LEFT JOIN drift_causes c ON c.cause = r.cause WHERE r.host = ? AND r.playbook = ? AND r.id > ? ORDER BY r.id LIMIT ?`, host, playbook, after, limit(n))
}

// Change is one entry of a host's time line.
type Change struct {
	Seq      int64       `json:"seq"`
	At       time.Time   `json:"at"`
	Run      string      `json:"run"`
	Host     string      `json:"host"`
	Playbook string      `json:"playbook"`
	Task     string      `json:"task"`
	Item     string      `json:"item,omitempty"`
	Before   state.State `json:"before"`
	After    state.State `json:"after"`
	Cause    string      `json:"cause,omitempty"`
}

// Changes is a page of a host's time line, the newest first, before the seq that the page before ended with; 0 begins.
func (b *Book) Changes(ctx context.Context, host string, before int64, n int) ([]Change, error) {
	return read(ctx, b.db, "the time line of "+host, func(scan func(...any) error) (Change, error) {
		var c Change
		var at int64
		err := scan(&c.Seq, &at, &c.Run, &c.Host, &c.Playbook, &c.Task, &c.Item, &c.Before, &c.After, &c.Cause)
		c.At = moment(at)
		return c, err
	}, `SELECT seq, at, run, host, playbook, task, item, before, after, cause FROM drift_changes WHERE host = ? AND (? = 0 OR seq < ?) ORDER BY seq DESC LIMIT ?`, host, before, before, limit(n))
}

// Run is a run that detects or corrects.
type Run struct {
	Seq       int64        `json:"seq"`
	ID        string       `json:"id"`
	Playbook  string       `json:"playbook"`
	Mode      Mode         `json:"mode"`
	Who       string       `json:"who"`
	Why       string       `json:"why,omitempty"`
	Started   time.Time    `json:"started"`
	Ended     time.Time    `json:"ended,omitzero"` // zero: it has not come to its end
	Error     string       `json:"error,omitempty"`
	Hosts     int          `json:"hosts"`
	Unreached int          `json:"unreached"` // hosts that were not gone through
	Counts    state.Counts `json:"counts"`
	Corrected int          `json:"corrected"`
}

const runColumns = `seq, id, playbook, mode, who, why, started_at, ended_at, error, hosts, unreached, good, drifted, pending, flapping, uncheckable, unknown, corrected`

func scanRun(scan func(...any) error) (Run, error) {
	var r Run
	var started, ended int64
	err := scan(&r.Seq, &r.ID, &r.Playbook, &r.Mode, &r.Who, &r.Why, &started, &ended, &r.Error, &r.Hosts, &r.Unreached, &r.Counts.Good, &r.Counts.Drifted, &r.Counts.Pending,
		&r.Counts.Flapping, &r.Counts.Uncheckable, &r.Counts.Unknown, &r.Corrected)
	r.Started, r.Ended = moment(started), moment(ended)
	return r, err
}

// Runs is a page of runs, the newest first, before the seq that the page before ended with; 0 begins. An empty playbook is all.
func (b *Book) Runs(ctx context.Context, playbook string, before int64, n int) ([]Run, error) {
	return read(ctx, b.db, "runs", scanRun, `SELECT `+runColumns+` FROM drift_runs WHERE (? = '' OR playbook = ?) AND (? = 0 OR seq < ?) ORDER BY seq DESC LIMIT ?`,
		playbook, playbook, before, before, limit(n))
}

// Run is one of them; ErrNone if there is none.
func (b *Book) Run(ctx context.Context, id string) (Run, error) {
	r, err := scanRun(b.db.QueryRowContext(ctx, `SELECT `+runColumns+` FROM drift_runs WHERE id = ?`, id).Scan)
	if err = none(err); err != nil {
		return r, fmt.Errorf("run %s: %w", id, err)
	}
	return r, nil
}

// Result is what a task said on a host.
type Result struct {
	Seq     int64     `json:"seq"`
	At      time.Time `json:"at"`
	Host    string    `json:"host"`
	Play    string    `json:"play"`
	Task    string    `json:"task"`
	Action  string    `json:"action"`
	Item    string    `json:"item,omitempty"`
	Outcome string    `json:"outcome"` // ok, changed, failed, ignored, skipped, uncheckable, unreachable
	Text    string    `json:"text,omitempty"`
	Diff    string    `json:"diff,omitempty"`
}

// Filter narrows results; empty fields do not.
type Filter struct {
	Host, Outcome string
	Text          string // is somewhere in the host, task, item or text, in whatever case
}

// Results is a page of a run's results in the order in which they came, after the seq that the page before ended with; who follows a run asks again with the
// last seq that it has.
func (b *Book) Results(ctx context.Context, run string, f Filter, after int64, n int) ([]Result, error) {
	like := ""
	if f.Text != "" {
		like = "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(strings.ToLower(f.Text)) + "%"
	}
	return read(ctx, b.db, "results of run "+run, func(scan func(...any) error) (Result, error) {
		var r Result
		var at int64
		err := scan(&r.Seq, &at, &r.Host, &r.Play, &r.Task, &r.Action, &r.Item, &r.Outcome, &r.Text, &r.Diff)
		r.At = moment(at)
		return r, err
	}, `SELECT r.seq, r.at, r.host, r.play, r.task, r.action, r.item, r.outcome, r.text, COALESCE(c.diff, '') FROM drift_results r LEFT JOIN drift_causes c ON c.cause = r.cause
		WHERE r.run = ? AND r.seq > ? AND (? = '' OR r.host = ?) AND (? = '' OR r.outcome = ?)
			AND (? = '' OR LOWER(r.host) LIKE ? ESCAPE '\' OR LOWER(r.task) LIKE ? ESCAPE '\' OR LOWER(r.item) LIKE ? ESCAPE '\' OR LOWER(r.text) LIKE ? ESCAPE '\')
		ORDER BY r.seq LIMIT ?`, run, after, f.Host, f.Host, f.Outcome, f.Outcome, like, like, like, like, like, limit(n))
}
