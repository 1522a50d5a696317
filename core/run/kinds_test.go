package run_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/run"
)

func TestRunsOfSeveralKindsAreCarriedOutByTheirOwnFunctionsAlsoAfterARestart(t *testing.T) {
	dir := t.TempDir()
	kinds := func(e *run.Engine) {
		for _, name := range []string{"brew", "bake"} {
			run.Register(e, name, func(r *run.Run, _ string) (string, error) {
				s, _, err := r.WaitSignal("listen", 0, time.Minute)
				return name + " " + s.Name, err
			})
		}
	}
	e, done := open(t, dir, kinds)
	ids := map[string]string{}
	for _, name := range []string{"brew", "bake"} {
		info, err := e.Start(t.Context(), run.Request{Kind: name, Target: "service/" + name, Who: "ann"})
		if err != nil {
			t.Fatal(err)
		}
		ids[name] = info.ID
	}
	done()
	e, _ = open(t, dir, kinds)
	for name, id := range ids {
		if err := e.Signal(t.Context(), run.Signal{Run: id, Name: "go", Who: "bob"}); err != nil {
			t.Fatal(err)
		}
		limited, stop := context.WithTimeout(t.Context(), 30*time.Second)
		info, err := e.Wait(limited, id)
		stop()
		var result string
		if err != nil || json.Unmarshal(info.Result, &result) != nil || result != name+" go" {
			t.Errorf("%s ended as %s with %s %s %v", name, info.State, info.Result, info.Error, err)
		}
	}
}
