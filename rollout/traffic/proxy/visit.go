package proxy

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"goodstate.dev/goodstate/rollout/traffic"
)

// visit is one request on its way. It is the request's context too, so that every part of the way finds it.
type visit struct {
	context.Context
	in       *http.Request
	service  *service
	route    *route
	pool     *pool
	instance *instance
	client   uint64 // who asks, for counting bursts
	trusted  bool   // asked by a proxy of ours
	cookie   string // Set-Cookie to send, or ""
	began    time.Time
	took     time.Duration // to the first byte of the answer; 0 before that
	status   int           // 0 before the answer begins
	broken   error         // the instance failed while it answered
	counted  bool
	cancel   context.CancelFunc
}

type visitKey struct{}

// Value gives the visit itself, and else what the request's context has.
func (v *visit) Value(key any) any {
	if key == (visitKey{}) {
		return v
	}
	return v.Context.Value(key)
}

// ServeHTTP carries one request of the service's users to an instance and counts what became of it.
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodConnect {
		refuse(w, http.StatusMethodNotAllowed, "this is not a forward proxy")
		return
	}
	if s.atDesk(w, r) {
		return
	}
	v := &visit{Context: r.Context(), service: s, in: r, began: time.Now()}
	s.enter(v)
	if v.pool == nil {
		v.status = http.StatusServiceUnavailable
		v.count(&s.nobody)
		refuse(w, http.StatusServiceUnavailable, "no instance is in service")
		return
	}
	if r.ContentLength != 0 && r.ProtoMajor == 1 {
		// An instance may answer while it reads. Without this, http.Server throws the rest of the body away when the answer begins.
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
			s.log.Error("bodies cannot be passed on while answers come", "error", err)
		}
	}
	completed := false
	defer func() { // also when the answer breaks off, which http.Server is told by a panic
		if v.cancel != nil {
			v.cancel()
		}
		v.instance.inflight.Add(-1)
		if !completed && v.broken == nil {
			v.status = 0 // nothing was wrong with the instance, so it is the client who went
		}
		v.count(v.pool.release)
		v.pool.release.inflight.Add(-1)
	}()
	s.proxy.ServeHTTP(w, r.WithContext(v))
	completed = true
}

// enter finds the release and the instance that serve the visit and counts the visit in there. The route is looked at again after
// that: either a Drain sees this visit, or this visit sees the new route.
func (s *service) enter(v *visit) {
	ip, trusted := clientIP(v.in, s.trust)
	v.trusted = trusted
	at := rand.IntN(traffic.Full)
	var id, before, agent string
	if a := v.in.Header["User-Agent"]; len(a) > 0 {
		agent = a[0]
	}
	for {
		rt := s.route.Load()
		if rt == nil {
			return
		}
		if rt.Sticky == "cookie" && id == "" {
			id, before = stickyOf(v.in.Header)
			v.client = clientKey(id, ip, agent)
			if id == "" {
				id = newClientID()
			}
			at = position(id)
		} else if v.client == 0 {
			v.client = clientKey("", ip, agent)
		}
		p := rt.pick(at)
		if p == nil {
			return
		}
		in := p.pick(nil, v.began.UnixNano())
		p.release.inflight.Add(1)
		in.inflight.Add(1)
		if s.route.Load() != rt {
			in.inflight.Add(-1)
			p.release.inflight.Add(-1)
			continue
		}
		v.route, v.pool, v.instance = rt, p, in
		if rt.Sticky == "cookie" && before != p.release.id {
			v.cookie = stickyCookie(id, p.release.id, v.in.TLS != nil)
		}
		return
	}
}

