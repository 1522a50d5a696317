package alert

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// Desk takes alerts in over HTTP.
type Desk struct {
	Receivers map[string]Receiver
	Secret    func(ctx context.Context, name string) (string, error)
	// Take records alerts. It is called again with the same ones: senders repeat what goes on.
	Take func(ctx context.Context, receiver string, alerts []Alert, nameless []string) error
	// Refused records a sender who was turned away; of many only one a minute, with their number.
	Refused func(ctx context.Context, receiver, address, why string, times int) error
	Address func(r *http.Request) string
	Log     *slog.Logger

	mu      sync.Mutex
	refused map[string]*refusals // by receiver
}

type refusals struct {
	told  time.Time
	times int
}

const tellEvery = time.Minute

// ServeHTTP answers POST /in/alerts/{receiver}.
func (d *Desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("receiver")
	receiver, ok := d.Receivers[name]
	if !ok {
		say(w, http.StatusNotFound, "there is no receiver of this name")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostBody))
	if err != nil {
		var most *http.MaxBytesError
		if errors.As(err, &most) {
			say(w, http.StatusRequestEntityTooLarge, "the message is too long; send fewer alerts at once (max_alerts)")
		}
		return
	}
	now := time.Now()
	if err := receiver.proven(r.Context(), r, body, now, d.Secret); err != nil {
		if errors.Is(err, errStranger) {
			d.refuse(r, name, err.Error(), now)
			w.Header().Set("WWW-Authenticate", `Bearer realm="goodstate"`)
			say(w, http.StatusUnauthorized, err.Error())
			return
		}
		d.failed(w, r, name, err)
		return
	}
	alerts, nameless, err := receiver.parse(body, name, now)
	if err != nil {
		say(w, http.StatusBadRequest, err.Error())
		return
	}
	if err := d.Take(r.Context(), name, alerts, nameless); err != nil {
		d.failed(w, r, name, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// failed answers with 500, so that the sender tries again.
func (d *Desk) failed(w http.ResponseWriter, r *http.Request, name string, err error) {
	d.Log.ErrorContext(r.Context(), "alerts not taken", slog.String("receiver", name), slog.Any("error", err))
	say(w, http.StatusInternalServerError, "the alerts could not be recorded; the server's log says why")
}

func say(w http.ResponseWriter, status int, why string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": why}) // a sender that is gone needs no answer
}

// refuse tells of a stranger, but not of each one.
func (d *Desk) refuse(r *http.Request, name, why string, now time.Time) {
	d.mu.Lock()
	if d.refused == nil {
		d.refused = map[string]*refusals{}
	}
	of := d.refused[name]
	if of == nil {
		of = &refusals{}
		d.refused[name] = of
	}
	of.times++
	times := of.times
	tell := now.Sub(of.told) >= tellEvery
	if tell {
		of.told, of.times = now, 0
	}
	d.mu.Unlock()
	if !tell {
		return
	}
	if err := d.Refused(r.Context(), name, d.Address(r), why, times); err != nil {
		d.Log.ErrorContext(r.Context(), "refused sender not recorded", slog.Any("error", err))
	}
}
