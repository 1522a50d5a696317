package migrate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// session is one connection with its time limits, and with the lock of the migrations where something is changed.
type session struct {
	*Database
	conn *sql.Conn
	tx   *sql.Tx // the transaction that is open, if any
	held bool    // tables are locked, and a transaction is begun by the next statement and ended by COMMIT
	plan string
	try  int // how often this plan was begun anew after a way back
}

// how long to wait before a lock is tried again, and how often a statement that waited in vain for one.
const (
	lockPoll = 50 * time.Millisecond
	tries    = 3
)

// session runs f on a connection of its own.
func (d *Database) session(ctx context.Context, change bool, f func(*session) error) error {
	conn, err := d.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect to the database: %w", err)
	}
	defer conn.Close()
	s := &session{Database: d, conn: conn}
	for _, text := range d.engine.settings(d.config) {
		if _, err := conn.ExecContext(ctx, text); err != nil {
			return fmt.Errorf("set the limits of the connection (%s): %w", text, err)
		}
	}
	if !change {
		return f(s)
	}
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if s.engine.unlock(ctx, s) != nil {
			_ = conn.Raw(func(any) error { return errors.New("broken") }) // the lock ends with the connection
		}
	}()
	return f(s)
}

// lock keeps other controllers out. The lock belongs to the connection, so a killed controller leaves none behind.
func (s *session) lock(ctx context.Context) error {
	tick := time.NewTicker(lockPoll)
	defer tick.Stop()
	last := ""
	for {
		holder, err := s.engine.tryLock(ctx, s)
		if err != nil && (ctx.Err() == nil || last == "") {
			return fmt.Errorf("lock the migrations: %w", err)
		}
		if err == nil && holder == "" {
			return nil
		}
		if err != nil {
			holder = last
		}
		last = holder
		select {
		case <-ctx.Done():
			return fmt.Errorf("lock the migrations: %s has the lock and did not let it go in time; let its migration end, or end that session: %w", holder, ctx.Err())
		case <-tick.C:
		}
	}
}

// bind writes ? as the database wants it.
func (s *session) bind(text string) string {
	if s.config.Driver != Postgres {
		return text
	}
	var b strings.Builder
	n := 0
	for _, r := range text {
		if r != '?' {
			b.WriteRune(r)
			continue
		}
		n++
		b.WriteString("$" + strconv.Itoa(n))
	}
	return b.String()
}

// exec runs a statement of ours, in the transaction where one is open. Its ? are parameters only if there are arguments.
func (s *session) exec(ctx context.Context, text string, args ...any) (int64, error) {
	if len(args) > 0 {
		text = s.bind(text)
	}
	var res sql.Result
	var err error
	if s.tx != nil {
		res, err = s.tx.ExecContext(ctx, text, args...)
	} else {
		res, err = s.conn.ExecContext(ctx, text, args...)
	}
	if err != nil {
		return 0, err
	}
	if s.after != nil {
		s.after()
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, fmt.Errorf("count the changed rows: %w", err)
	}
	return n, nil
}

// all runs statements one after the other.
func (s *session) all(ctx context.Context, texts ...string) error {
	for _, text := range texts {
		if _, err := s.exec(ctx, text); err != nil {
			return fmt.Errorf("%s: %w", excerpt(text), err)
		}
	}
	return nil
}

// each calls f with a scanner for each row.
func (s *session) each(ctx context.Context, f func(scan func(...any) error) error, text string, args ...any) error {
	query := s.conn.QueryContext
	if s.tx != nil {
		query = s.tx.QueryContext
	}
	if len(args) > 0 {
		text = s.bind(text)
	}
	rows, err := query(ctx, text, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// one scans the first row; found is false where there is none.
func (s *session) one(ctx context.Context, into []any, text string, args ...any) (found bool, err error) {
	err = s.each(ctx, func(scan func(...any) error) error {
		if found {
			return nil
		}
		found = true
		return scan(into...)
	}, text, args...)
	return found, err
}

func (s *session) count(ctx context.Context, text string, args ...any) (n int64, err error) {
	_, err = s.one(ctx, []any{&n}, text, args...)
	return n, err
}

// strings is the first column of all rows.
func (s *session) strings(ctx context.Context, text string, args ...any) (out []string, err error) {
	err = s.each(ctx, func(scan func(...any) error) error {
		var one string
		err := scan(&one)
		out = append(out, one)
		return err
	}, text, args...)
	return out, err
}

// within runs f in a transaction, or in the one that is open.
func (s *session) within(ctx context.Context, f func() error) (err error) {
	if s.tx != nil {
		return f()
	}
	if s.held {
		if err := f(); err != nil {
			return errors.Join(err, s.all(ctx, "ROLLBACK"))
		}
		return s.all(ctx, "COMMIT")
	}
	if s.tx, err = s.conn.BeginTx(ctx, nil); err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	defer func() { s.tx = nil }()
	if err := f(); err != nil {
		_ = s.tx.Rollback() // the error says why; a connection that is gone has rolled back by itself
		return err
	}
	if err := s.tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// id quotes names for this database.
func (s *session) id(names ...string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = quoteIdent(s.config.Driver, n)
	}
	return strings.Join(out, ", ")
}

func (s *session) name(n Name) string { return quoteName(s.config.Driver, n) }
