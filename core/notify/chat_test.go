package notify

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// at follows keys and indexes into decoded JSON.
func at(t *testing.T, body []byte, steps ...any) any {
	t.Helper()
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	for _, step := range steps {
		switch s := step.(type) {
		case string:
			m, _ := value.(map[string]any)
			value = m[s]
		case int:
			list, _ := value.([]any)
			if s >= len(list) {
				t.Fatalf("no %v in %s", steps, body)
			}
			value = list[s]
		}
	}
	return value
}

func wantAt(t *testing.T, body []byte, want any, steps ...any) {
	t.Helper()
	if got := at(t, body, steps...); got != want {
		t.Errorf("%v is %v, want %v", steps, got, want)
	}
}

func TestSlackIsToldThroughItsWebhook(t *testing.T) {
	r := receive(t, func(w http.ResponseWriter, _ int) { fmt.Fprint(w, "ok") })
	secrets["slack"] = r.URL + "/services/T000/B000/XXXX"
	if err := deliverNow(t, "slack", map[string]any{"url": map[string]any{"secret": "slack"}}, rolledBack("1")); err != nil {
		t.Fatal(err)
	}
	got := r.only(t)
	if got.path != "/services/T000/B000/XXXX" || got.header.Get("Content-Type") != "application/json" {
		t.Errorf("request: %s %v", got.path, got.header)
	}
	wantAt(t, got.body, "<https://goodstate.example/rollouts/run-1|shop: v2 &lt;rolled back&gt; &amp; held>", "text")
	wantAt(t, got.body, "errors 24.8 %, want at most 2 %\nfound after 4 s", "attachments", 0, "text")
	wantAt(t, got.body, "#c62828", "attachments", 0, "color")
	wantAt(t, got.body, "shop", "attachments", 0, "fields", 0, "value")
}

func TestSlackIsToldByABot(t *testing.T) {
	answers := []string{`{"ok":true}`, `{"ok":false,"error":"channel_not_found"}`, `{"ok":false,"error":"msg_too_long"}`, `<html>`}
	r := receive(t, func(w http.ResponseWriter, attempt int) { fmt.Fprint(w, answers[attempt-1]) })
	n := hurried(t, nil, rule(t, "", "slack", map[string]any{"token": map[string]any{"secret": "token"}, "channel": "#ops", "api": r.URL + "/api/"}))
	defer n.client.CloseIdleConnections()
	for i, want := range []struct {
		problem string
		final   bool
	}{{"", false}, {"slack chat.postMessage: channel_not_found", false}, {"slack chat.postMessage: msg_too_long", true}, {"the answer is not JSON", false}} {
		said, err := n.deliver(t.Context(), n.lanes[0], rolledBack("1"), "key")
		if (err == nil) != (want.problem == "") || err != nil && !strings.Contains(err.Error(), want.problem) || said.final != want.final {
			t.Errorf("answer %s: %v, %v", answers[i], err, said)
		}
	}
	got := r.all()[0]
	if got.path != "/api/chat.postMessage" || got.header.Get("Authorization") != "Bearer "+secrets["token"] {
		t.Errorf("request: %s %v", got.path, got.header)
	}
	wantAt(t, got.body, "#ops", "channel")
}

func TestTeamsGetsACard(t *testing.T) {
	r := receive(t, func(w http.ResponseWriter, _ int) { w.WriteHeader(http.StatusAccepted) })
	if err := deliverNow(t, "teams", map[string]any{"url": r.URL + "/workflows/1"}, rolledBack("1")); err != nil {
		t.Fatal(err)
	}
	body := r.only(t).body
	wantAt(t, body, "message", "type")
	wantAt(t, body, "application/vnd.microsoft.card.adaptive", "attachments", 0, "contentType")
	wantAt(t, body, "AdaptiveCard", "attachments", 0, "content", "type")
	wantAt(t, body, "shop: v2 <rolled back> & held", "attachments", 0, "content", "body", 0, "text")
	wantAt(t, body, "attention", "attachments", 0, "content", "body", 0, "color")
	wantAt(t, body, "v2", "attachments", 0, "content", "body", 2, "facts", 1, "value")
	wantAt(t, body, "https://goodstate.example/rollouts/run-1", "attachments", 0, "content", "actions", 0, "url")
}

