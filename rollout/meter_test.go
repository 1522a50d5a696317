package rollout

import (
	"context"
	"testing"
	"time"

	"goodstate.dev/goodstate/rollout/runtime"
)

// reading is a runtime that tells what it is given, to try the arithmetic.
type reading struct {
	runtime.Runtime
	all []runtime.Instance
}

func (r *reading) List(context.Context, string) ([]runtime.Instance, error) { return r.all, nil }

func TestTheBusiestInstanceOfAReleaseCountsOverTheTimeBetweenTwoReadings(t *testing.T) {
	r := &reading{all: []runtime.Instance{
		{ID: "a", Release: "new", State: runtime.Running, PID: 1, CPU: 10, RSS: 100},
		{ID: "b", Release: "new", State: runtime.Running, PID: 2, CPU: 20, RSS: 300},
		{ID: "c", Release: "old", State: runtime.Running, CPU: 20, RSS: 300}, // between two starts
	}}
	m, now := newMeter(r), time.Now()
	if got := m.read(t.Context(), "web", now); len(got) != 0 {
		t.Fatalf("the first reading says %v, it cannot know", got)
	}
	r.all[0].CPU, r.all[1].CPU, r.all[1].RSS = 11, 20.5, 400
	got := m.read(t.Context(), "web", now.Add(2*time.Second))
	if u := got["new"]; u == nil || u.CPU != 0.5 || u.Memory != 400 {
		t.Fatalf("the new release uses %+v, want half a core and 400 bytes", u)
	}
	if got["old"] != nil {
		t.Fatalf("a release that was not measured uses %+v", got["old"])
	}
}
