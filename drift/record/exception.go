package record

import (
	"context"
	"time"
)

// Exception is a difference that somebody has let stay, now or once.
type Exception struct {
	Playbook string    `json:"playbook"`
	Cause    string    `json:"cause"`
	Task     string    `json:"task,omitempty"` // empty: nothing differs in this way any more
	Reason   string    `json:"reason"`
	Who      string    `json:"who"`
	At       time.Time `json:"at"`
	Until    time.Time `json:"until"`
}

// Exceptions are all that were ever made for a playbook, the newest first; an empty name is all playbooks.
func (b *Book) Exceptions(ctx context.Context, playbook string) ([]Exception, error) {
	return read(ctx, b.db, "exceptions", func(scan func(...any) error) (Exception, error) {
		var e Exception
		var at, until int64
		err := scan(&e.Playbook, &e.Cause, &e.Task, &e.Reason, &e.Who, &at, &until)
		e.At, e.Until = moment(at), moment(until)
		return e, err
	}, `SELECT i.playbook, i.cause, COALESCE((SELECT MIN(r.task) FROM drift_resources r WHERE r.cause = i.cause AND r.playbook = i.playbook), ''), i.reason, i.who, i.at, i.until
		FROM drift_ignored i WHERE ? = '' OR i.playbook = ? ORDER BY i.at DESC, i.id DESC`, playbook, playbook)
}
