package rollout

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/rollout/alert"
	"goodstate.dev/goodstate/rollout/analysis"
)

// alertEvent is the event of an alert in the journal; its data is the evidence that an analysis shows.
const alertEvent = "alert"

// TakeAlerts records what monitoring has sent, and journals what is new: with the rollout under way where there is one.
func (s *Rollouts) TakeAlerts(ctx context.Context, receiver string, alerts []alert.Alert, nameless []string) error {
	for _, a := range alerts {
		if _, ok := s.Services.Get(a.Service); !ok {
			nameless = append(nameless, a.Name+" of "+a.Service)
			continue
		}
		fresh, err := s.Alerts.Put(ctx, a, time.Now())
		if err != nil {
			return err
		}
		if !fresh {
			continue
		}
		seen, err := json.Marshal(analysis.Evidence{Kind: "alert", Text: a.String(), At: a.Starts, Release: a.Release, Count: 1, Bad: true})
		if err != nil {
			return fmt.Errorf("alert %s: %w", a.Name, err)
		}
		e := journal.Entry{Event: alertEvent, Data: seen, Target: Target(a.Service), Actor: receiver, Text: "alert: " + a.String()}
		if !a.Firing() {
			e.Event, e.Data, e.Text = "alert-resolved", nil, "alert resolved: "+a.String()
		}
		active, ok, err := s.Active(ctx, a.Service)
		if err != nil {
			return err
		}
		if ok {
			e.Run = active.ID
		}
		if _, err := s.Journal.Append(ctx, e); err != nil {
			return err
		}
	}
	for _, name := range nameless[:min(len(nameless), 20)] {
		// Once an hour and name: what is sent again and again would fill the journal.
		e := journal.Entry{Event: "alert-unknown", Actor: receiver, Text: "an alert names no service of ours: " + name, Key: fmt.Sprintf("alert-unknown/%s/%s/%d", receiver, name, time.Now().Unix()/3600)}
		if _, err := s.Journal.Append(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// RefusedAlerts journals that somebody sent alerts without proof of who they are.
func (s *Rollouts) RefusedAlerts(ctx context.Context, receiver, address, why string, times int) error {
	text := fmt.Sprintf("alerts from %s were refused: %s", address, why)
	if times > 1 {
		text += fmt.Sprintf(" (%d times since it was told last)", times)
	}
	_, err := s.Journal.Append(ctx, journal.Entry{Event: "alert-refused", Actor: receiver, Text: text})
	return err
}

// alarms are what the alerts say about the release under way: one that began after it got its first traffic, and that does not
// name another release, is against it as long as it fires.
func (ro *rollout) alarms(ctx context.Context) []good.Finding {
	if ro.Alerts == nil || ro.shifted.IsZero() {
		return nil
	}
	all, err := ro.Alerts.Since(ctx, ro.in.Service, ro.shifted)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return []good.Finding{{Check: "alerts", Observed: err.Error(), Wanted: "the alerts of the service", At: time.Now()}}
	}
	var out []good.Finding
	for _, a := range all {
		if a.Release != "" && a.Release != ro.new.Release.ID() && a.Release != ro.new.Release.Version {
			continue
		}
		f := good.Finding{Check: "alert " + a.Name, Verdict: good.Fail, Observed: "firing since " + a.Starts.Local().Format("15:04:05") + " by " + a.Receiver, Wanted: "no new alert", Detail: a.Summary, Release: ro.new.Release.Version, At: time.Now()}
		if !a.Firing() {
			f.Verdict, f.Observed = good.Pass, "resolved at "+a.Ends.Local().Format("15:04:05")
		}
		out = append(out, f)
	}
	return out
}