// count says what became of the visit, once. Answers that go on without end are counted when they begin.
func (v *visit) count(rel *release) {
	if v.counted {
		return
	}
	v.counted = true
	if v.took == 0 {
		v.took = time.Since(v.began)
	}
	gone := v.broken == nil && v.status == 0
	if gone || (v.Context.Err() != nil && (v.status == 0 || v.broken != nil)) {
		rel.counts.add(aborted, 0)
		return
	}
	bad := v.broken != nil || v.status >= 500
	if bad {
		v.service.witness.note(rel.id, v.in.Method, v.in.URL.Path, v.status, time.Now().Unix())
	}
	rel.counts.add(v.service.failing.outcome(v.client, bad), v.took)
	if v.route != nil && v.route.Feedback != nil {
		v.service.sessions.seen(v.client, rel, v.began.Unix())
	}
}

// answer is called with the head of the instance's answer, before it goes to the user.
func (s *service) answer(res *http.Response) error {
	v := res.Request.Context().Value(visitKey{}).(*visit)
	v.took = time.Since(v.began)
	v.status = res.StatusCode
	res.Header[releaseHeader] = []string{v.pool.release.id}
	if v.route.Feedback != nil {
		res.Header.Add("Server-Timing", `goodstate;desc="`+v.pool.release.id+`"`) // a script can read this and not the header above
	}
	if v.cookie != "" {
		res.Header.Add("Set-Cookie", v.cookie)
	}
	if res.StatusCode == http.StatusSwitchingProtocols {
		v.count(v.pool.release)
		return nil // the body is the connection itself
	}
	if ct := res.Header["Content-Type"]; len(ct) > 0 && len(ct[0]) >= 17 && ct[0][:17] == "text/event-stream" {
		v.count(v.pool.release)
	}
	res.Body = &watched{res.Body, v}
	return nil
}

// watched notes when the instance breaks off its answer.
type watched struct {
	io.ReadCloser
	v *visit
}

func (b *watched) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		b.v.broken = err
	}
	return n, err
}

// unanswered is called when no instance gave an answer.
func (s *service) unanswered(w http.ResponseWriter, r *http.Request, err error) {
	v := r.Context().Value(visitKey{}).(*visit)
	if v.Context.Err() != nil {
		v.status = 0
		return
	}
	var tooBig *http.MaxBytesError
	var timeout net.Error
	h := w.Header()
	h[releaseHeader] = []string{v.pool.release.id}
	if v.cookie != "" {
		h.Add("Set-Cookie", v.cookie)
	}
	switch {
	case errors.As(err, &tooBig):
		v.status = http.StatusRequestEntityTooLarge
		refuse(w, v.status, "the request is too large")
		return
	case errors.Is(err, errSlow), errors.As(err, &timeout) && timeout.Timeout():
		v.status = http.StatusGatewayTimeout
		refuse(w, v.status, "the instance did not begin its answer in time")
	case errors.Is(err, errRefused):
		v.status = http.StatusBadGateway
		refuse(w, v.status, "no instance accepted the connection")
	default:
		v.status = http.StatusBadGateway
		refuse(w, v.status, "the instance broke off without an answer")
	}
	s.log.Warn("request not answered", "service", s.name, "release", v.pool.release.id, "method", v.in.Method, "status", v.status, "error", err)
}

// refuse answers for ourselves, without telling anything about what is behind us.
func refuse(w http.ResponseWriter, status int, why string) {
	h := w.Header()
	h["Content-Type"] = []string{"text/plain; charset=utf-8"}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	h["Cache-Control"] = []string{"no-store"}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, http.StatusText(status)+": "+why+"\n") // the client may be gone; nobody else is to be told
}

// another moves the visit to an instance of its release that was not tried, and tells whether there is one. The route may have
// changed meanwhile: the one in force counts, as long as it has the release.
func (v *visit) another(tried []*instance) bool {
	for {
		rt := v.service.route.Load()
		p := v.pool
		if rt != nil && rt != v.route {
			for _, now := range rt.pools {
				if now.release == v.pool.release && len(now.instances) > 0 {
					p = now
				}
			}
		}
		in := p.pick(tried, time.Now().UnixNano())
		if in == nil {
			return false
		}
		in.inflight.Add(1)
		if v.service.route.Load() != rt {
			in.inflight.Add(-1)
			continue
		}
		v.instance.inflight.Add(-1)
		v.instance, v.pool = in, p
		return true
	}
}
