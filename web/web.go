// Package web is the face that people see in a browser: pages made by the server from the record and from a look at the services. They work without
// JavaScript; with it, a stream of server-sent events keeps the moving part of a page fresh. A page starts runs and reads; it decides nothing.
package web

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"goodstate.dev/goodstate/backup"
	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/core/store"
	"goodstate.dev/goodstate/drift"
	"goodstate.dev/goodstate/drift/desk"
	"goodstate.dev/goodstate/drift/record"
	"goodstate.dev/goodstate/rollout"
	"goodstate.dev/goodstate/rollout/alert"
	"goodstate.dev/goodstate/rollout/feedback"
	"goodstate.dev/goodstate/web/api"
)

// Options are the parts that the pages show.
type Options struct {
	Rollouts *rollout.Rollouts
	Desk     *desk.Desk
	Drift    *record.Book
	Control  *drift.Drift // starts runs of the configured playbooks
	Backups  *backup.Backups
	Engine   *run.Engine
	Journal  *journal.Journal
	Store    *store.Store
	Auth     *auth.Auth
	Results  api.Results
	Audit    api.Audit      // nil: the journal is handed on to nobody
	Links    *auth.Links    // signs the links of notices; nil: there are none
	Webhooks http.Handler   // POST /hooks/{name}, which proves by itself who asks; nil: none
	API      http.Handler   // everything under /api/, behind the same door
	Proxies  []netip.Prefix // reverse proxies that are believed who asks
	Alerts   map[string]alert.Receiver
	Secret   func(ctx context.Context, name string) (string, error)
	Log      *slog.Logger
}

//go:embed templates static
var files embed.FS

type site struct {
	Options
	guard  *auth.Guard
	pages  map[string]*template.Template
	styles string // path of the style sheet, which changes with its content
	script string

	memory memory
	mu     sync.Mutex
	states map[string]seen
}

// seen is a service's state, kept for a moment so that many open pages ask as much as one.
type seen struct {
	at    time.Time
	state rollout.State
}

const stateKept = 900 * time.Millisecond

