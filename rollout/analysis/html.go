package analysis

import (
	_ "embed"
	"html/template"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/good"
)

//go:embed report.html
var page string

var pageTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"clock":   func(t time.Time) string { return t.Local().Format(clock) },
	"day":     func(t time.Time) string { return t.Local().Format("2006-01-02 15:04") },
	"round":   round,
	"short":   func(id string) string { return id[:min(10, len(id))] },
	"percent": func(p float64) float64 { return 100 * p },
	"verdict": func(v good.Verdict) string { return v.String() },
	"asked":   asked,
}).Parse(page))

// HTML is the report as one page that stands by itself: it asks for nothing, runs nothing, and its charts are drawn in it.
func (r Report) HTML() (string, error) {
	errs, latency := Charts(r.Series, r.Marks())
	var b strings.Builder
	err := pageTemplate.Execute(&b, struct {
		Report
		Errors, Latency *Chart
	}{r, errs, latency})
	return b.String(), err
}

// Marks are the moments that charts show.
func (r Report) Marks() []Mark {
	m := []Mark{{r.Trigger.At, "way back began"}}
	if r.First != nil {
		m = append(m, Mark{r.First.At, "first error"})
	}
	return m
}

// VersionOf names a release of the report by its version.
func (r Report) VersionOf(release string) string { return r.versionOf(release) }
