package rollout

import (
	"time"

	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/rollout/judge"
	"goodstate.dev/goodstate/rollout/signal"
	"goodstate.dev/goodstate/rollout/strategy"
)

// Live is how a rollout under way is doing at this moment. It is for eyes only: what counts is in the journal.
type Live struct {
	Run      string           `json:"run"`
	Service  string           `json:"service"`
	New      good.Release     `json:"new"`
	Old      *good.Release    `json:"old,omitempty"`
	Step     string           `json:"step"`
	Doing    string           `json:"doing"`
	Paused   string           `json:"paused,omitempty"` // why it waits for a person
	Gate     *Gate            `json:"gate,omitempty"`   // what it waits for somebody to approve
	Stages   []strategy.Stage `json:"stages"`
	Stage    int              `json:"stage"`  // index into Stages; -1 before the first
	Weight   int              `json:"weight"` // of the new release, in ten-thousandths
	Elapsed  time.Duration    `json:"elapsed_ns"`
	Hold     time.Duration    `json:"hold_ns"`
	Judge    judge.State      `json:"judge"`
	Findings []good.Finding   `json:"findings,omitempty"`
	Signals  []signal.State   `json:"signals,omitempty"`
}

// show changes what Live tells about this rollout.
func (ro *rollout) show(change func(*Live)) {
	ro.mu.Lock()
	defer ro.mu.Unlock()
	l, ok := ro.live[ro.r.ID()]
	if !ok {
		l = &Live{Run: ro.r.ID(), Service: ro.in.Service, Stages: ro.stages}
		if ro.old != nil {
			old := ro.old.Release
			l.Old = &old
		}
		ro.live[ro.r.ID()] = l
	}
	l.New, l.Stage, l.Gate = ro.new.Release, ro.stage, ro.gate
	change(l)
}

func (s *Rollouts) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.live, id)
}

// Live tells how a rollout that runs in this process is doing.
func (s *Rollouts) Live(id string) (Live, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, ok := s.live[id]
	if !ok {
		return Live{}, false
	}
	return *l, true
}
