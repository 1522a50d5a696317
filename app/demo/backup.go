package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"goodstate.dev/goodstate/app"
	"goodstate.dev/goodstate/backup"
	"goodstate.dev/goodstate/backup/source/pgserver"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/web/api"
)

// BackupOutcome is what came back, measured.
type BackupOutcome struct {
	RowsCompared  int     `json:"rows_compared"`
	RowsLost      int     `json:"rows_lost"` // that are not back as they were the second before
	RowsTooMany   int     `json:"rows_too_many"`
	FilesCompared int     `json:"files_compared"`
	FilesLost     int     `json:"files_lost"`
	Recovery      float64 `json:"recovery_seconds"` // from the order to recover until the rows could be read
	RTO           float64 `json:"rto_seconds"`
	Drill         string  `json:"drill"`   // its verdict
	Runbook       string  `json:"runbook"` // where it is
	Seconds       float64 `json:"seconds"`
	Problem       string  `json:"problem,omitempty"`
}

const backupRTO = 5 * time.Minute

const backupConfiguration = `data: data
server: {listen: none}
services: {}
secrets: {backup: {file: backup.key}, db: {file: db.url}}
backup:
  repositories:
    main: {folder: copies, password: {secret: backup}}
  applications:
    orders:
      source: {postgres_server: {url: {secret: db}}}
      repository: main
      rpo: 5m
      rto: 5m
      checks:
        orders: {command: {run: "psql --no-psqlrc --tuples-only --dbname=\"$GOODSTATE_DATABASE_URL\" --command='SELECT 1/count(*) FROM orders'"}}
    pictures:
      source: {files: {paths: [pictures]}}
      repository: main
      rpo: 5m
      rto: 5m
      checks:
        pictures: {command: {run: "test $(find \"$GOODSTATE_SCRATCH\" -name 'tea*' | wc -l) -ge 200"}}
`

