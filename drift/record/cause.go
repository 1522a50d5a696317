package record

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/store"
	"goodstate.dev/goodstate/drift/state"
)

// Cause is one difference on all hosts that have it.
type Cause struct {
	Cause    string       `json:"cause"`
	Playbook string       `json:"playbook"`
	Task     string       `json:"task"`
	Action   string       `json:"action"`
	Path     string       `json:"path"`
	Line     int          `json:"line"`
	Item     string       `json:"item,omitempty"`
	Diff     string       `json:"diff,omitempty"`
	Count    int          `json:"count"` // of hosts
	Hosts    string       `json:"hosts"` // folded: "web[1-40], db2"
	Few      []string     `json:"-"`     // the hosts by name, where they are few
	States   state.Counts `json:"states"`
	// Since is a bound: it became different after GoodAt (zero: never seen good) and before DiffersAt, on the host that was seen different first.
	GoodAt    time.Time `json:"good_at,omitzero"`
	DiffersAt time.Time `json:"differs_at"`
	// Hint is what the host that was seen different first says of who changed it, and when. It is a guess.
	Hint string `json:"hint,omitempty"`
	// Ignored is why it may stay, until Until; empty: it may not.
	Ignored string    `json:"ignored,omitempty"`
	Until   time.Time `json:"until,omitzero"`
}

// Key tells a cause of a playbook from the same one of another.
func (c *Cause) Key() string { return c.Cause + " " + c.Playbook }

// Causes is a page of what differs now, the one on most hosts first. The first page is after ("", 0); a further one after the Key of the last cause of the page before
// and its Count. An empty playbook is all.
func (b *Book) Causes(ctx context.Context, playbook, after string, count, n int, now time.Time) ([]Cause, error) {
	if after != "" && !strings.Contains(after, " ") {
		after += " \U0010FFFF" // a cause without its playbook: after all of its playbooks
	}
	if count == 0 {
		count = int(^uint32(0) >> 1)
	}
	list, err := read(ctx, b.db, "differences", func(scan func(...any) error) (Cause, error) {
		var c Cause
		var differs int64
		err := scan(&c.Cause, &c.Playbook, &c.Task, &c.Action, &c.Path, &c.Line, &c.Item, &c.Diff, &c.Count, &c.States.Drifted, &c.States.Pending, &c.States.Flapping, &differs)
		c.DiffersAt = moment(differs)
		return c, err
	}, `SELECT r.cause, r.playbook, MIN(r.task), MIN(r.action), MIN(r.path), MIN(r.line), MIN(r.item), MIN(c.diff), COUNT(*),
			SUM(CASE WHEN r.state = 'drifted' THEN 1 ELSE 0 END), SUM(CASE WHEN r.state = 'pending' THEN 1 ELSE 0 END), SUM(CASE WHEN r.state = 'flapping' THEN 1 ELSE 0 END), MIN(r.differs_at)
		FROM drift_resources r JOIN drift_causes c ON c.cause = r.cause WHERE r.cause <> '' AND (? = '' OR r.playbook = ?)
		GROUP BY r.cause, r.playbook HAVING COUNT(*) < ? OR COUNT(*) = ? AND r.cause || ' ' || r.playbook > ? ORDER BY COUNT(*) DESC, r.cause || ' ' || r.playbook LIMIT ?`, playbook, playbook, count, count, after, limit(n))
	if err != nil {
		return nil, err
	}
	for i := range list {
		if err := b.fill(ctx, &list[i], now); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// few hosts are those that a limit can name.
const few = 20

// fill adds the hosts, since when, and whether it is ignored.
func (b *Book) fill(ctx context.Context, c *Cause, now time.Time) error {
	var good int64
	hosts, err := read(ctx, b.db, "hosts of a difference", func(scan func(...any) error) (string, error) {
		var h, hint string
		var at int64
		err := scan(&h, &at, &hint)
		if good == 0 {
			good = at
		}
		if c.Hint == "" && hint != "" {
			c.Hint = h + ": " + hint
		}
		return h, err
	}, `SELECT host, good_at, hint FROM drift_resources WHERE cause = ? AND playbook = ? ORDER BY differs_at, host`, c.Cause, c.Playbook)
	if err != nil {
		return err
	}
	if len(hosts) <= few {
		c.Few = hosts
	}
	c.Hosts, c.GoodAt = state.Fold(hosts), moment(good)
	var until int64
	err = none(b.db.QueryRowContext(ctx, `SELECT reason, until FROM drift_ignored WHERE cause = ? AND playbook = ? AND until > ? ORDER BY until DESC, id DESC LIMIT 1`, c.Cause, c.Playbook, now.UnixMilli()).
		Scan(&c.Ignored, &until))
	if errors.Is(err, ErrNone) {
		return nil
	}
	c.Until = moment(until)
	return err
}

// Ignore lets a difference stay until a time, for a reason. The cause may be shortened to what is unique in the playbook, at least 6 characters.
func (b *Book) Ignore(ctx context.Context, playbook, cause, reason, who string, now, until time.Time) (string, error) {
	switch {
	case strings.TrimSpace(reason) == "":
		return "", errors.New("a difference is ignored for a reason; say it")
	case !until.After(now):
		return "", fmt.Errorf("a difference is ignored for a time: until %s is not after now", until.Format(time.RFC3339))
	case len(cause) < 6:
		return "", fmt.Errorf("difference %q: give at least 6 characters of its name", cause)
	}
	found, err := read(ctx, b.db, "differences", func(scan func(...any) error) (string, error) {
		var s string
		return s, scan(&s)
	}, `SELECT DISTINCT cause FROM drift_resources WHERE playbook = ? AND substr(cause, 1, ?) = ? LIMIT 2`, playbook, len(cause), cause)
	if err != nil {
		return "", err
	}
	if len(found) != 1 {
		return "", fmt.Errorf("difference %q of %s: %d begin with it, want one: %w", cause, playbook, len(found), ErrNone)
	}
	_, err = b.db.ExecContext(ctx, `INSERT INTO drift_ignored (playbook, cause, reason, who, at, until) VALUES (?, ?, ?, ?, ?, ?)`, playbook, found[0], reason, who, now.UnixMilli(), until.UnixMilli())
	return found[0], store.Advise(err)
}
