// Package alert takes in what monitoring sends: the webhooks of Alertmanager and Grafana. An alert that begins while a release is rolled out
// is a sign against it. Who sends must prove who they are, and nothing that comes is bigger than it has to be.
package alert

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Alert is one alert about a service.
type Alert struct {
	Service     string    `json:"service"`
	Fingerprint string    `json:"fingerprint"`
	Name        string    `json:"name"`
	Release     string    `json:"release,omitempty"` // id or version, where the alert has it as a label
	Severity    string    `json:"severity,omitempty"`
	Summary     string    `json:"summary,omitempty"`
	Starts      time.Time `json:"starts"`
	Ends        time.Time `json:"ends,omitzero"` // zero: it is firing
	Receiver    string    `json:"receiver"`
}

// Firing is true until the alert is resolved.
func (a Alert) Firing() bool { return a.Ends.IsZero() }

// String says the alert in one line.
func (a Alert) String() string {
	s := a.Name
	if a.Severity != "" {
		s += " (" + a.Severity + ")"
	}
	if a.Summary != "" {
		s += ": " + a.Summary
	}
	if a.Release != "" {
		s += " [release " + a.Release + "]"
	}
	return s
}

// mostBody and mostAlerts bound a message; Alertmanager groups alerts and is told to cut them with max_alerts.
const (
	mostBody   = 1 << 20
	mostAlerts = 500
	mostText   = 500
)

// message is what both send: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config and
// https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
type message struct {
	Version string `json:"version"`
	Alerts  []struct {
		Status      string            `json:"status"`
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
		Starts      time.Time         `json:"startsAt"`
		Ends        time.Time         `json:"endsAt"`
		Fingerprint string            `json:"fingerprint"`
	} `json:"alerts"`
}

// parse reads a message. Alerts that name no service are told by their names.
func (r Receiver) parse(body []byte, name string, now time.Time) (known []Alert, nameless []string, err error) {
	var m message
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, nil, fmt.Errorf("not a message of Alertmanager or Grafana: %w", err)
	}
	if m.Alerts == nil {
		return nil, nil, errors.New("not a message of Alertmanager or Grafana: it has no alerts")
	}
	if len(m.Alerts) > mostAlerts {
		return nil, nil, fmt.Errorf("%d alerts, at most %d are taken at once; set max_alerts", len(m.Alerts), mostAlerts)
	}
	for _, in := range m.Alerts {
		a := Alert{
			Service: plain(in.Labels[r.Service]), Name: plain(in.Labels["alertname"]), Release: plain(in.Labels[r.Release]), Severity: plain(in.Labels["severity"]),
			Summary: plain(in.Annotations["summary"]), Starts: in.Starts, Fingerprint: plain(in.Fingerprint), Receiver: name,
		}
		if a.Summary == "" {
			a.Summary = plain(in.Annotations["description"])
		}
		if a.Name == "" {
			a.Name = "alert without a name"
		}
		if a.Starts.IsZero() || a.Starts.After(now.Add(time.Hour)) {
			a.Starts = now
		}
		if a.Fingerprint == "" {
			a.Fingerprint = fingerprint(in.Labels)
		}
		switch in.Status {
		case "firing":
		case "resolved":
			if a.Ends = in.Ends; a.Ends.IsZero() || a.Ends.After(now) || a.Ends.Before(a.Starts) {
				a.Ends = now
			}
		default:
			return nil, nil, fmt.Errorf("alert %s has the status %q, want firing or resolved", a.Name, plain(in.Status))
		}
		switch {
		case !r.matches(in.Labels):
		case a.Service == "":
			nameless = append(nameless, a.Name)
		default:
			known = append(known, a)
		}
	}
	return known, nameless, nil
}

func (r Receiver) matches(labels map[string]string) bool {
	for label, want := range r.Match {
		if !slices.Contains(strings.Split(want, "|"), labels[label]) {
			return false
		}
	}
	return true
}

// fingerprint tells alerts apart by their labels, where the sender does not.
func fingerprint(labels map[string]string) string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		fmt.Fprintf(h, "%q=%q,", name, labels[name])
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// plain is a text of one line within the bounds, without characters that steer a terminal.
func plain(text string) string {
	text = strings.Map(func(c rune) rune {
		switch {
		case c == '\n' || c == '\t':
			return ' '
		case unicode.IsControl(c), unicode.Is(unicode.Cf, c):
			return -1
		}
		return c
	}, strings.ToValidUTF8(text, ""))
	runes := []rune(strings.TrimSpace(text))
	return string(runes[:min(len(runes), mostText)])
}
