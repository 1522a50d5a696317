package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/rollout"
	"goodstate.dev/goodstate/rollout/analysis"
	"goodstate.dev/goodstate/rollout/prevent"
	"goodstate.dev/goodstate/rollout/source"
)

type listed struct {
	Target string `query:"target"`
	Kind   string `query:"kind"`
	State  string `query:"state" enum:"running,succeeded,failed,cancelled,"`
	Before int64  `query:"before" doc:"seq of the last run seen, for the next page"`
	Limit  int    `query:"limit" default:"20" minimum:"1" maximum:"500"`
}

type identified struct {
	ID   string        `path:"id"`
	Wait time.Duration `query:"wait" doc:"answer when the run has ended, or after so many nanoseconds (at most a minute)"`
}

type approving struct {
	ID   string `path:"id"`
	Body struct {
		Step string `json:"step,omitempty" doc:"what is agreed to; without it what is waited for now"`
		Why  string `json:"why,omitempty"`
	}
}

type reverting struct {
	ID   string `path:"id"`
	Body struct {
		Push bool `json:"push,omitempty" doc:"of a repository on another machine: make the branch there"`
	}
}

// Run is a run as programs see it: what the engine knows, and of a rollout how it does now.
type Run struct {
	run.Info
	Seq  int64         `json:"seq"`
	Live *rollout.Live `json:"live,omitempty"`
}

type read struct {
	Run    string    `query:"run"`
	Target string    `query:"target"`
	Event  string    `query:"event"`
	Actor  string    `query:"actor"`
	Before int64     `query:"before"`
	Since  time.Time `query:"since"`
	Limit  int       `query:"limit" default:"50" minimum:"1" maximum:"1000"`
}

func (s *server) runs(a huma.API) {
	get(a, "/runs", "list-runs", "Runs of any kind, newest first", func(ctx context.Context, in *listed) ([]Run, error) {
		all, err := s.Engine.List(ctx, run.Filter{Target: in.Target, Kind: in.Kind, State: run.State(in.State), Before: in.Before, Limit: in.Limit})
		if err != nil {
			return nil, err
		}
		runs := make([]Run, 0, len(all))
		for _, i := range all {
			i.Input = nil
			runs = append(runs, Run{Info: i, Seq: i.Seq})
		}
		return runs, nil
	})
	get(a, "/runs/{id}", "show-run", "A run, and of a rollout under way how it does now", func(ctx context.Context, in *identified) (Run, error) {
		if in.Wait > 0 {
			limited, stop := context.WithTimeout(ctx, min(in.Wait, time.Minute))
			defer stop()
			if info, err := s.Engine.Wait(limited, in.ID); limited.Err() == nil {
				return Run{Info: info, Seq: info.Seq}, err
			}
		}
		info, err := s.Engine.Get(ctx, in.ID)
		r := Run{Info: info, Seq: info.Seq}
		if l, ok := s.Rollouts.Live(in.ID); ok {
			r.Live = &l
		}
		return r, err
	})
	get(a, "/runs/{id}/report", "report", "The analysis of a rollback", func(ctx context.Context, in *identified) (analysis.Report, error) {
		var r analysis.Report
		if _, err := s.Engine.Get(ctx, in.ID); err != nil {
			return r, err
		}
		return r, s.Store.Document(ctx, in.ID, "analysis", &r)
	})
	handle(a, http.MethodPost, "/runs/{id}/approve", "approve", "Agree to what a rollout waits for", auth.Approve, func(ctx context.Context, in *approving, p auth.Principal) (run.Info, error) {
		return s.Rollouts.Approve(ctx, in.ID, in.Body.Step, p.Name, in.Body.Why)
	})
	handle(a, http.MethodPost, "/runs/{id}/revert", "revert", "Make a branch on which a release that was rolled back is taken back", auth.Deploy, func(ctx context.Context, in *reverting, p auth.Principal) (source.Reverted, error) {
		return s.Rollouts.Revert(ctx, in.ID, p.Name, in.Body.Push)
	})
	get(a, "/runs/{id}/prevent", "prevent", "What would have found the incident of a rollout earlier, tried on what was recorded", func(ctx context.Context, in *identified) (prevent.Proposal, error) {
		return s.Rollouts.Prevent(ctx, in.ID)
	})
	get(a, "/journal", "read-journal", "What happened, newest first", func(ctx context.Context, in *read) ([]journal.Entry, error) {
		entries, err := s.Journal.List(ctx, journal.Filter{Run: in.Run, Target: in.Target, Event: in.Event, Actor: in.Actor, Before: in.Before, Since: in.Since, Limit: in.Limit, Newest: true})
		if entries == nil {
			entries = []journal.Entry{}
		}
		return entries, err
	})
	get(a, "/journal/verify", "verify-journal", "Whether the journal is what was written", func(ctx context.Context, _ *struct{}) (journal.Report, error) {
		return s.Journal.Verify(ctx)
	})
}

// follow streams journal entries as JSON lines: those of a run after a sequence number, then new ones until the run ends.
func (s *server) follow(w http.ResponseWriter, r *http.Request) {
	if _, err := may(r.Context(), auth.View); err != nil {
		refuse(w, err)
		return
	}
	id := r.URL.Query().Get("run")
	after, err := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64)
	if err != nil {
		after = 0
	}
	w.Header().Set("Content-Type", "application/jsonl")
	flush := http.NewResponseController(w)
	lines := json.NewEncoder(w)
	for e, err := range s.Journal.Follow(r.Context(), after) {
		if err != nil {
			return
		}
		if id != "" && e.Run != id {
			continue
		}
		if lines.Encode(e) != nil || flush.Flush() != nil {
			return // the reader is gone
		}
		if id != "" && e.Event == "ended" {
			return
		}
	}
}

// export writes the journal as JSON lines.
func (s *server) export(w http.ResponseWriter, r *http.Request) {
	if _, err := may(r.Context(), auth.View); err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/jsonl")
	w.Header().Set("Content-Disposition", `attachment; filename="journal.jsonl"`)
	if err := s.Journal.Export(r.Context(), w, journal.Filter{Run: r.URL.Query().Get("run"), Target: r.URL.Query().Get("target")}); err != nil && r.Context().Err() == nil {
		panic(http.ErrAbortHandler) // the reader sees a cut connection, not a journal that looks whole
	}
}

func refuse(w http.ResponseWriter, err error) {
	p, ok := answer(err).(*Problem) //nolint:errorlint // answer returns nothing else
	if !ok {
		p = problem(http.StatusInternalServerError, CodeFailed, err.Error(), "")
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // a reader that is gone needs no answer
}
