package notify

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestAWebhookIsASignedCloudEvent(t *testing.T) {
	r := receive(t, func(w http.ResponseWriter, _ int) { w.WriteHeader(http.StatusAccepted) })
	err := deliverNow(t, "webhook", map[string]any{
		"url": r.URL + "/hook?team=ops", "secret": map[string]any{"secret": "whsec"}, "source": "goodstate/fra1",
		"headers": map[string]any{"Authorization": map[string]any{"secret": "token"}, "X-Team": "ops"},
	}, rolledBack("1"))
	if err != nil {
		t.Fatal(err)
	}
	got := r.only(t)
	if got.path != "/hook?team=ops" || got.header.Get("Content-Type") != "application/cloudevents+json; charset=utf-8" ||
		got.header.Get("Authorization") != secrets["token"] || got.header.Get("X-Team") != "ops" {
		t.Errorf("request: %s %v", got.path, got.header)
	}
	var e map[string]any
	if err := json.Unmarshal(got.body, &e); err != nil {
		t.Fatal(err)
	}
	data, _ := e["data"].(map[string]any)
	for name, want := range map[string]any{
		"specversion": "1.0", "id": "1", "source": "goodstate/fra1", "type": "dev.goodstate.rollout.rolled_back", "subject": "shop",
		"time": "2026-03-01T12:00:00Z", "datacontenttype": "application/json",
	} {
		if e[name] != want {
			t.Errorf("%s is %v, want %v", name, e[name], want)
		}
	}
	if data["release"] != "v2" || data["severity"] != "critical" || data["title"] != rolledBack("1").Title {
		t.Errorf("data is %v", data)
	}
	key, err := signingKey(secrets["whsec"])
	if err != nil {
		t.Fatal(err)
	}
	stamp := got.header.Get("Webhook-Timestamp")
	if want := Signature(key, "1", stamp, got.body); got.header.Get("Webhook-Signature") != want || got.header.Get("Webhook-Id") != "1" {
		t.Errorf("signature %s of %s, want %s", got.header.Get("Webhook-Signature"), got.header.Get("Webhook-Id"), want)
	}
	if at, err := strconv.ParseInt(stamp, 10, 64); err != nil || time.Since(time.Unix(at, 0)).Abs() > time.Minute {
		t.Errorf("timestamp is %s", stamp)
	}
}

// The values were computed with openssl: printf '%s' 'msg_1.1614265330.{"a":1}' | openssl dgst -sha256 -mac HMAC -macopt hexkey:... -binary | base64.
func TestSignaturesAreThoseOfOtherPrograms(t *testing.T) {
	for secret, want := range map[string]string{
		"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw": "8WmO9OATkSvjxs+eEJolmK2V9ge32ryGE0kSd4GZiDY=",
		"plain text key":                         "Qu7Ot1wELIcTsk6m0xoGAllWvmfAXOPCyKs2bPPS7yQ=",
	} {
		key, err := signingKey(secret)
		if err != nil {
			t.Fatal(err)
		}
		if got := Signature(key, "msg_1", "1614265330", []byte(`{"a":1}`)); got != "v1,"+want {
			t.Errorf("%s: %s, want %s", secret, got, want)
		}
	}
	if _, err := signingKey("whsec_???"); err == nil || strings.Contains(err.Error(), "???") {
		t.Errorf("a damaged key: %v", err)
	}
}

func TestErrorsOfAWebhookDoNotTellItsSecretAddress(t *testing.T) {
	r := receive(t, func(w http.ResponseWriter, _ int) {
		http.Error(w, "no hook T0KEN-IN-PATH here, nor hush hush hush", http.StatusNotFound)
	})
	redirect := receive(t, func(w http.ResponseWriter, _ int) {
		w.Header().Set("Location", r.URL)
		w.WriteHeader(http.StatusMovedPermanently)
	})
	for why, c := range map[string]struct{ address, want string }{
		"an error answer":  {r.URL + "/T0KEN-IN-PATH?key=S3CRET-KEY", "answered 404 (no hook (secret address) here, nor (secret key))"},
		"a redirect":       {redirect.URL + "/T0KEN-IN-PATH", "answered 301; redirects are not followed"},
		"nobody listens":   {"http://127.0.0.1:1/T0KEN-IN-PATH?key=S3CRET-KEY", "connection refused"},
		"not a URL":        {"T0KEN-IN-PATH", "is no web address"},
		"not a URL at all": {"http://127.0.0.1:1/T0KEN-IN-PATH\x00", "is no web address"},
		"another scheme":   {"ftp://127.0.0.1/T0KEN-IN-PATH", "is no web address"},
	} {
		secrets["address"] = c.address
		err := deliverNow(t, "webhook", map[string]any{"url": map[string]any{"secret": "address"}, "secret": map[string]any{"secret": "key"}}, rolledBack("1"))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error is %v, want one with %q", why, err, c.want)
		}
		for _, secret := range []string{"T0KEN", "S3CRET", "hush"} {
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error tells a secret: %v", why, err)
			}
		}
	}
	if n := len(redirect.all()); n != 1 {
		t.Errorf("%d requests to the one that redirects", n)
	}
}
