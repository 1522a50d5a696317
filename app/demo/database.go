package demo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"goodstate.dev/goodstate/app"
	"goodstate.dev/goodstate/rollout"
	"goodstate.dev/goodstate/rollout/migrate"
)

// DatabaseURL is the variable that names the empty database of the demo, so that no password is an argument.
const DatabaseURL = "GOODSTATE_DEMO_DATABASE"

// DatabaseOutcome is what happened to a release that came with a change of the schema.
type DatabaseOutcome struct {
	Outcome
	Driver         string `json:"driver"`
	SchemaRestored bool   `json:"schema_restored"`
	RowsCompared   int64  `json:"rows_compared"` // orders that customers were told were taken, and rows that were there before
	RowsLost       int64  `json:"rows_lost"`
	Meanwhile      int64  `json:"rows_written_meanwhile"` // while v2 had a share of the traffic
}

const (
	ordersV1 = "-- +goose Up\nCREATE TABLE orders (number BIGINT PRIMARY KEY, item VARCHAR(40) NOT NULL, note VARCHAR(80));\n-- +goose Down\nDROP TABLE orders;\n"
	ordersV2 = "-- +goose Up\nALTER TABLE orders ADD COLUMN currency VARCHAR(3) DEFAULT 'EUR';\nALTER TABLE orders DROP COLUMN note;\n-- +goose Down\nALTER TABLE orders DROP COLUMN currency;\n"
)

// Database shows a release that drops a column and is bad: it goes back with its schema and every row.
func Database(ctx context.Context, driver string, o Options) (out DatabaseOutcome, err error) {
	began := time.Now()
	out.Strategy, out.Driver = "canary", driver
	dir, err := os.MkdirTemp("", "goodstate-demo-")
	if err != nil {
		return out, fmt.Errorf("folder of the demo: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	address, err := databaseAddress(driver, dir)
	if err != nil {
		return out, err
	}
	o.Say("a shop that keeps its orders in " + driver + "; v2 adds a currency, and drops the column with the customers' notes")
	if err := tillRepository(ctx, filepath.Join(dir, "shop")); err != nil {
		return out, err
	}
	listen, err := freeAddress(ctx)
	if err != nil {
		return out, err
	}
	path := filepath.Join(dir, app.ConfigName)
	if err := os.WriteFile(path, []byte(tillConfiguration(driver, listen, o.Self[0])), 0o600); err != nil {
		return out, fmt.Errorf("configuration of the demo: %w", err)
	}
	if err := os.Setenv("TILL_DATABASE", address); err != nil {
		return out, fmt.Errorf("address of the database: %w", err)
	}
	conf, err := app.Load(path)
	if err != nil {
		return out, err
	}
	a, err := app.Open(ctx, app.Options{Config: conf, Base: dir, Self: o.Self, Log: o.Log})
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, tidy(a, dir)) }()
	if err := dashboard(ctx, a, o); err != nil {
		return out, err
	}
	err = showDatabase(ctx, a, o, "http://"+listen, address, &out)
	out.Seconds = time.Since(began).Seconds()
	return out, err
}

func databaseAddress(driver, dir string) (string, error) {
	if _, ok := sqlDrivers[driver]; !ok {
		return "", fmt.Errorf("unknown database %q, want sqlite, postgres or mysql", driver)
	}
	if address := os.Getenv(DatabaseURL); address != "" {
		return address, nil
	}
	if driver == "sqlite" {
		return "file:" + filepath.Join(dir, "orders.db") + "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)", nil
	}
	return "", fmt.Errorf("the demo needs an empty %s database: name it in %s", driver, DatabaseURL)
}

func tillRepository(ctx context.Context, dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, "migrations"), 0o755); err != nil {
		return fmt.Errorf("repository of the demo: %w", err)
	}
	if err := git(ctx, dir, "init", "--quiet", "--initial-branch=main"); err != nil {
		return err
	}
	for _, r := range []struct{ version, subject, file, migration, release string }{
		{"v1", "Take orders", "00001_orders.sql", ordersV1, `{"version": "v1", "notes": true}`},
		{"v2", "Orders have a currency; nobody reads the notes", "00002_currency.sql", ordersV2, `{"version": "v2", "fails": 0.1}`},
	} {
		err := errors.Join(
			os.WriteFile(filepath.Join(dir, "migrations", r.file), []byte(r.migration), 0o600),
			os.WriteFile(filepath.Join(dir, "till.json"), []byte(r.release+"\n"), 0o600))
		if err != nil {
			return fmt.Errorf("repository of the demo: %w", err)
		}
		for _, args := range [][]string{{"add", "."}, {"commit", "--quiet", "-m", r.subject}, {"tag", r.version}} {
			if err := git(ctx, dir, args...); err != nil {
				return err
			}
		}
	}
	return nil
}

func tillConfiguration(driver, listen, self string) string {
	return fmt.Sprintf(`data: data
server: {listen: "127.0.0.1:0"}
secrets: {orders: {env: TILL_DATABASE}}
services:
  shop:
    source: {git: shop}
    run: %s
    env: {TILL_DRIVER: %s, TILL_DATABASE: {secret: orders}}
    instances: 2
    grace: 2s
    health: {http: {url: /healthz, within: 2s}}
    checks:
      orders: {http: {url: /orders, status: 200}}
    migrations: {driver: %s, url: {secret: orders}}
    traffic: {listen: "%s", sticky: none}
    strategy: {canary: {steps: [20%%], hold: 30s}}
    judge: {warmup: 1s, limits: [errors > 30%% for 30s]}
    watch: 5s
    recover: 20s
`, strconv.Quote(self+" demo till"), driver, driver, listen)
}

