package web

import (
	"net/http"

	"goodstate.dev/goodstate/rollout"
)

type pointsData struct {
	Service string
	Points  []rollout.PointState
}

// points are the known-good points of a service, each with what it rests on and whether one can go back to it.
func (s *site) points(r *http.Request) (view, error) {
	name := r.PathValue("service")
	all, err := s.Rollouts.Points(r.Context(), name)
	if err != nil {
		return view{}, err
	}
	return view{Page: "points", Title: "Known-good points of " + name, Command: "goodstate points " + name, Data: pointsData{name, all}}, nil
}
