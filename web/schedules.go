package web

import (
	"context"
	"net/http"
	"strings"
	"time"

	"goodstate.dev/goodstate/drift/desk"
)

// timesShown is how many of its next times a schedule's form shows.
const timesShown = 5

// scheduleChoice is what a schedule's form chooses from.
type scheduleChoice struct {
	Templates []desk.Template
	Zone      string // of the controller
}

func (s *site) schedules(mux *http.ServeMux) {
	next := func(_ context.Context, v desk.Schedule) (any, error) { return v.Times(time.Now(), timesShown) }
	edits(s, mux, editor[desk.Schedule]{
		kind: "schedules", one: "schedule", find: s.Desk.Schedule, remove: s.Desk.RemoveSchedule, check: next,
		read: func(r *http.Request, project, name string, old desk.Schedule) (desk.Schedule, error) {
			old.Project, old.Name, old.Template = project, name, r.PostFormValue("template")
			old.Cron, old.Zone = strings.TrimSpace(r.PostFormValue("cron")), strings.TrimSpace(r.PostFormValue("zone"))
			old.Check, old.Off = r.PostFormValue("what") != "correct", r.PostFormValue("off") != ""
			return old, nil
		},
		put: func(ctx context.Context, _ *http.Request, who string, v desk.Schedule) error {
			return s.Desk.PutSchedule(ctx, who, v)
		},
		more: func(ctx context.Context, project string, _ desk.Schedule) (any, error) {
			all, err := s.Desk.Templates(ctx, project)
			return scheduleChoice{all, time.Now().Format("MST")}, err
		},
		command: func(project, name string, v desk.Schedule) string {
			words := append([]string{"goodstate", "template", "schedule", project, name}, option("--template", v.Template)...)
			words = append(append(words, option("--cron", v.Cron)...), option("--zone", v.Zone)...)
			if v.Check {
				words = append(words, "--check")
			}
			if v.Off {
				words = append(words, "--off")
			}
			return sh(words...)
		},
		forget: func(project, name string) string {
			return sh("goodstate", "template", "schedule", project, name, "--remove")
		},
	})
}

// nextTimes are the next times of a schedule that is kept; what cannot be read has none.
func nextTimes(v desk.Schedule) []time.Time {
	times, err := v.Times(time.Now(), timesShown)
	if err != nil {
		return nil
	}
	return times
}
