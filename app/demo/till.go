package demo

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"time"

	_ "github.com/go-sql-driver/mysql" // driver mysql
	_ "github.com/jackc/pgx/v5/stdlib" // driver pgx
	_ "modernc.org/sqlite"             // driver sqlite
)

// tillRelease is what a release of the shop with a database is, as the file till.json in its folder says.
type tillRelease struct {
	Version string  `json:"version"`
	Notes   bool    `json:"notes"` // orders are written with a note
	Fails   float64 `json:"fails"` // share of requests that fail
}

// SQL drivers by the names that migrations have.
var sqlDrivers = map[string]string{"postgres": "pgx", "mysql": "mysql", "sqlite": "sqlite"}

// Till is one instance of the shop with a database. It takes orders until ctx ends.
func Till(ctx context.Context, log *slog.Logger) error {
	var rel tillRelease
	text, err := os.ReadFile("till.json")
	if err == nil {
		err = json.Unmarshal(text, &rel)
	}
	if err != nil {
		return fmt.Errorf("release of the shop: %w", err)
	}
	db, err := sql.Open(sqlDrivers[os.Getenv("TILL_DRIVER")], os.Getenv("TILL_DATABASE"))
	if err != nil {
		return fmt.Errorf("database of the shop: %w", err)
	}
	db.SetMaxOpenConns(4)
	t := &till{rel, db, log}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		if err := db.PingContext(r.Context()); err != nil {
			http.Error(w, "no database", http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("POST /order", t.order)
	mux.HandleFunc("GET /orders", t.orders)
	server := &http.Server{Addr: net.JoinHostPort(os.Getenv("HOST"), os.Getenv("PORT")), Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return errors.Join(fmt.Errorf("the shop: %w", err), db.Close())
	}
	return db.Close()
}

type till struct {
	tillRelease
	db  *sql.DB
	log *slog.Logger
}

// order takes an order. Its number is the customer's, so that they can look for it later.
func (t *till) order(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Shop", t.Version)
	if rand.Float64() < t.Fails {
		t.log.ErrorContext(r.Context(), "currency rates are not loaded", slog.String("order", r.FormValue("number")))
		http.Error(w, "no rate", http.StatusInternalServerError)
		return
	}
	// Numbers and items are chosen here and in the demo; a number is formatted, because the three databases write parameters differently.
	number, err := orderNumber(r.FormValue("number"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	query := fmt.Sprintf("INSERT INTO orders (number, item, note) VALUES (%d, 'tea', 'taken by %s')", number, t.Version)
	if !t.Notes {
		query = fmt.Sprintf("INSERT INTO orders (number, item) VALUES (%d, 'tea')", number)
	}
	if _, err := t.db.ExecContext(r.Context(), query); err != nil {
		t.log.ErrorContext(r.Context(), "order not written", slog.Any("error", err))
		http.Error(w, "not written", http.StatusInternalServerError)
		return
	}
	fmt.Fprintln(w, "thank you")
}

func orderNumber(text string) (n int64, err error) {
	_, err = fmt.Sscanf(text, "%d", &n)
	return n, err
}

// orders tells how many orders there are; a release that knows notes reads them too.
func (t *till) orders(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Shop", t.Version)
	query := "SELECT count(*) FROM orders"
	if t.Notes {
		query = "SELECT count(*) FROM orders WHERE note IS NULL OR note <> ''"
	}
	var n int64
	if err := t.db.QueryRowContext(r.Context(), query).Scan(&n); err != nil {
		t.log.ErrorContext(r.Context(), "orders not read", slog.Any("error", err))
		http.Error(w, "not read", http.StatusInternalServerError)
		return
	}
	fmt.Fprintln(w, n)
}
