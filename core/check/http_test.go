package check_test

import (
	"context"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"goodstate.dev/goodstate/core/check"
	"goodstate.dev/goodstate/core/good"
)

func site(t *testing.T, h http.HandlerFunc) check.Target {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return check.Target{BaseURL: s.URL, Release: "v2"}
}

func TestAnAnswerIsJudgedByStatusAndBody(t *testing.T) {
	target := site(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/gone":
			http.Redirect(w, r, "/new", http.StatusMovedPermanently)
		case "/down":
			http.Error(w, "no database", http.StatusServiceUnavailable)
		case "/cut":
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "half")
		default:
			fmt.Fprint(w, "shop version 12, ready")
		}
	})
	for name, c := range map[string]struct {
		check   string
		verdict good.Verdict
		says    []string
	}{
		"any 2xx will do":               {`http: {url: /}`, good.Pass, []string{"/ answered 200"}},
		"another status":                {`http: {url: /down, status: 200}`, good.Fail, []string{"/down answered 503", "status 200", "no database"}},
		"one of several":                {`http: {url: /down, status: "200,5xx"}`, good.Pass, nil},
		"a text that is there":          {`http: {url: /, contains: ready}`, good.Pass, nil},
		"a text that is not":            {`http: {url: /, contains: Add to cart}`, good.Fail, []string{"Add to cart"}},
		"a pattern that matches":        {`http: {url: /, matches: 'version \d+'}`, good.Pass, nil},
		"a pattern that does not":       {`http: {url: /, matches: 'version [a-z]+'}`, good.Fail, []string{"version [a-z]+"}},
		"a redirect is not followed":    {`http: {url: /gone}`, good.Fail, []string{"answered 301", "redirects to /new"}},
		"unless it is asked for":        {`http: {url: /gone, follow: true}`, good.Pass, nil},
		"an answer that ends too early": {`http: {url: /cut}`, good.Fail, []string{"unexpected EOF"}},
		"nobody listens":                {`http: {url: "http://127.0.0.1:1/"}`, good.Fail, []string{"connection refused"}},
	} {
		t.Run(name, func(t *testing.T) { says(t, look(t, c.check, target), c.verdict, c.says...) })
	}
}

func TestARelativeAddressWithoutAnInstanceIsUnknown(t *testing.T) {
	says(t, look(t, `http: {url: /healthz}`, check.Target{}), good.Unknown, "/healthz is relative")
}

func TestACertificateIsVerified(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	target := check.Target{BaseURL: s.URL}
	says(t, look(t, `http: {url: /}`, target), good.Fail, "certificate")
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	says(t, look(t, fmt.Sprintf(`http: {url: /, ca: %q}`, ca), target), good.Pass)
}

func TestAHeaderMayBeASecret(t *testing.T) {
	target := site(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer 123" || r.Host != "shop.example.com" {
			w.WriteHeader(http.StatusForbidden)
		}
	})
	text := `http: {url: /, headers: {Authorization: {secret: api}, Host: shop.example.com}}`
	says(t, look(t, text, target), good.Unknown, "secret api")
	target.Secret = func(_ context.Context, name string) (string, error) { return "Bearer 123", nil }
	says(t, look(t, text, target), good.Pass)
}

func TestAFailureIsRetriedBeforeItCounts(t *testing.T) {
	var asked atomic.Int32
	target := site(t, func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) < 3 {
			w.WriteHeader(http.StatusBadGateway)
		}
	})
	says(t, look(t, "http: {url: /}\nretries: 1\nevery: 10ms", target), good.Fail)
	says(t, look(t, "http: {url: /}\nretries: 1\nevery: 10ms", target), good.Pass)
}

func TestALongBodyIsReadOnlyInPart(t *testing.T) {
	target := site(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, strings.Repeat("x", 3<<20), "the end")
	})
	says(t, look(t, `http: {url: /, contains: the end}`, target), good.Fail)
}

func TestFollowingDoesNotCarryASecretToAnotherHost(t *testing.T) {
	var leaked atomic.Value
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { leaked.Store(r.Header.Get("X-Api-Key")) }))
	defer other.Close()
	elsewhere := strings.Replace(other.URL, "127.0.0.1", "localhost", 1)
	target := site(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere, http.StatusFound) })
	target.Secret = func(context.Context, string) (string, error) { return "very-secret-key", nil }
	f := look(t, `http: {url: /, follow: true, headers: {X-Api-Key: {secret: api}}}`, target)
	if leaked.Load() != nil {
		t.Errorf("the other host was asked, with the key %q", leaked.Load())
	}
	says(t, f, good.Fail, "another host")
}

func TestASecretThatIsEchoedIsNotInTheFinding(t *testing.T) {
	target := site(t, func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "bad key "+r.Header.Get("X-Api-Key"), http.StatusForbidden)
	})
	target.Secret = func(context.Context, string) (string, error) { return "very-secret-key", nil }
	f := look(t, `http: {url: /, headers: {X-Api-Key: {secret: api}}}`, target)
	says(t, f, good.Fail, "bad key (secret api)")
	if strings.Contains(f.Detail, "very-secret") {
		t.Errorf("the secret is in the evidence: %s", f.Detail)
	}
}