// New returns the handler of everything that browsers and programs on the network may ask.
func New(o Options) (http.Handler, error) {
	s := &site{Options: o, guard: auth.NewGuard(o.Auth), states: map[string]seen{}}
	if err := s.load(); err != nil {
		return nil, err
	}
	s.guard.TrustedProxies = o.Proxies
	s.guard.Denied = s.denied
	mux := http.NewServeMux()
	static, err := fs.Sub(files, "static")
	if err != nil {
		return nil, err
	}
	mux.Handle("GET /static/", http.StripPrefix("/static/", lasting(http.FileServerFS(static))))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) }) // a reader that is gone needs no answer
	mux.HandleFunc("GET /readyz", s.ready)
	mux.HandleFunc("GET /login", s.loginPage)
	mux.HandleFunc("POST /login", s.login)
	mux.HandleFunc("POST /logout", s.logout)
	mux.Handle("/api/", o.API)
	if o.Webhooks != nil {
		mux.Handle("POST /hooks/{name}", o.Webhooks)
	}
	s.read(mux, "GET /{$}", s.board)
	s.read(mux, "GET /services", s.services)
	s.read(mux, "GET /services/{service}", s.service)
	s.read(mux, "GET /services/{service}/rollback", s.planRollback)
	s.read(mux, "GET /services/{service}/deploy", s.planDeploy)
	s.read(mux, "GET /services/{service}/points", s.points)
	s.read(mux, "GET /rollouts/{run}", s.rollout)
	s.read(mux, "GET /journal", s.journal)
	s.read(mux, "GET /feedback", s.feedback)
	s.read(mux, "GET /feedback/{group}", s.said)
	s.act(mux, "POST /feedback/{group}/answer", auth.Answer, s.say(feedback.Answered))
	s.act(mux, "POST /feedback/{group}/close", auth.Answer, s.say(feedback.Closed))
	s.act(mux, "POST /feedback/{group}/open", auth.Answer, s.say(feedback.Open))
	s.desk(mux)
	s.drift(mux)
	s.read(mux, "GET /actions", s.actions)
	s.backupPages(mux)
	s.read(mux, "GET /approve/{run}", s.approvePage)
	s.act(mux, "POST /rollouts/{run}/revert", auth.Deploy, s.revert)
	s.act(mux, "POST /rollouts/{run}/approve", auth.Approve, s.approve)
	s.read(mux, "GET /rollouts/{run}/prevent", s.prevent)
	mux.Handle("GET /rollouts/{run}/analysis.html", s.guard.Require(auth.View, http.HandlerFunc(s.analysisHTML)))
	mux.Handle("GET /rollouts/{run}/analysis.md", s.guard.Require(auth.View, http.HandlerFunc(s.analysisMarkdown)))
	s.act(mux, "POST /actions", auth.Hold, s.addAction)
	s.act(mux, "POST /actions/{id}/done", auth.Hold, s.doneAction)
	s.act(mux, "POST /services/{service}/rollback", auth.Rollback, s.rollBack)
	s.act(mux, "POST /services/{service}/deploy", auth.Deploy, s.deploy)
	s.act(mux, "POST /services/{service}/promote", auth.Promote, s.tell(rollout.SignalPromote))
	s.act(mux, "POST /services/{service}/pause", auth.Pause, s.tell(rollout.SignalPause))
	s.act(mux, "POST /services/{service}/resume", auth.Pause, s.tell(rollout.SignalResume))
	s.act(mux, "POST /services/{service}/hold", auth.Hold, s.hold)
	s.act(mux, "POST /services/{service}/unhold", auth.Hold, s.unhold)
	mux.Handle("/", s.guard.Require(auth.View, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, r, http.StatusNotFound, "there is no page "+r.URL.Path)
	})))
	outer := http.NewServeMux()
	outer.Handle(deskBase, newDesks(s)) // for everybody: it knows neither sessions nor their forms
	outer.Handle("POST /in/alerts/{receiver}", s.alerts())
	outer.Handle("/", s.guard.Handler(mux))
	return s.headers(outer), nil
}

// load reads the templates: one set a page, each with the layout.
func (s *site) load() error {
	s.pages = map[string]*template.Template{}
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		return err
	}
	for _, name := range names {
		t, err := template.New("layout.html").Funcs(words).ParseFS(files, "templates/layout.html", "templates/parts.html", name)
		if err != nil {
			return err
		}
		s.pages[name[len("templates/"):len(name)-len(".html")]] = t
	}
	for path, name := range map[*string]string{&s.styles: "style.css", &s.script: "live.js"} {
		text, err := fs.ReadFile(files, "static/"+name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(text)
		*path = "/static/" + name + "?v=" + hex.EncodeToString(sum[:6])
	}
	return nil
}

// headers gives every answer what keeps pages from being framed, sniffed, or made to run what is not ours.
func (s *site) headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if r.TLS != nil {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// lasting lets browsers keep a file whose address changes with its content.
func lasting(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		next.ServeHTTP(w, r)
	})
}

// ready says whether the record can be read.
func (s *site) ready(w http.ResponseWriter, r *http.Request) {
	if _, err := s.Journal.List(r.Context(), journal.Filter{Limit: 1, Newest: true}); err != nil {
		s.Log.ErrorContext(r.Context(), "not ready", slog.Any("error", err))
		http.Error(w, "the record cannot be read; the log says why", http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write([]byte("ready\n")) // a reader that is gone needs no answer
}

// state is how a service is now, not older than stateKept.
func (s *site) state(ctx context.Context, name string) (rollout.State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if kept, ok := s.states[name]; ok && time.Since(kept.at) < stateKept {
		return kept.state, nil
	}
	st, err := s.Rollouts.State(ctx, name)
	if err != nil {
		return st, err
	}
	s.states[name] = seen{time.Now(), st}
	return st, nil
}

// changed forgets what is kept of a service, after something was done to it.
func (s *site) changed(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.states, name)
}
