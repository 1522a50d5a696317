package rollout

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/notify"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/rollout/strategy"
	"goodstate.dev/goodstate/rollout/traffic"
)

// Approve says where a rollout waits until a person agrees.
type Approve struct {
	Before []string        `yaml:"before" json:"before" required:"true" help:"what is done only after somebody agreed: start (before anything but the build), a share of the traffic that is a stage (50%), promote" example:"[50%, promote]"`
	Within config.Duration `yaml:"within" json:"within,omitempty" default:"24h" help:"how long it waits; then the release goes back, or is not begun"`
	By     string          `yaml:"by" json:"by,omitempty" default:"anyone" enum:"anyone,others" help:"who may agree, besides having the role approver: anyone, or only others than who started the rollout"`
}

const (
	beforeStart   = "start"
	beforePromote = "promote"
	byOthers      = "others"
)

// Validate reports times that cannot be waited.
func (a *Approve) Validate(report func(path, message string)) {
	if len(a.Before) == 0 {
		report("before", "nothing to approve, want start, promote or a share of the traffic such as 50%")
	}
	if a.Within <= 0 {
		report("within", fmt.Sprintf("%s, want more than 0s", a.Within))
	}
}

// validateApprove reports shares of the traffic that are no stage of the service's strategy.
func (s *Service) validateApprove(report func(path, message string)) {
	if s.Approve == nil {
		return
	}
	strat, err := s.steps()
	if err != nil {
		return // said elsewhere
	}
	known := []string{beforeStart}
	for _, st := range strat.Stages(max(1, min(s.Instances, 1000))) {
		known = append(known, percent(st.Weight))
	}
	known = append(known, beforePromote)
	for i, b := range s.Approve.Before {
		found := false
		for _, k := range known {
			found = found || same(b, k)
		}
		if !found {
			report(fmt.Sprintf("approve.before[%d]", i), fmt.Sprintf("%q is no stage of this strategy; there are %s", b, strings.Join(known, ", ")))
		}
	}
}

// same tells whether two stages are the same, however their share is written.
func same(a, b string) bool {
	var x, y config.Percent
	if x.UnmarshalText([]byte(a)) == nil && y.UnmarshalText([]byte(b)) == nil {
		return x == y
	}
	return a == b
}

// Gate is what a rollout waits for a person to agree to.
type Gate struct {
	Step   string    `json:"step"`
	Before string    `json:"before"` // start, promote, or a share of the traffic
	Text   string    `json:"text"`   // in words
	Until  time.Time `json:"until"`
	By     string    `json:"by"`
}

// SignalApprove agrees to what a rollout waits for.
const SignalApprove = strategy.AskApprove

// approval is the data of the signal.
type approval struct {
	Step string `json:"step,omitempty"` // what is agreed to; empty: what is waited for now
}

// Approve agrees to what a rollout waits for.
func (s *Rollouts) Approve(ctx context.Context, id, step, who, why string) (run.Info, error) {
	info, err := s.Engine.Get(ctx, id)
	if err != nil {
		return info, err
	}
	if l, ok := s.Live(id); ok && l.Gate == nil {
		return info, fmt.Errorf("rollout %s does not wait for approval now: %s", id, l.Doing)
	} else if ok && step != "" && l.Gate.Step != step {
		return info, fmt.Errorf("rollout %s does not wait for that approval any more, but for: %s", id, l.Gate.Text)
	}
	data, err := json.Marshal(approval{step})
	if err != nil {
		return info, fmt.Errorf("approval of %s: %w", id, err)
	}
	return info, s.Engine.Signal(ctx, run.Signal{Run: id, Name: SignalApprove, Who: who, Why: why, Data: data})
}

// gated says whether something waits for a person's agreement.
func (ro *rollout) gated(before string) bool {
	if ro.in.Config.Approve == nil {
		return false
	}
	for _, b := range ro.in.Config.Approve.Before {
		if same(b, before) {
			return true
		}
	}
	return false
}

// agree waits until a person agrees to what comes next, where the configuration wants that. The release is judged meanwhile as in any stage. Nobody agreeing in
// time, or somebody asking to go back, is the trigger of the way back.
func (ro *rollout) agree(step, before, text string) (*Trigger, error) {
	if !ro.gated(before) {
		return nil, nil
	}
	conf := ro.in.Config.Approve
	until, err := run.Step(ro.r, step+"-until", func(context.Context) (time.Time, error) { return time.Now().Add(time.Duration(conf.Within)), nil })
	if err != nil {
		return nil, err
	}
	ro.gate = &Gate{Step: step, Before: before, Text: text, Until: until, By: conf.By}
	defer func() {
		ro.gate = nil
		ro.show(func(l *Live) { l.Paused = "" })
	}()
	compare := ro.stage < 0 || ro.stages[ro.stage].Compare
	return ro.judge(step, "approval before "+before, max(time.Second, time.Until(until).Round(time.Second)), compare)
}

// asksApproval says that it waits, in the record and to people.
func (ro *rollout) asksApproval(ctx context.Context) error {
	g := ro.gate
	if g == nil {
		return nil
	}
	text := fmt.Sprintf("waits for approval before %s until %s: %s", g.Before, g.Until.Local().Format("2006-01-02 15:04:05"), g.Text)
	ro.r.Note(text)
	ro.show(func(l *Live) { l.Paused = text })
	if err := ro.record(ctx, g.Step+"-paused", text, g); err != nil {
		return err
	}
	if ro.Notify == nil {
		return nil
	}
	link := ""
	if ro.ApprovePage != nil {
		link = ro.ApprovePage(ro.r.ID(), g.Step, g.Until)
	}
	return ro.Notify.Send(ctx, notify.Event{
		ID: ro.r.ID() + "/asks-" + g.Step, Type: "rollout.asks", Phase: notify.Trigger, Severity: notify.Warning, Service: ro.in.Service, Run: ro.r.ID(),
		Release: ro.new.Release.Version, Title: fmt.Sprintf("%s: %s waits for approval before %s", ro.in.Service, ro.new.Release.Version, g.Before),
		Text: text + "\nThe link opens a page that asks; nothing is approved by opening it.", URL: link, At: time.Now(), Data: g,
	})
}

// approves says whether a signal is an agreement that counts; one that does not is recorded with the reason.
func (ro *rollout) approves(ctx context.Context, sig run.Signal) (bool, error) {
	var data approval
	if len(sig.Data) > 0 {
		if err := json.Unmarshal(sig.Data, &data); err != nil {
			return false, ro.record(ctx, "approval-ignored", fmt.Sprintf("the approval by %s cannot be read: %s", sig.Who, err), nil)
		}
	}
	switch g := ro.gate; {
	case g == nil:
		return false, ro.record(ctx, "approval-ignored", fmt.Sprintf("%s approves, and nothing waits for it now", sig.Who), nil)
	case data.Step != "" && data.Step != g.Step:
		return false, ro.record(ctx, "approval-ignored", fmt.Sprintf("%s approves what was waited for before, not %s", sig.Who, g.Before), nil)
	case g.By == byOthers && sig.Who == ro.r.Who():
		return false, ro.record(ctx, "approval-refused", fmt.Sprintf("%s started this rollout, and somebody else has to approve it", sig.Who), nil)
	}
	text := fmt.Sprintf("%s approves %s", sig.Who, ro.gate.Before)
	if sig.Why != "" {
		text += ": " + sig.Why
	}
	return true, ro.record(ctx, "approved", text, ro.gate)
}

// before names a stage as approve does.
func before(weight int) string {
	if weight == traffic.Full {
		return "100%"
	}
	return percent(weight)
}
