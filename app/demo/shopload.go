package demo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// load is a shop that goes on selling.
type load struct {
	stop    context.CancelFunc
	wait    sync.WaitGroup
	sold    atomic.Int64 // numbers that were given out
	mu      sync.Mutex
	failure error
}

const customers = 4

func sell(ctx context.Context, url string) (*load, error) {
	l := &load{}
	return l, l.again(ctx, url)
}

// again makes the table and lets customers buy.
func (l *load) again(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("database of the demo: %w", err)
	}
	_, err = conn.Exec(ctx, "CREATE TABLE orders (number bigint PRIMARY KEY, item text NOT NULL); INSERT INTO orders SELECT n, 'tea ' || md5(n::text) FROM generate_series(1, 100000) n")
	if err = errors.Join(err, conn.Close(ctx)); err != nil {
		return fmt.Errorf("table of the demo: %w", err)
	}
	var custom context.Context
	custom, l.stop = context.WithCancel(ctx)
	for range customers {
		l.wait.Go(func() { l.buy(custom, url) })
	}
	return l.more(ctx, 50)
}

func (l *load) buy(ctx context.Context, url string) {
	conn, err := pgx.Connect(ctx, url)
	if err == nil {
		defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // its orders are taken
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for err == nil {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				_, err = conn.Exec(context.WithoutCancel(ctx), "INSERT INTO orders VALUES ($1, $2)", 100_000+l.sold.Add(1), "tea of a customer")
			}
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failure = errors.Join(l.failure, err)
}

// more waits until so many more orders are taken.
func (l *load) more(ctx context.Context, n int64) error {
	want := l.sold.Load() + n
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for l.sold.Load() < want {
		l.mu.Lock()
		err := l.failure
		l.mu.Unlock()
		if err != nil {
			return fmt.Errorf("customers of the demo: %w", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

func (l *load) end() {
	l.stop()
	l.wait.Wait()
}

// drop reads all orders at a moment, and drops the table after it while customers wait for its lock.
func (l *load) drop(ctx context.Context, url string) (before map[int64]string, moment time.Time, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, moment, fmt.Errorf("database of the demo: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	tx, err := conn.Begin(ctx)
	if err != nil {
		return nil, moment, err
	}
	// Nobody writes from here on, so that what is read is what there is at the moment.
	if _, err := tx.Exec(ctx, "LOCK TABLE orders IN ACCESS EXCLUSIVE MODE"); err != nil {
		return nil, moment, errors.Join(err, tx.Rollback(ctx))
	}
	before, err = readAll(ctx, tx)
	if err == nil {
		err = tx.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&moment)
	}
	if err == nil {
		_, err = tx.Exec(ctx, "DROP TABLE orders")
	}
	if err != nil {
		return nil, moment, errors.Join(err, tx.Rollback(ctx))
	}
	if err := tx.Commit(ctx); err != nil {
		return nil, moment, err
	}
	l.end() // customers meet that there is no table
	l.mu.Lock()
	l.failure = nil
	l.mu.Unlock()
	return before, moment, nil
}

func allOrders(ctx context.Context, url string) (all map[int64]string, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("database that came back: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	return readAll(ctx, conn)
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func readAll(ctx context.Context, q querier) (map[int64]string, error) {
	rows, err := q.Query(ctx, "SELECT number, item FROM orders")
	if err != nil {
		return nil, fmt.Errorf("read the orders: %w", err)
	}
	all := map[int64]string{}
	var number int64
	var item string
	_, err = pgx.ForEachRow(rows, []any{&number, &item}, func() error { all[number] = item; return nil })
	return all, err
}