// Backup shows a table that is dropped under load, and that comes back as it was the second before.
func Backup(ctx context.Context, o Options) (out BackupOutcome, err error) {
	began := time.Now()
	out.RTO = backupRTO.Seconds()
	dir, err := os.MkdirTemp("", "goodstate-demo-")
	if err != nil {
		return out, fmt.Errorf("folder of the demo: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // the database server's account passes through
		return out, fmt.Errorf("folder of the demo: %w", err)
	}
	o.Say("a PostgreSQL server of the demo's own with a table of orders, and a folder of pictures")
	server, url, err := shopServer(ctx, filepath.Join(dir, "server"))
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	a, err := shopBackups(ctx, dir, url, o)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	err = showBackup(ctx, a, o, dir, url, &out)
	out.Seconds = time.Since(began).Seconds()
	return out, err
}

func shopServer(ctx context.Context, data string) (*pgserver.Server, string, error) {
	if err := pgserver.Init(ctx, data); err != nil {
		return nil, "", err
	}
	socket, err := pgserver.Socket()
	if err != nil {
		return nil, "", err
	}
	server, err := pgserver.Start(data, socket, 0, map[string]string{"shared_buffers": "32MB"})
	if err != nil {
		return nil, "", errors.Join(err, os.RemoveAll(socket))
	}
	url := pgserver.URL(socket, "goodstate", "postgres")
	if err := server.Ready(ctx, url); err != nil {
		return nil, "", errors.Join(err, server.Stop())
	}
	return server, url, nil
}

func shopBackups(ctx context.Context, dir, url string, o Options) (*app.App, error) {
	path := filepath.Join(dir, app.ConfigName)
	errs := []error{os.WriteFile(path, []byte(backupConfiguration), 0o600), os.WriteFile(filepath.Join(dir, "backup.key"), []byte("a password for a minute"), 0o600), os.WriteFile(filepath.Join(dir, "db.url"), []byte(url), 0o600)}
	errs = append(errs, os.Mkdir(filepath.Join(dir, "pictures"), 0o700))
	for i := range 200 {
		errs = append(errs, os.WriteFile(filepath.Join(dir, "pictures", "tea"+strconv.Itoa(i)), []byte(picture(i)), 0o600))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("configuration of the demo: %w", err)
	}
	conf, err := app.Load(path)
	if err != nil {
		return nil, err
	}
	return app.Open(ctx, app.Options{Config: conf, Base: dir, Self: o.Self, Log: o.Log})
}

func picture(i int) string { return fmt.Sprintf("a picture of teapot %d", i) }

func showBackup(ctx context.Context, a *app.App, o Options, dir, url string, out *BackupOutcome) error {
	c := a.Client()
	if _, err := c.InitRepository(ctx, "main"); err != nil {
		return err
	}
	l, err := sell(ctx, url)
	if err != nil {
		return err
	}
	defer l.end()
	if err := work(ctx, c, o, backup.KindCopy, backup.Request{}, "orders", "pictures"); err != nil {
		return err
	}
	if err := l.more(ctx, 200); err != nil {
		return err
	}
	before, moment, err := l.drop(ctx, url)
	if err != nil {
		return err
	}
	o.Say(fmt.Sprintf("at %s somebody drops the table, with %d orders in it", moment.Local().Format("15:04:05.000"), len(before)))
	if err := work(ctx, c, o, backup.KindCopy, backup.Request{}, "orders"); err != nil {
		return err
	}
	if err := bring(ctx, c, o, dir, before, moment, out); err != nil {
		return err
	}
	if err := files(ctx, c, o, dir, out); err != nil {
		return err
	}
	o.Say(fmt.Sprintf("%d rows compared, %d lost; %d files compared, %d lost; back in %.1fs, want at most %s", out.RowsCompared, out.RowsLost, out.FilesCompared, out.FilesLost, out.Recovery, backupRTO))
	if err := proof(ctx, c, o, url, l, out); err != nil {
		return err
	}
	switch {
	case out.RowsLost+out.RowsTooMany+out.FilesLost > 0:
		return fmt.Errorf("%d rows and %d files are not back, and %d rows are there that were not", out.RowsLost, out.FilesLost, out.RowsTooMany)
	case out.Recovery > out.RTO:
		return fmt.Errorf("it took %.1fs, want at most %s", out.Recovery, backupRTO)
	}
	return nil
}

// bring recovers the server to the moment, and compares every row.
func bring(ctx context.Context, c *api.Client, o Options, dir string, before map[int64]string, moment time.Time, out *BackupOutcome) (err error) {
	back, began := filepath.Join(dir, "back"), time.Now()
	until := moment.UTC().Format(time.RFC3339Nano)
	o.Say("goodstate backup restore orders --until " + until + " --to back")
	if err := work(ctx, c, o, backup.KindRestore, backup.Request{Until: until, Folder: back}, "orders"); err != nil {
		return err
	}
	socket, err := pgserver.Socket()
	if err != nil {
		return err
	}
	server, err := pgserver.Start(back, socket, 0, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	url := pgserver.URL(socket, "goodstate", "postgres")
	if err := server.Ready(ctx, url); err != nil {
		return err
	}
	after, err := allOrders(ctx, url)
	if err != nil {
		return err
	}
	out.Recovery = time.Since(began).Seconds()
	for number, item := range before {
		out.RowsCompared++
		if after[number] != item {
			out.RowsLost++
		}
	}
	for number := range after {
		if _, was := before[number]; !was {
			out.RowsTooMany++
		}
	}
	return nil
}

// files removes the pictures and brings them back.
func files(ctx context.Context, c *api.Client, o Options, dir string, out *BackupOutcome) error {
	if err := os.RemoveAll(filepath.Join(dir, "pictures")); err != nil {
		return fmt.Errorf("pictures of the demo: %w", err)
	}
	o.Say("the pictures are deleted too")
	if err := work(ctx, c, o, backup.KindRestore, backup.Request{InPlace: true}, "pictures"); err != nil {
		return err
	}
	for i := range 200 {
		out.FilesCompared++
		if text, err := os.ReadFile(filepath.Join(dir, "pictures", "tea"+strconv.Itoa(i))); err != nil || string(text) != picture(i) {
			out.FilesLost++
		}
	}
	return nil
}

// proof drills both, and writes the runbook.
func proof(ctx context.Context, c *api.Client, o Options, url string, l *load, out *BackupOutcome) error {
	if err := l.again(ctx, url); err != nil {
		return err
	}
	if err := work(ctx, c, o, backup.KindCopy, backup.Request{}, "orders"); err != nil {
		return err
	}
	for _, name := range []string{"orders", "pictures"} {
		info, err := c.StartBackup(ctx, backup.KindDrill, name, "demo", backup.Request{})
		if err != nil {
			return err
		}
		d, err := followed[backup.Drilled](ctx, c, o, info)
		if err != nil {
			return err
		}
		if !d.Good {
			return fmt.Errorf("the drill of %s: %s", name, d.Why)
		}
		out.Drill += name + ": " + d.Level.String() + ", " + d.Why + "\n"
	}
	book, err := c.Runbook(ctx, "")
	if err != nil {
		return err
	}
	if book.Markdown == "" {
		return errors.New("the runbook is empty")
	}
	out.Runbook = fmt.Sprintf("%d lines, of %d applications", lines(book.Markdown), 2)
	o.Say("the runbook is written from the drills: " + out.Runbook + "; see goodstate backup runbook")
	return nil
}

func lines(text string) (n int) {
	for _, c := range text {
		if c == '\n' {
			n++
		}
	}
	return n
}

// work does one kind of work on applications, and tells what the journal says.
func work(ctx context.Context, c *api.Client, o Options, kind string, q backup.Request, names ...string) error {
	for _, name := range names {
		info, err := c.StartBackup(ctx, kind, name, "demo", q)
		if err != nil {
			return err
		}
		if kind == backup.KindCopy {
			res, err := followed[backup.Result](ctx, c, o, info)
			if err != nil {
				return err
			}
			if res.Failed != "" || !res.Complete {
				return fmt.Errorf("%s was not copied: %s", name, res.Failed)
			}
			continue
		}
		if _, err := followed[any](ctx, c, o, info); err != nil {
			return err
		}
	}
	return nil
}

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

// followed tells what the journal says of a run, and returns its result.
func followed[T any](ctx context.Context, c *api.Client, o Options, info run.Info) (res T, err error) {
	for e, err := range c.Follow(ctx, info.ID, 0) {
		if err != nil {
			return res, err
		}
		if e.Event != "started" {
			o.Say(e.At.Local().Format("15:04:05") + "  " + e.Text)
		}
	}
	r, err := c.Run(ctx, info.ID, time.Minute)
	if err != nil {
		return res, err
	}
	if r.State != run.Succeeded {
		return res, fmt.Errorf("run %s %s: %s", r.ID, r.State, r.Error)
	}
	return res, json.Unmarshal(r.Result, &res)
}
