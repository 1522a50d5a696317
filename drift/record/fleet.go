package record

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"goodstate.dev/goodstate/core/store"
	"goodstate.dev/goodstate/drift/state"
)

// most is how many rows a page has at most, whatever is asked for.
const most = 500

func limit(n int) int {
	if n < 1 || n > most {
		return most
	}
	return n
}

// HostRow is a host under one playbook.
type HostRow struct {
	Host     string       `json:"host"`
	Playbook string       `json:"playbook"`
	Run      string       `json:"run"`
	State    state.State  `json:"state"`
	Counts   state.Counts `json:"counts"`
	Coverage int          `json:"coverage"` // percent of its resources that could be looked at
	SeenAt   time.Time    `json:"seen_at,omitzero"`
	TriedAt  time.Time    `json:"tried_at"`
	Trouble  string       `json:"trouble,omitempty"` // why it was not gone through the last time; the counts are then older
}

// verdict of a host: who was not gone through is not good.
func verdict(c state.Counts, trouble string) state.State {
	v := c.Verdict()
	if trouble != "" && (v == state.Good || v == state.Uncheckable) {
		return state.Unknown
	}
	return v
}

const hostColumns = `host, playbook, run, seen_at, tried_at, trouble, good, drifted, pending, flapping, uncheckable, unknown`

func scanHost(scan func(...any) error) (HostRow, error) {
	var h HostRow
	var seen, tried int64
	err := scan(&h.Host, &h.Playbook, &h.Run, &seen, &tried, &h.Trouble, &h.Counts.Good, &h.Counts.Drifted, &h.Counts.Pending, &h.Counts.Flapping, &h.Counts.Uncheckable, &h.Counts.Unknown)
	h.SeenAt, h.TriedAt = moment(seen), moment(tried)
	h.State, h.Coverage = verdict(h.Counts, h.Trouble), h.Counts.Coverage()
	return h, err
}

// Fleet is the whole at a glance.
type Fleet struct {
	Hosts     map[state.State]int `json:"hosts"` // by the worst that is known of them; under several playbooks a host counts for each
	Resources state.Counts        `json:"resources"`
	Coverage  int                 `json:"coverage"`
}

// Fleet counts hosts and resources of a playbook; an empty name is all of them.
func (b *Book) Fleet(ctx context.Context, playbook string) (Fleet, error) {
	f := Fleet{Hosts: map[state.State]int{}}
	// Hosts whose verdict is equal are counted by the database, so that nothing grows with the fleet.
	_, err := read(ctx, b.db, "the fleet", func(scan func(...any) error) (int, error) {
		var flapping, drifted, pending, unknown, good, uncheckable, trouble, n int
		var c state.Counts
		if err := scan(&flapping, &drifted, &pending, &unknown, &good, &uncheckable, &trouble, &n, &c.Good, &c.Drifted, &c.Pending, &c.Flapping, &c.Uncheckable, &c.Unknown); err != nil {
			return 0, err
		}
		f.Resources.Plus(c)
		word := ""
		if trouble == 1 {
			word = "trouble"
		}
		f.Hosts[verdict(state.Counts{Flapping: flapping, Drifted: drifted, Pending: pending, Unknown: unknown, Good: good, Uncheckable: uncheckable}, word)] += n
		return n, nil
	}, `SELECT flapping > 0, drifted > 0, pending > 0, unknown > 0, good > 0, uncheckable > 0, trouble <> '', COUNT(*),
			SUM(good), SUM(drifted), SUM(pending), SUM(flapping), SUM(uncheckable), SUM(unknown)
		FROM drift_hosts WHERE ? = '' OR playbook = ? GROUP BY 1, 2, 3, 4, 5, 6, 7`, playbook, playbook)
	f.Coverage = f.Resources.Coverage()
	return f, err
}

// Hosts is a page of hosts by name, after the host and playbook that the page before ended with.
func (b *Book) Hosts(ctx context.Context, playbook, afterHost, afterPlaybook string, n int) ([]HostRow, error) {
	return read(ctx, b.db, "hosts", scanHost, `SELECT `+hostColumns+` FROM drift_hosts WHERE (? = '' OR playbook = ?) AND (host > ? OR host = ? AND playbook > ?)
		ORDER BY host, playbook LIMIT ?`, playbook, playbook, afterHost, afterHost, afterPlaybook, limit(n))
}

// Host is all that playbooks say of one host.
func (b *Book) Host(ctx context.Context, host string) ([]HostRow, error) {
	return read(ctx, b.db, "host "+host, scanHost, `SELECT `+hostColumns+` FROM drift_hosts WHERE host = ? ORDER BY playbook`, host)
}

// Point is one run in a trend.
type Point struct {
	Run    string       `json:"run"`
	At     time.Time    `json:"at"`
	Counts state.Counts `json:"counts"`
}

// Trend is the last runs of a playbook that have ended, the oldest first.
func (b *Book) Trend(ctx context.Context, playbook string, n int) ([]Point, error) {
	return read(ctx, b.db, "the trend of "+playbook, func(scan func(...any) error) (Point, error) {
		var p Point
		var at int64
		err := scan(&p.Run, &at, &p.Counts.Good, &p.Counts.Drifted, &p.Counts.Pending, &p.Counts.Flapping, &p.Counts.Uncheckable, &p.Counts.Unknown)
		p.At = moment(at)
		return p, err
	}, `SELECT id, ended_at, good, drifted, pending, flapping, uncheckable, unknown FROM (SELECT * FROM drift_runs WHERE playbook = ? AND ended_at > 0 ORDER BY seq DESC LIMIT ?) AS last
		ORDER BY seq`, playbook, limit(n))
}

// ErrNone says that there is no such row.
var ErrNone = errors.New("not in the record")

func none(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNone
	}
	return store.Advise(err)
}
