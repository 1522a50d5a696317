package e2e

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/internal/real"
	"goodstate.dev/goodstate/rollout"
)

const alertKey = "a key for alerts"

// withAlerts opens the server, with receivers for Alertmanager (by token) and Grafana (by signature).
func withAlerts(dir func() string) func(string) string {
	return func(conf string) string {
		return strings.Replace(conf, "server: {listen: none}", `server: {listen: "127.0.0.1:0"}
secrets: {alerts: {file: `+filepath.Join(dir(), "alerts.key")+`}}
alerts:
  main: {token: {secret: alerts}, match: {severity: critical|page}}
  graf: {sign: {secret: alerts}}`, 1)
	}
}

func newAlerted(t *testing.T) (s *served, address string) {
	t.Helper()
	keys := t.TempDir()
	if err := os.WriteFile(filepath.Join(keys, "alerts.key"), []byte(alertKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s = newServed(t, "canary: {steps: [50%], hold: 60s}", "fine", withAlerts(func() string { return keys }))
	address, err := s.a.Listen(t.Context())
	s.must(err)
	return s, address
}

// events are the texts of the journal's entries of a kind.
func (s *served) events(event string) []string {
	s.t.Helper()
	entries, err := s.a.Journal.List(s.t.Context(), journal.Filter{Event: event, Limit: 100})
	s.must(err)
	var out []string
	for _, e := range entries {
		out = append(out, e.Text)
	}
	return out
}

func TestAnAlertOfARealAlertmanagerTakesTheReleaseUnderWayBack(t *testing.T) {
	t.Parallel()
	s, address := newAlerted(t)
	manager := real.Alertmanager(t, `route: {receiver: goodstate, group_wait: 100ms, group_interval: 200ms, repeat_interval: 1m, group_by: [alertname]}
receivers:
- name: goodstate
  webhook_configs:
  - url: `+address+`/in/alerts/main
    http_config: {authorization: {credentials: "`+alertKey+`"}}
`)
	if manager == "" {
		return
	}
	fire := func(labels string, ends time.Time) {
		t.Helper()
		end := ""
		if !ends.IsZero() {
			end = `, "endsAt": "` + ends.Format(time.RFC3339Nano) + `"`
		}
		body := fmt.Sprintf(`[{"labels": {%s}, "annotations": {"summary": "half of the orders fail"}%s}]`, labels, end)
		res, err := http.Post("http://"+manager+"/api/v2/alerts", "application/json", strings.NewReader(body))
		s.must(err)
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Fatalf("Alertmanager answers %s", res.Status)
		}
	}
	first := s.start("v1")
	real.Eventually(t, 30*time.Second, "v1 has the traffic", func() bool {
		l, ok := s.a.Rollouts.Live(first.ID)
		return ok && l.Weight > 0
	})
	if res := s.ended(first); res.Outcome != rollout.Promoted {
		t.Fatalf("v1: %s: %s", res.Outcome, res.Why)
	}
	fire(`"alertname": "Before", "service": "web", "severity": "critical"`, time.Time{})
	real.Eventually(t, 20*time.Second, "the alert of before is in the journal", func() bool { return len(s.events("alert")) == 1 })

	info := s.start("v2")
	real.Eventually(t, 30*time.Second, "v2 has its share", func() bool {
		l, ok := s.a.Rollouts.Live(info.ID)
		return ok && l.Weight > 0
	})
	fire(`"alertname": "Other", "service": "web", "severity": "critical", "release": "v1"`, time.Time{})
	fire(`"alertname": "Small", "service": "web", "severity": "info"`, time.Time{})
	fire(`"alertname": "Nobody", "service": "wbe", "severity": "page"`, time.Time{})
	real.Eventually(t, 20*time.Second, "the alert of the old release and that of nobody are in the journal", func() bool {
		return len(s.events("alert")) == 2 && len(s.events("alert-unknown")) == 1
	})
	if l, _ := s.a.Rollouts.Live(info.ID); l.Weight == 0 {
		t.Fatal("what began before, or is of another release, took v2 back")
	}
	fire(`"alertname": "OrdersFail", "service": "web", "severity": "critical"`, time.Time{})
	res := s.ended(info)
	if res.Outcome != rollout.RolledBack || res.Trigger.By != "alert OrdersFail" || !strings.Contains(s.told(info.ID), "alert: OrdersFail (critical): half of the orders fail") {
		t.Fatalf("v2: %s by %+v: %s\n%s", res.Outcome, res.Trigger, res.Why, s.told(info.ID))
	}
	fire(`"alertname": "OrdersFail", "service": "web", "severity": "critical"`, time.Now())
	real.Eventually(t, 20*time.Second, "that it is resolved is in the journal", func() bool { return len(s.events("alert-resolved")) == 1 })
}

func TestAlertsWithoutProofAreRefusedAndRecorded(t *testing.T) {
	t.Parallel()
	s, address := newAlerted(t)
	body := `{"alerts": [{"status": "firing", "labels": {"alertname": "Disk", "service": "web"}, "startsAt": "2026-01-02T03:04:05Z"}]}`
	send := func(receiver, body string, headers ...string) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address+"/in/alerts/"+receiver, bytes.NewReader([]byte(body)))
		s.must(err)
		for i := 0; i < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		res, err := http.DefaultClient.Do(req)
		s.must(err)
		_ = res.Body.Close()
		return res.StatusCode
	}
	sign := func(text string) string {
		m := hmac.New(sha256.New, []byte(alertKey))
		m.Write([]byte(text))
		return hex.EncodeToString(m.Sum(nil))
	}
	const signature, stamp = "X-Grafana-Alerting-Signature", "X-Grafana-Alerting-Timestamp"
	now, old := strconv.FormatInt(time.Now().Unix(), 10), strconv.FormatInt(time.Now().Add(-time.Hour).Unix(), 10)
	for name, c := range map[string]struct {
		status   int
		receiver string
		body     string
		headers  []string
	}{
		"no token":               {401, "main", body, nil},
		"a wrong token":          {401, "main", body, []string{"Authorization", "Bearer guess"}},
		"no signature":           {401, "graf", body, nil},
		"a wrong signature":      {401, "graf", body, []string{signature, sign("other")}},
		"no hexadecimal":         {401, "graf", body, []string{signature, "zz"}},
		"a replayed signature":   {401, "graf", body, []string{stamp, old, signature, sign(old + ":" + body)}},
		"the token as signature": {401, "graf", body, []string{"Authorization", "Bearer " + alertKey}},
		"another name":           {404, "none", body, nil},
		"no JSON":                {400, "main", "x", []string{"Authorization", "Bearer " + alertKey}},
		"another document":       {400, "main", `{"ok": true}`, []string{"Authorization", "Bearer " + alertKey}},
		"too much":               {413, "main", strings.Repeat(" ", 2<<20), []string{"Authorization", "Bearer " + alertKey}},
		"too many":               {400, "main", `{"alerts": [` + strings.Repeat(`{"status": "firing"},`, 600) + `{"status": "firing"}]}`, []string{"Authorization", "Bearer " + alertKey}},
	} {
		if got := send(c.receiver, c.body, c.headers...); got != c.status {
			t.Errorf("%s is answered with %d, want %d", name, got, c.status)
		}
	}
	if all := s.events("alert"); len(all) != 0 {
		t.Errorf("the journal has %v", all)
	}
	if refused := s.events("alert-refused"); len(refused) != 2 || !strings.Contains(refused[0], "127.0.0.1") {
		t.Errorf("the journal says of the strangers %v, want one entry a receiver and minute", refused)
	}
	for _, headers := range [][]string{{signature, sign(body)}, {stamp, now, signature, sign(now + ":" + body)}} {
		if got := send("graf", body, headers...); got != http.StatusNoContent {
			t.Errorf("a right signature is answered with %d", got)
		}
	}
	if all := s.events("alert"); len(all) != 1 || all[0] != "alert: Disk" {
		t.Errorf("the journal has %v, want the alert once", all)
	}
}
