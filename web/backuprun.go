package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"goodstate.dev/goodstate/backup"
	"goodstate.dev/goodstate/backup/plan"
	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/core/run"
)

// backupRunLine is a run of backups in a list.
type backupRunLine struct {
	run.Info
	Application, Line string
	End               badge
}

func backupRunLines(all []run.Info) []backupRunLine {
	var out []backupRunLine
	for _, r := range all {
		l := backupRunLine{Info: r, Line: r.Note}
		_, l.Application, _ = strings.Cut(r.Target, "/")
		l.End, l.Line = backupEnd(r)
		out = append(out, l)
	}
	return out
}

// backupEnd is how a run of backups ended: an error in it is no good end, also where the run went to its end.
func backupEnd(r run.Info) (badge, string) {
	if r.State != run.Succeeded {
		line := r.Note
		if r.Error != "" {
			line = r.Error
		}
		return ended(r), line
	}
	var res struct {
		Failed   string   `json:"failed"`
		Complete *bool    `json:"complete"`
		Problems []string `json:"problems"`
		Good     *bool    `json:"good"`
		Why      string   `json:"why"`
		Frozen   string   `json:"frozen"`
	}
	if err := json.Unmarshal(r.Result, &res); err != nil {
		return badge{"doubt", "? unknown"}, err.Error()
	}
	switch {
	case res.Failed != "":
		return badge{"bad", "✗ failed"}, res.Failed
	case res.Good != nil && !*res.Good && r.Kind == backup.KindDrill:
		return badge{"bad", "✗ not proven"}, res.Why
	case res.Good != nil && !*res.Good:
		return badge{"bad", "✗ damaged"}, strings.Join(res.Problems, "; ")
	case res.Frozen != "":
		return badge{"doubt", "frozen"}, res.Frozen
	case res.Complete != nil && !*res.Complete || len(res.Problems) > 0:
		return badge{"doubt", "! incomplete"}, fmt.Sprintf("%d things are missing", len(res.Problems))
	}
	return badge{"good", "✓ done"}, res.Why
}

type backupRunData struct {
	backupRunLine
	Entries []journal.Entry
	Drill   *backup.Drilled
	Bars    []phaseBar
	Within  bool
	Level   string
}

// phaseBar is a phase of a drill, drawn against its RTO or against the whole.
type phaseBar struct {
	backup.Phase
	X, Width int // of 1000
}

// backupRun is the page of one run: what it does, and for a drill its phases against the RTO.
func (s *site) backupRun(r *http.Request) (view, error) {
	info, err := s.Engine.Get(r.Context(), r.PathValue("run"))
	if err != nil {
		return view{}, err
	}
	d := backupRunData{backupRunLine: backupRunLines([]run.Info{info})[0]}
	if d.Entries, err = s.Journal.List(r.Context(), journal.Filter{Run: info.ID, Limit: 500}); err != nil {
		return view{}, err
	}
	if info.Kind == backup.KindDrill && info.State == run.Succeeded {
		var drill backup.Drilled
		if err := json.Unmarshal(info.Result, &drill); err != nil {
			return view{}, fmt.Errorf("result of run %s: %w", info.ID, err)
		}
		d.Drill, d.Level = &drill, plan.Level(max(0, min(int(drill.Level), int(plan.Proven)))).String()
		d.Bars, d.Within = bars(drill), drill.RTO == 0 || drill.Recovery <= drill.RTO
	}
	return view{Page: "backuprun", Title: info.Kind + " of " + d.Application, Command: "goodstate history --run " + info.ID, Live: info.State == run.Running, Phase: string(info.State), Data: d}, nil
}

// bars lays the phases of a drill one after the other on a line that is as long as the longer of the RTO and the recovery.
func bars(d backup.Drilled) []phaseBar {
	whole := max(d.RTO, d.Recovery, time.Millisecond)
	if d.RTO > 20*d.Recovery { // else nothing would be seen
		whole = max(d.Recovery, time.Millisecond)
	}
	at := time.Duration(0)
	var all []phaseBar
	for _, p := range d.Phases {
		all = append(all, phaseBar{p, int(1000 * at / whole), max(2, int(1000*p.Took/whole))})
		at += p.Took
	}
	return all
}

// pointLine is the restore points on a line of time.
type pointLine struct {
	From, To time.Time
	Dots     []pointDot
}

type pointDot struct {
	X    int // of 1000
	ID   string
	Look string
	Text string
}

// lineOf places restore points, the youngest first, on a line that ends now.
func lineOf(points []backup.RestorePoint, now time.Time) *pointLine {
	if len(points) == 0 {
		return nil
	}
	l := &pointLine{From: points[len(points)-1].At, To: now}
	whole := max(l.To.Sub(l.From), time.Second)
	for _, p := range points {
		dot := pointDot{X: 10 + int(980*p.At.Sub(l.From)/whole), ID: p.ID.String(), Look: "plain", Text: p.At.Local().Format("2 Jan 2006 15:04:05") + ", " + p.Proof}
		switch {
		case p.Damage != "":
			dot.Look = "bad"
		case !p.Complete:
			dot.Look = "doubt"
		case p.Level >= plan.Equal:
			dot.Look = "good"
		}
		dot.X = max(10, min(990, dot.X))
		l.Dots = append(l.Dots, dot)
	}
	return l
}

// proof is the level of a restore point as a badge.
func proof(p backup.RestorePoint) badge {
	switch {
	case p.Damage != "":
		return badge{"bad", "✗ damaged"}
	case !p.Complete:
		return badge{"doubt", "! " + p.Proof}
	case p.Level == plan.Proven:
		return badge{"good", "✓ proven"}
	case p.Level == plan.Equal:
		return badge{"good", "✓ restored"}
	}
	return badge{"plain", p.Proof}
}

// stands is the state of a backup as a badge.
func stands(s plan.State) badge {
	switch s {
	case plan.Good:
		return badge{"good", "✓ good"}
	case plan.Incomplete:
		return badge{"doubt", "! incomplete"}
	}
	return badge{"bad", "✗ " + string(s)}
}