func showDatabase(ctx context.Context, a *app.App, o Options, shop, address string, out *DatabaseOutcome) error {
	c := a.Client()
	o.Say("release v1, which makes the table of orders")
	customers, leave := context.WithCancel(ctx)
	defer leave()
	var b *buyers
	_, first, err := deploy(ctx, c, o, "v1", func(step string) {
		if b == nil && strings.HasPrefix(step, "judge") {
			b = buy(customers, shop)
		}
	})
	if err != nil {
		return err
	}
	if first.Outcome != rollout.Promoted || b == nil {
		return fmt.Errorf("v1 was not released: %s", first.Why)
	}
	db, err := sql.Open(sqlDrivers[out.Driver], address)
	if err != nil {
		return fmt.Errorf("look at the orders: %w", err)
	}
	defer db.Close()
	before, err := readOrders(ctx, db)
	if err != nil {
		return err
	}
	o.Say(fmt.Sprintf("%d orders are taken; release v2, which fails one order in ten", len(before)))
	id, second, err := deploy(ctx, c, o, "v2", func(string) {})
	out.Run = id
	if err != nil {
		return err
	}
	leave()
	b.wait.Wait()
	out.Requests, out.Failed, out.Lost = int(b.requests.Load()), int(b.failed.Load()), int(b.lost.Load())
	fill(&out.Outcome, second, nil)
	if first := time.Unix(0, b.first.Load()); second.Trigger != nil && b.first.Load() != 0 {
		out.Detected = max(0, second.Trigger.At.Sub(first).Seconds())
	}
	if err := compareOrders(ctx, db, before, b, out); err != nil {
		return err
	}
	out.SchemaRestored = len(second.Schema) == 1 && second.Schema[0].Verdict.String() == "pass"
	o.Say(fmt.Sprintf("%d orders compared row by row, %d of them taken while v2 was out: %d lost; the column note has what was in it", out.RowsCompared, out.Meanwhile, out.RowsLost))
	tell(o, out.Outcome)
	switch {
	case !out.RolledBack || !out.Revalidated || out.Held != "v2":
		return fmt.Errorf("it did not come out as it should: %s", out.Why)
	case !out.SchemaRestored || out.RowsLost > 0:
		return fmt.Errorf("schema restored: %t, %d rows lost", out.SchemaRestored, out.RowsLost)
	case out.Lost > 0:
		return fmt.Errorf("%d requests were lost by switching, want 0", out.Lost)
	}
	return nil
}

// readOrders are all orders with their notes, by number.
func readOrders(ctx context.Context, db *sql.DB) (map[int64]string, error) {
	rows, err := db.QueryContext(ctx, "SELECT number, item, note FROM orders")
	if err != nil {
		return nil, fmt.Errorf("read the orders: %w", err)
	}
	defer rows.Close()
	all := map[int64]string{}
	for rows.Next() {
		var number int64
		var item string
		var note sql.NullString
		if err := rows.Scan(&number, &item, &note); err != nil {
			return nil, fmt.Errorf("read the orders: %w", err)
		}
		all[number] = item + "/" + note.String
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the orders: %w", err)
	}
	return all, nil
}

// compareOrders looks for every order that a customer was told was taken, and for every row as it was before v2.
func compareOrders(ctx context.Context, db *sql.DB, before map[int64]string, b *buyers, out *DatabaseOutcome) error {
	after, err := readOrders(ctx, db)
	if err != nil {
		return err
	}
	for number, was := range before {
		out.RowsCompared++
		if after[number] != was {
			out.RowsLost++
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, number := range b.taken {
		if _, old := before[number]; old {
			continue
		}
		out.RowsCompared++
		out.Meanwhile++
		if _, there := after[number]; !there {
			out.RowsLost++
		}
	}
	return nil
}

// buyers are customers who order again and again, and remember what they were told was taken.
type buyers struct {
	wait                   sync.WaitGroup
	requests, failed, lost atomic.Int64
	first                  atomic.Int64 // when v2 first failed somebody, in nanoseconds
	mu                     sync.Mutex
	taken                  []int64
}

func buy(ctx context.Context, shop string) *buyers {
	b := &buyers{}
	var number atomic.Int64
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 40}}
	for range 20 {
		b.wait.Go(func() {
			tick := time.NewTicker(200 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
					b.order(ctx, client, shop, number.Add(1))
				}
			}
		})
	}
	return b
}

func (b *buyers) order(ctx context.Context, client *http.Client, shop string, number int64) {
	form := url.Values{"number": {strconv.FormatInt(number, 10)}}
	req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodPost, shop+"/order", strings.NewReader(form.Encode()))
	if err != nil {
		return
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := client.Do(req)
	b.requests.Add(1)
	if err != nil {
		b.lost.Add(1)
		return
	}
	release := res.Header.Get("X-Shop")
	_ = res.Body.Close() // its status says all
	switch {
	case release == "":
		b.lost.Add(1)
	case res.StatusCode == http.StatusOK:
		b.mu.Lock()
		b.taken = append(b.taken, number)
		b.mu.Unlock()
	default:
		b.failed.Add(1)
		if release == "v2" {
			b.first.CompareAndSwap(0, time.Now().UnixNano())
		}
	}
}

// Databases are the kinds of database that the demo can show.
func Databases() []string { return []string{migrate.SQLite, migrate.Postgres, migrate.MySQL} }
