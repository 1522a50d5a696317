package prometheus_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/prometheus"
	"goodstate.dev/goodstate/internal/real"
)

// shop exports what a program would.
func shop(t *testing.T) (address string, silent *atomic.Bool) {
	t.Helper()
	silent = &atomic.Bool{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "# TYPE stock gauge\n")
		if !silent.Load() {
			fmt.Fprint(w, "stock{release=\"v1\"} 12\nstock{release=\"v2\"} 30\nempty 0\n")
		}
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://"), silent
}

func ask(t *testing.T, s prometheus.Server, query string, at time.Time) (float64, error) {
	t.Helper()
	ctx, stop := context.WithTimeoutCause(t.Context(), 3*time.Second, errors.New("no answer within 3s"))
	defer stop()
	return s.Ask(ctx, query, at, nil)
}

func TestANumberComesFromARealPrometheusAndEverythingElseIsAnError(t *testing.T) {
	target, silent := shop(t)
	url, kill := real.Prometheus(t, []string{target}, "", "")
	if url == "" {
		return
	}
	s := prometheus.Server{URL: url, Stale: config.Duration(2 * time.Second)}
	real.Eventually(t, 20*time.Second, "the first samples are there", func() bool {
		v, err := ask(t, s, `stock{release="v1"}`, time.Time{})
		return err == nil && v == 12
	})
	then := time.Now()
	for query, want := range map[string]string{
		`stock{release="v3"}`: "no series",
		`stock`:               "2 series",
		`empty / empty`:       "NaN",
		`stock{`:              "refused the query",
		`stock[1m]`:           "matrix",
	} {
		if v, err := ask(t, s, query, time.Time{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s gave %g, %v; want an error with %q", query, v, err, want)
		}
	}
	if v, err := ask(t, s, `sum(stock)`, time.Time{}); err != nil || v != 42 {
		t.Errorf("sum(stock) is %g, %v; want 42", v, err)
	}
	if v, err := ask(t, s, `7`, time.Time{}); err != nil || v != 7 {
		t.Errorf("a scalar is %g, %v; want 7", v, err)
	}
	silent.Store(true)
	real.Eventually(t, 20*time.Second, "samples that do not come any more are missing", func() bool {
		_, err := ask(t, s, `stock{release="v1"}`, time.Time{})
		return errors.Is(err, prometheus.ErrNoData)
	})
	if v, err := ask(t, s, `stock{release="v1"}`, then); err != nil || v != 12 {
		t.Errorf("a moment that is over gives %g, %v; want 12", v, err)
	}
	kill()
	if v, err := ask(t, s, `7`, time.Time{}); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("a dead Prometheus gives %g, %v", v, err)
	}
}

func TestASampleThatIsOlderThanStaleIsMissing(t *testing.T) {
	target, _ := shop(t)
	url, _ := real.Prometheus(t, []string{target}, "", "")
	if url == "" {
		return
	}
	s := prometheus.Server{URL: url, Stale: config.Duration(2 * time.Second)}
	real.Eventually(t, 20*time.Second, "the first samples are there", func() bool {
		_, err := ask(t, s, `sum(stock)`, time.Time{})
		return err == nil
	})
	later := time.Now().Add(30 * time.Second) // to this moment the newest sample is 30s old: Prometheus itself would give it for 5m
	if v, err := ask(t, s, `sum(stock)`, later); err == nil || !strings.Contains(err.Error(), "old") {
		t.Errorf("a sample of 30s ago gives %g, %v; want that it is too old", v, err)
	}
	s.Stale = config.Duration(time.Minute)
	if v, err := ask(t, s, `sum(stock)`, later); err != nil || v != 42 {
		t.Errorf("with stale 1m it gives %g, %v; want 42", v, err)
	}
}

// A server that takes the question and never answers it.
func TestASlowPrometheusIsAnErrorInTime(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, stop := context.WithTimeoutCause(t.Context(), 200*time.Millisecond, errors.New("no answer within 200ms"))
	defer stop()
	s := prometheus.Server{URL: "http://" + l.Addr().String(), Stale: config.Duration(time.Minute)}
	began := time.Now()
	if v, err := s.Ask(ctx, "up", time.Time{}, nil); err == nil || !strings.Contains(err.Error(), "no answer within 200ms") {
		t.Errorf("it gave %g, %v", v, err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestANameCannotBecomeAPartOfTheQuery(t *testing.T) {
	got := prometheus.Fill(`x{version="{{version}}", other="{{other}}"}`, map[string]string{"version": `v"} or vector(1) #\`})
	if want := `x{version="v\"} or vector(1) #\\", other="{{other}}"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := prometheus.Any([]string{"127.0.0.1:80", "a+b:1"}); got != `127\.0\.0\.1:80|a\+b:1` {
		t.Errorf("Any gave %s", got)
	}
	if _, err := prometheus.Blanks(`x{{relaese}}`, "release"); err == nil || !strings.Contains(err.Error(), "{{release}}") {
		t.Errorf("an unknown blank gives %v", err)
	}
}

func TestAPasswordStaysOutOfErrorsAndOnlyGoesToTheServer(t *testing.T) {
	var sent atomic.Value
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { sent.Store(r.Header.Get("Authorization")) }))
	defer other.Close()
	here := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, password, _ := r.BasicAuth(); password != "open sesame" {
			t.Errorf("password %q came", password)
		}
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	}))
	defer here.Close()
	s := prometheus.Server{URL: here.URL, User: "ann", Password: config.SecretNamed("prom"), Stale: config.Duration(time.Minute)}
	_, err := s.Ask(t.Context(), "up", time.Time{}, func(context.Context, string) (string, error) { return "open sesame", nil })
	if err == nil || strings.Contains(err.Error(), "sesame") {
		t.Errorf("the error is %v", err)
	}
	if sent.Load() != nil {
		t.Error("the redirect was followed")
	}
}
