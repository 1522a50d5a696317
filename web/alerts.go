package web

import (
	"net/http"

	"goodstate.dev/goodstate/rollout/alert"
)

// alerts takes in what monitoring sends. Programs prove who they are by what the receiver wants, not by a login.
func (s *site) alerts() http.Handler {
	return &alert.Desk{Receivers: s.Alerts, Secret: s.Secret, Take: s.Rollouts.TakeAlerts, Refused: s.Rollouts.RefusedAlerts, Address: s.guard.ClientAddress, Log: s.Log}
}
