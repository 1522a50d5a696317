package haproxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"goodstate.dev/goodstate/rollout/traffic"
)

// event is one request as `option httplog` writes it (HAProxy's configuration.txt, "HTTP log format").
type event struct {
	client          string
	backend, server string
	status          int
	first           time.Duration // from the request to the first byte of the answer; negative: there was none
	end             string        // termination state: who ended it, and when
}

// parse reads a line; ok is false for a line that is no request.
func parse(line string) (e event, ok bool) {
	words := strings.Fields(line)
	at := -1
	for i, w := range words {
		if i > 0 && strings.HasPrefix(w, "[") && strings.HasSuffix(w, "]") && strings.Count(w, ":") >= 3 {
			at = i
			break
		}
	}
	if at < 1 || len(words) < at+10 {
		return e, false
	}
	host, _, err := net.SplitHostPort(words[at-1])
	if err != nil {
		return e, false
	}
	e.client = host
	if e.backend, e.server, ok = strings.Cut(words[at+2], "/"); !ok {
		return e, false
	}
	timers := strings.Split(words[at+3], "/")
	if len(timers) != 5 {
		return e, false
	}
	for _, t := range timers[1:4] { // waiting, connecting, answering
		ms, err := strconv.Atoi(t)
		switch {
		case err != nil:
			return e, false
		case ms < 0:
			e.first = -1
		case e.first >= 0:
			e.first += time.Duration(ms) * time.Millisecond
		}
	}
	if e.status, err = strconv.Atoi(words[at+4]); err != nil {
		return e, false
	}
	e.end = words[at+8]
	return e, len(e.end) == 4
}

// failed says that the release did not answer as it should: an answer of 500 and above, or none.
func (e event) failed() bool {
	return e.status >= 500 || e.status < 100 && !e.aborted()
}

// aborted says that the client went away first.
func (e event) aborted() bool {
	return e.status < 500 && (e.end[0] == 'C' || e.end[0] == 'c')
}

const mostFailing = 100_000 // clients that are remembered

// listen follows the ring of one HAProxy, and begins again where the connection ends.
func (r *router) listen(ctx context.Context, c *control) {
	failing := map[string]bool{}
	for ctx.Err() == nil {
		err := r.follow(ctx, c, failing)
		if ctx.Err() != nil {
			return
		}
		r.seconds.sees(c.socket, err)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func (r *router) follow(ctx context.Context, c *control, failing map[string]bool) error {
	if err := c.ring(ctx, r.conf); err != nil {
		return err
	}
	b, err := c.look(ctx, r.conf.Backend)
	if err != nil {
		return err
	}
	r.learn(c, b)
	conn, err := c.dial(ctx)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	defer func() { _ = conn.Close() }() // it was only read
	if _, err := fmt.Fprintf(conn, "show events %s -w -n\n", r.conf.Ring); err != nil {
		return fmt.Errorf("haproxy %s: follow ring %s: %w", c.socket, r.conf.Ring, err)
	}
	r.seconds.sees(c.socket, nil)
	lines := bufio.NewScanner(conn)
	lines.Buffer(make([]byte, 0, 64<<10), 1<<20)
	for lines.Scan() {
		if e, ok := parse(lines.Text()); ok && e.backend == r.conf.Backend {
			r.hear(c, e, failing)
		}
	}
	if err := lines.Err(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("haproxy %s: follow ring %s: %w", c.socket, r.conf.Ring, err)
	}
	return fmt.Errorf("haproxy %s: ring %s: %w", c.socket, r.conf.Ring, io.ErrUnexpectedEOF)
}

// hear counts one request.
func (r *router) hear(c *control, e event, failing map[string]bool) {
	release := r.owner(c, e.server)
	if release == "" {
		return
	}
	bad := e.failed()
	first := bad && !failing[e.client]
	switch {
	case !bad && !e.aborted():
		delete(failing, e.client)
	case bad && len(failing) < mostFailing:
		failing[e.client] = true
	}
	r.seconds.add(time.Now().Unix(), release, func(s *traffic.Second) {
		if e.aborted() {
			s.Aborted++
			return
		}
		s.Requests++
		if bad {
			s.Errors++
		}
		if first {
			s.Bursts++
		}
		if e.first >= 0 {
			if s.Latency == nil {
				s.Latency = traffic.Histogram{}
			}
			s.Latency[traffic.BucketOf(e.first)]++
		}
	})
}
