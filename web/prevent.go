package web

import (
	"net/http"
	"net/url"
	"strings"

	"goodstate.dev/goodstate/rollout/prevent"
)

type preventData struct {
	prevent.Proposal
	Lines []measureLine
}

type measureLine struct {
	prevent.Measure
	Where, Line string
}

// prevent shows what would have found an incident earlier. It changes nothing: the configuration is the user's file, which the command line changes.
func (s *site) prevent(r *http.Request) (view, error) {
	id := r.PathValue("run")
	p, err := s.Rollouts.Prevent(r.Context(), id)
	if err != nil {
		return view{}, err
	}
	d := preventData{Proposal: p}
	for _, m := range p.Measures {
		l := measureLine{m, strings.Join(m.Path, "."), m.YAML}
		if m.Key != "" {
			l.Line = m.Key + ": " + m.YAML
		}
		d.Lines = append(d.Lines, l)
	}
	return view{Page: "prevent", Title: "What would find it earlier", Command: "goodstate prevent " + url.PathEscape(id), Data: d}, nil
}
