package web

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"goodstate.dev/goodstate/core/auth"
)

const (
	streamEvery = time.Second      // how often the moving part of a page is made again
	streamCheck = 10 * time.Second // how often it is looked whether the session still holds
)

// stream sends the moving part of a page whenever it reads otherwise than before. The event "again" tells the script to ask for the whole page.
func (s *site) stream(w http.ResponseWriter, r *http.Request, page func(r *http.Request) (view, error)) {
	v, err := page(r)
	if err != nil {
		http.Error(w, "this page has no stream", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // nginx in between would keep the events
	if !v.Live {                              // what it shows has come to its end since the browser got it
		send(w, "again", nil)
		return
	}
	out := http.NewResponseController(w)
	tick := time.NewTicker(streamEvery)
	defer tick.Stop()
	phase, last, checked := v.Phase, []byte(nil), time.Now()
	for {
		text, err := s.moving(r, v)
		if err != nil {
			s.Log.ErrorContext(r.Context(), "stream ended", slog.String("page", v.Page), slog.Any("error", err))
			return
		}
		if !bytes.Equal(text, last) {
			last = text
			send(w, "live", text)
		} else {
			_, _ = fmt.Fprint(w, ": alive\n\n") // finds out whether the reader is gone
		}
		if v.Phase != phase || time.Since(checked) > streamCheck && !s.holds(r) {
			send(w, "again", nil)
			_ = out.Flush() // the stream ends here either way
			return
		}
		if time.Since(checked) > streamCheck {
			checked = time.Now()
		}
		if out.Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
		if v, err = page(r); err != nil {
			if r.Context().Err() == nil {
				s.Log.WarnContext(r.Context(), "stream ended", slog.Any("error", err))
			}
			return
		}
	}
}

// moving makes the moving part of a page.
func (s *site) moving(r *http.Request, v view) ([]byte, error) {
	var text bytes.Buffer
	err := s.pages[v.Page].ExecuteTemplate(&text, "live", s.complete(r, shown{view: v}))
	return text.Bytes(), err
}

// holds tells whether the session that opened the stream is still one.
func (s *site) holds(r *http.Request) bool {
	c, err := r.Cookie(auth.CookieName)
	if err != nil {
		return false
	}
	ctx, stop := context.WithTimeout(r.Context(), 5*time.Second)
	defer stop()
	_, err = s.Auth.Session(ctx, c.Value)
	return err == nil
}

// send writes one event; each line of its data is a line of the stream.
func send(w http.ResponseWriter, event string, data []byte) {
	var text bytes.Buffer
	fmt.Fprintf(&text, "event: %s\n", event)
	for line := range bytes.Lines(data) {
		fmt.Fprintf(&text, "data: %s\n", bytes.TrimRight(line, "\r\n"))
	}
	if len(data) == 0 {
		text.WriteString("data:\n")
	}
	text.WriteByte('\n')
	_, _ = text.WriteTo(w) // Flush tells when the reader is gone
}
