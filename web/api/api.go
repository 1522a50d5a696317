// Package api is what goodstate offers to programs: one HTTP API with an OpenAPI description, used by the command line over
// the data directory's socket and by other programs over the network. It starts runs and reads the record; it decides nothing.
package api

import (
	"context"
	"errors"
	"net/http"
	"path"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"goodstate.dev/goodstate/backup"
	"goodstate.dev/goodstate/backup/ledger"
	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/core/store"
	"goodstate.dev/goodstate/drift"
	"goodstate.dev/goodstate/drift/desk"
	"goodstate.dev/goodstate/drift/record"
	"goodstate.dev/goodstate/rollout"
	"goodstate.dev/goodstate/rollout/feedback"
)

// Options are the parts that the API shows.
type Options struct {
	Rollouts *rollout.Rollouts
	Backups  *backup.Backups
	Desk     *desk.Desk
	Drift    *drift.Drift
	Engine   *run.Engine
	Journal  *journal.Journal
	Store    *store.Store
	Auth     *auth.Auth
	Notices  Notices
	Audit    Audit
	Results  Results
	Reports  Reports
	Version  string
}

type server struct{ Options }

// New returns the handler of everything under /api/. Who asks is in the request's context, put there by the caller.
func New(o Options) http.Handler {
	mux := http.NewServeMux()
	conf := huma.DefaultConfig("goodstate", o.Version)
	conf.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	conf.OpenAPIPath, conf.DocsPath, conf.SchemasPath = "/api/openapi", "", "/api/schemas"
	a := humago.New(mux, conf)
	s := &server{o}
	s.services(a)
	s.runs(a)
	s.users(a)
	s.feedback(a)
	s.actions(a)
	s.notices(a)
	s.audit(a)
	s.backups(a)
	s.desk(a)
	s.driftLog(a)
	s.drift(a)
	s.reports(a)
	mux.HandleFunc("GET /api/journal/follow", s.follow)
	mux.HandleFunc("GET /api/journal/export", s.export)
	return mux
}

// schemaName tells types of equal names apart by their packages.
func schemaName(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	name := huma.DefaultSchemaNamer(t, hint)
	if t.Name() == "" || t.PkgPath() == "" {
		return name
	}
	return strings.ToUpper(path.Base(t.PkgPath())[:1]) + path.Base(t.PkgPath())[1:] + name
}

// may says who asks, when they may do the action; else the error to answer with.
func may(ctx context.Context, action auth.Action) (auth.Principal, error) {
	p, ok := auth.PrincipalFrom(ctx)
	switch {
	case !ok:
		return p, problem(http.StatusUnauthorized, "login", "nobody is logged in on this request", "")
	case !p.Can(action):
		return p, problem(http.StatusForbidden, "forbidden", p.Name+" is "+string(p.Role)+" and may not "+string(action), "")
	}
	return p, nil
}

// Problem is how the API says no: problem+json (RFC 9457) with a code that programs can act on, and a hint for people.
type Problem struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Code   string `json:"code"`
	Hint   string `json:"hint,omitempty"`
	Holder string `json:"holder,omitempty"` // the run that holds the lease
}

// Error is the detail.
func (p *Problem) Error() string { return p.Detail }

// GetStatus is the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is that of RFC 9457.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

func problem(status int, code, detail, hint string) *Problem {
	return &Problem{Status: status, Title: http.StatusText(status), Code: code, Detail: detail, Hint: hint}
}

// The codes of problems.
const (
	CodeUnknown = "unknown" // no such service, version, run
	CodeHeld    = "held"
	CodeLeased  = "leased"
	CodeFailed  = "failed"
	CodeSecond  = "second-person" // nothing was done yet: somebody else has to agree
)

// answer turns an error of the parts into a Problem.
func answer(err error) error {
	var already *Problem
	var held *rollout.HeldError
	var leased *run.LeaseError
	var service *rollout.UnknownServiceError
	var unknown *backup.UnknownError
	var forbidden *desk.ForbiddenError
	var playbook *drift.UnknownError
	var second *backup.SecondPersonError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &already):
		return already
	case errors.As(err, &forbidden):
		return problem(http.StatusForbidden, "forbidden", err.Error(), "")
	case errors.As(err, &second):
		return problem(http.StatusConflict, CodeSecond, err.Error(), second.Hint())
	case errors.As(err, &held):
		return problem(http.StatusConflict, CodeHeld, err.Error(), held.Hint())
	case errors.As(err, &leased):
		p := problem(http.StatusConflict, CodeLeased, err.Error(), "wait for it with --wait, or see what it does with: goodstate status")
		p.Holder = leased.Holder.ID
		return p
	case errors.As(err, &service), errors.As(err, &unknown), errors.Is(err, run.ErrNoRun), errors.Is(err, store.ErrNoDocument), errors.Is(err, store.ErrNoAction), errors.Is(err, feedback.ErrNoGroup), errors.Is(err, ledger.ErrNoAlert), errors.Is(err, ledger.ErrNoRequest), errors.Is(err, desk.ErrNone), errors.Is(err, record.ErrNone), errors.As(err, &playbook):
		return problem(http.StatusNotFound, CodeUnknown, err.Error(), "")
	}
	var hinted interface{ Hint() string }
	hint := ""
	if errors.As(err, &hinted) {
		hint = hinted.Hint()
	}
	return problem(http.StatusUnprocessableEntity, CodeFailed, err.Error(), hint)
}

// out is an answer with a body.
type out[T any] struct{ Body T }

// get adds a reading operation.
func get[I, O any](a huma.API, path, id, summary string, fn func(ctx context.Context, in *I) (O, error)) {
	handle(a, http.MethodGet, path, id, summary, auth.View, func(ctx context.Context, in *I, _ auth.Principal) (O, error) { return fn(ctx, in) })
}

// handle adds an operation that needs a permission.
func handle[I, O any](a huma.API, method, path, id, summary string, action auth.Action, fn func(ctx context.Context, in *I, p auth.Principal) (O, error)) {
	huma.Register(a, huma.Operation{OperationID: id, Method: method, Path: "/api" + path, Summary: summary}, func(ctx context.Context, in *I) (*out[O], error) {
		p, err := may(ctx, action)
		if err != nil {
			return nil, err
		}
		body, err := fn(ctx, in, p)
		if err != nil {
			return nil, answer(err)
		}
		return &out[O]{body}, nil
	})
}
