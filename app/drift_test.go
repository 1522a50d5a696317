package app

import (
	"encoding/json"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/rollout"
	"goodstate.dev/goodstate/rollout/runtime"
)

// TestDriftControlIsToldWhatRolloutsDo has rollouts in the record only: one that goes on, and others that ended.
func TestDriftControlIsToldWhatRolloutsDo(t *testing.T) {
	dir := t.TempDir()
	a, err := Open(t.Context(), Options{Config: &Config{Data: filepath.Join(dir, "data")}, Base: dir, Self: []string{"goodstate"}, Log: slog.New(slog.DiscardHandler), Idle: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	seq := 0
	put := func(service, state string, input, result any) {
		t.Helper()
		seq++
		in, err := json.Marshal(input)
		if err != nil {
			t.Fatal(err)
		}
		out, err := json.Marshal(result)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Store.DB().ExecContext(t.Context(), `INSERT INTO runs (id, kind, target, who, why, state, input, result, started_at, seq) VALUES (?, 'rollout', ?, 'ann', '', ?, ?, ?, 1, ?)`,
			"run"+service+state+string(rune('a'+seq)), rollout.Target(service), state, string(in), string(out), seq); err != nil {
			t.Fatal(err)
		}
	}
	r := rolling{a}
	put("shop", "running", rollout.Input{Service: "shop", Config: rollout.Service{Hosts: &rollout.Hosts{Places: []runtime.Place{{Name: "web1", Host: "10.0.0.1", Port: 22}, {Name: "web2", Host: "10.0.0.2", Port: 2222}}}}}, nil)
	busy, err := r.Occupied(t.Context(), nil, []string{"10.0.0.1", "10.0.0.2:2222", "10.0.0.3"})
	if err != nil || len(busy) != 2 || busy["10.0.0.1"] == "" || busy["10.0.0.2:2222"] == "" {
		t.Errorf("%v, %v; want the two hosts of the rollout", busy, err)
	}
	if busy, err = r.Occupied(t.Context(), []string{"shop"}, []string{"10.0.0.3"}); err != nil || busy[""] == "" {
		t.Errorf("%v, %v; want all hosts held while the service is rolled out", busy, err)
	}
	at := time.UnixMilli(1000)
	if err := a.Store.PutPoint(t.Context(), good.Point{ID: "p1", Service: "till", Release: good.Release{Service: "till", Version: "v1", Commit: "abc"}, At: at}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what string
		last rollout.Result
		ok   bool
	}{
		{"it went forward", rollout.Result{Outcome: rollout.Promoted, Point: "p2"}, false},
		{"it went back", rollout.Result{Outcome: rollout.RolledBack, Point: "p1"}, true},
		{"a try after it had no effect", rollout.Result{Outcome: rollout.CouldNot}, true},
		{"the next release is good", rollout.Result{Outcome: rollout.Promoted, Point: "p3"}, false},
	} {
		put("till", "succeeded", rollout.Input{Service: "till"}, c.last)
		p, ok, err := r.WentBack(t.Context(), []string{"other", "till"})
		if err != nil || ok != c.ok || ok && (p.Commit != "abc" || !p.At.Equal(at) || p.Service != "till") {
			t.Errorf("%s: %+v %v, %v", c.what, p, ok, err)
		}
	}
}
