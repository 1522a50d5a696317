package rollout

import (
	"context"
	"fmt"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/rollout/analysis"
	"goodstate.dev/goodstate/rollout/feedback"
)

// TakeFeedback takes up the reports that users have sent, and journals each: with the rollout under way where there is one.
func (s *Rollouts) TakeFeedback(ctx context.Context) error {
	if s.Feedback == nil {
		return nil
	}
	taken, err := s.Feedback.Take(ctx)
	for _, r := range taken {
		e := journal.Entry{Event: "feedback", Target: Target(r.Service), Actor: "user", Key: "feedback/" + r.ID, At: r.At, Text: reportText(r), Data: nil}
		if active, ok, found := s.Active(ctx, r.Service); found != nil {
			return found
		} else if ok {
			e.Run = active.ID
		}
		if _, err := s.Journal.Append(ctx, e); err != nil {
			return err
		}
	}
	return err
}

// SayFeedback answers or closes what users reported.
func (s *Rollouts) SayFeedback(ctx context.Context, id int64, state, text, who string) (feedback.Group, error) {
	g, err := s.Feedback.Say(ctx, id, state, text, who)
	if err != nil {
		return g, err
	}
	said := fmt.Sprintf("feedback %d (%s) is %s", id, firstLine(g.Text, 80), state)
	if text != "" {
		said += ": " + firstLine(text, 160)
	}
	_, err = s.Journal.Append(ctx, journal.Entry{Event: "feedback-" + state, Target: Target(g.Service), Actor: who, Text: said})
	return g, err
}

func reportText(r feedback.Report) string {
	release := "release not known"
	if r.Release != "" {
		release = r.Release
	}
	return fmt.Sprintf("%s reported on %s: %s", r.Kind, release, firstLine(r.Text, 160))
}

// firstLine is the beginning of a text on one line.
func firstLine(text string, most int) string {
	line := strings.Join(strings.Fields(text), " ")
	if runes := []rune(line); len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return line
}

// ears hear what users report while a rollout is judged. A session counts once, and an address for so many sessions as may well
// be behind it: a crowd is believed, one loud voice is not.
type ears struct {
	*Rollouts
	service, new, old string
	after             int64 // the last report that was heard
	from              time.Time
	sessions          map[string]bool
	sources           map[string]int
	waiting           []feedback.Report // that have not counted yet
	heard             []feedback.Report // that count, on the new release, for the evidence
}

const (
	sessionsOfAddress = 3
	heardMost         = 1000 // reports that are read at a time, and counted in all
	heardShown        = 5
)

// hear takes in what was reported since the last time.
func (h *ears) hear(ctx context.Context) error {
	if err := h.TakeFeedback(ctx); err != nil {
		return err
	}
	reports, err := h.Feedback.Since(ctx, h.service, h.after, h.from, heardMost)
	if err != nil {
		return err
	}
	for _, r := range reports {
		h.after = r.Seq
		if h.believes(r) {
			h.waiting = append(h.waiting, r)
		}
	}
	return nil
}

// due tells how many reports from before a second fell on each release. They count in a second that is later than their own,
// so that the sessions that they came from are among those that were counted by then.
func (h *ears) due(unix int64) (fresh, old int64) {
	later := h.waiting[:0]
	for _, r := range h.waiting {
		switch {
		case r.At.Unix() >= unix:
			later = append(later, r)
		case r.Release == h.new:
			fresh++
			h.heard = append(h.heard, r)
		case r.Release == h.old:
			old++
		}
	}
	h.waiting = later
	return fresh, old
}

func (h *ears) believes(r feedback.Report) bool {
	if r.Kind != feedback.Problem || h.sessions[r.Session] || h.sources[r.Source] >= sessionsOfAddress || len(h.sessions) >= heardMost {
		return false
	}
	h.sessions[r.Session] = true
	h.sources[r.Source]++
	return true
}

// evidence is what the last users on the new release said.
func (h *ears) evidence() string {
	var lines []string
	for _, r := range h.heard[max(0, len(h.heard)-heardShown):] {
		lines = append(lines, r.At.Local().Format("15:04:05")+" "+firstLine(r.Text, 300))
	}
	return strings.Join(lines, "\n")
}

// listen opens the ears of a rollout; nil where users are not asked, or not believed.
func (ro *rollout) listen(from time.Time) *ears {
	f := ro.in.Config.Feedback
	if f == nil || !f.Judge || ro.Feedback == nil {
		return nil
	}
	h := &ears{Rollouts: ro.Rollouts, service: ro.in.Service, new: ro.new.Release.ID(), from: from, sessions: map[string]bool{}, sources: map[string]int{}}
	if ro.old != nil {
		h.old = ro.old.Release.ID()
	}
	return h
}

// before is how many reports the old release had in the time before the rollout.
func (h *ears) before(ctx context.Context, since time.Time) (int64, error) {
	past := &ears{sessions: map[string]bool{}, sources: map[string]int{}}
	reports, err := h.Feedback.Since(ctx, h.service, 0, since, heardMost)
	var n int64
	for _, r := range reports {
		if r.At.Before(h.from) && r.Release == h.old && past.believes(r) {
			n++
		}
	}
	return n, err
}

// reported are the reports of a rollout's time for its analysis, equal ones together.
func (ro *rollout) reported(ctx context.Context) ([]analysis.UserReport, error) {
	if ro.Feedback == nil || ro.in.Config.Feedback == nil {
		return nil, nil
	}
	if err := ro.TakeFeedback(ctx); err != nil {
		return nil, err
	}
	all, err := ro.Feedback.Since(ctx, ro.in.Service, 0, ro.in.At, heardMost)
	if err != nil {
		return nil, err
	}
	byGroup := map[string]int{}
	var out []analysis.UserReport
	for _, r := range all {
		key := fmt.Sprint(r.Group, r.Release)
		if i, ok := byGroup[key]; ok {
			out[i].Count++
			out[i].Last = r.At
			continue
		}
		byGroup[key] = len(out)
		out = append(out, analysis.UserReport{Group: r.Group, Kind: r.Kind, Release: r.Release, Text: r.Text, Count: 1, First: r.At, Last: r.At})
	}
	return out, nil
}
