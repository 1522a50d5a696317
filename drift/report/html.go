package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
)

//go:embed report.html
var page string

var document = template.Must(template.New("report").Funcs(template.FuncMap{"clock": clock, "since": since, "counts": counts, "subject": subject, "bars": bars, "join": func(list []string) string { return strings.Join(list, "; ") }}).Parse(page))

// HTML writes the report as one file that needs nothing else: no scripts, no pictures, no network.
func (r Report) HTML(w io.Writer) error {
	if err := document.Execute(w, struct {
		Report
		Scope string
	}{r, r.scope()}); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
