package web

import (
	"testing"
	"time"
)

func TestALoginLeadsToAPageHereAndNowhereElse(t *testing.T) {
	for next, want := range map[string]string{
		"/services/web?before=3":  "/services/web?before=3",
		"":                        "/",
		"services":                "/",
		"//evil.example":          "/",
		"https://evil.example/":   "/",
		`/\evil.example`:          "/",
		"/a\r\nSet-Cookie: x=y":   "/",
		"javascript:alert(1)":     "/",
		"/\tevil.example":         "/",
		"http:/evil.example":      "/",
		"/rollouts/web-1?x=http:": "/rollouts/web-1?x=http:",
	} {
		if got := local(next); got != want {
			t.Errorf("after the login %q leads to %q, want %q", next, got, want)
		}
	}
}

func TestTimesAreSaidInTheLargestUnitThatSaysEnough(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 300 * time.Microsecond: "under 1ms", 42 * time.Millisecond: "42ms", 2500 * time.Millisecond: "2.5s", 90 * time.Second: "90s",
		20 * time.Minute: "20 min", 30 * time.Hour: "30 h", 72 * time.Hour: "3 days",
	} {
		if got := took(d); got != want {
			t.Errorf("%v is said as %q, want %q", d, got, want)
		}
	}
}
