package audit

import (
	"context"

	"goodstate.dev/goodstate/core/journal"
)

// Source is a log whose entries have numbers that only grow. It is its own spool: what a sink does not have yet is still in it.
type Source interface {
	// After returns at most so many records after a number, in order.
	After(ctx context.Context, seq int64, most int) ([]Record, error)
	// Head is the number of the last entry; 0 of none.
	Head(ctx context.Context) (int64, error)
	// Woken is closed when there may be more.
	Woken() <-chan struct{}
}

// entries is the journal as a source.
type entries struct{ *journal.Journal }

func (j entries) After(ctx context.Context, seq int64, most int) ([]Record, error) {
	list, err := j.List(ctx, journal.Filter{After: seq, Limit: most})
	if err != nil {
		return nil, err
	}
	out := make([]Record, len(list))
	for i, e := range list {
		out[i] = recordOf(e)
	}
	return out, nil
}

func (j entries) Head(ctx context.Context) (int64, error) {
	newest, err := j.List(ctx, journal.Filter{Limit: 1, Newest: true})
	if err != nil || len(newest) == 0 {
		return 0, err
	}
	return newest[0].Seq, nil
}