func TestPagerDutyHasOneIncidentForARun(t *testing.T) {
	r := receive(t, func(w http.ResponseWriter, _ int) { w.WriteHeader(http.StatusAccepted) })
	secrets["pagerduty"] = "R0UTINGKEY"
	settings := map[string]any{"key": map[string]any{"secret": "pagerduty"}, "api": r.URL}
	promoted := rolledBack("2")
	promoted.Type, promoted.Phase, promoted.Severity = "rollout.promoted", End, Info
	for _, e := range []Event{rolledBack("1"), promoted} {
		if err := deliverNow(t, "pagerduty", settings, e); err != nil {
			t.Fatal(err)
		}
	}
	trigger, resolve := r.all()[0], r.all()[1]
	if trigger.path != "/v2/enqueue" {
		t.Errorf("sent to %s", trigger.path)
	}
	wantAt(t, trigger.body, "R0UTINGKEY", "routing_key")
	wantAt(t, trigger.body, "trigger", "event_action")
	wantAt(t, trigger.body, "goodstate/run-1", "dedup_key")
	wantAt(t, trigger.body, "critical", "payload", "severity")
	wantAt(t, trigger.body, "shop: v2 <rolled back> & held", "payload", "summary")
	wantAt(t, trigger.body, "shop", "payload", "source")
	wantAt(t, trigger.body, "2026-03-01T12:00:00Z", "payload", "timestamp")
	wantAt(t, trigger.body, 12.0, "payload", "custom_details", "data", "failed_requests")
	wantAt(t, resolve.body, "resolve", "event_action")
	wantAt(t, resolve.body, "goodstate/run-1", "dedup_key")
	wantAt(t, resolve.body, nil, "payload")
}

func TestAnInvalidEventIsNotSentToPagerDutyAgain(t *testing.T) {
	r := receive(t, func(w http.ResponseWriter, _ int) {
		http.Error(w, `{"status":"invalid event","errors":["R0UTINGKEY"]}`, http.StatusBadRequest)
	})
	secrets["pagerduty"] = "R0UTINGKEY"
	n := hurried(t, nil, rule(t, "", "pagerduty", map[string]any{"key": map[string]any{"secret": "pagerduty"}, "api": r.URL}))
	defer n.client.CloseIdleConnections()
	said, err := n.deliver(t.Context(), n.lanes[0], rolledBack("1"), "key")
	if err == nil || !said.final || strings.Contains(err.Error(), "R0UTINGKEY") || !strings.Contains(err.Error(), "invalid event") {
		t.Errorf("%v, %+v", err, said)
	}
}

func TestOtherServicesAreToldThroughShoutrrr(t *testing.T) {
	r := receive(t, func(w http.ResponseWriter, _ int) { fmt.Fprint(w, `{"id":1,"message":"x","appid":1}`) })
	host := strings.TrimPrefix(r.URL, "http://")
	for _, address := range []string{"ntfy://" + host + "/rollouts?scheme=http", "gotify://" + host + "/AtokenOf15chars?disabletls=yes", "generic://" + host + "/hook?disabletls=yes&template=json"} {
		secrets["address"] = address
		if err := deliverNow(t, "url", map[string]any{"address": map[string]any{"secret": "address"}}, rolledBack("1")); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, got := range r.all() {
		if body := string(got.body); !strings.Contains(body, "want at most 2 %") || !strings.Contains(body, "release: v2") {
			t.Errorf("%s got %s", got.path, body)
		}
	}
	if n := len(r.all()); n != 3 {
		t.Errorf("%d requests, want 3", n)
	}
}

func TestErrorsOfServicesDoNotTellTheirTokens(t *testing.T) {
	r := receive(t, func(w http.ResponseWriter, _ int) {
		http.Error(w, `{"error":"Unauthorized","errorCode":401,"errorDescription":"AtokenOf15chars is not valid"}`, http.StatusUnauthorized)
	})
	host := strings.TrimPrefix(r.URL, "http://")
	for _, address := range []string{
		"gotify://" + host + "/AtokenOf15chars?disabletls=yes",
		"generic://" + host + "/AtokenOf15chars?disabletls=yes&token=AtokenOf15chars",
		"generic://127.0.0.1:1/AtokenOf15chars?disabletls=yes",
		"ntfy://someone:AtokenOf15chars@" + host + "/topic?scheme=http",
		"discord://AtokenOf15chars", "telegram://AtokenOf15chars", "slack://AtokenOf15chars@", "teams://AtokenOf15chars/x", "smtp://AtokenOf15chars",
		"nothing://AtokenOf15chars", "AtokenOf15chars", "://AtokenOf15chars", "ntfy://%zz/AtokenOf15chars", "matrix://:AtokenOf15chars@",
	} {
		secrets["address"] = address
		err := deliverNow(t, "url", map[string]any{"address": map[string]any{"secret": "address"}}, rolledBack("1"))
		switch {
		case err == nil:
			t.Errorf("%s was taken", address)
		case strings.Contains(err.Error(), "AtokenOf15chars"):
			t.Errorf("the error tells the token: %v", err)
		}
	}
}
