package proxy

import (
	"math"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"

	"goodstate.dev/goodstate/rollout/traffic"
)

// users are clients with a cookie jar each, over shared connections.
func users(t testing.TB, n int) []*http.Client {
	t.Helper()
	b := browser(t)
	out := make([]*http.Client, n)
	for i := range out {
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		out[i] = &http.Client{Transport: b.Transport, Jar: jar}
	}
	return out
}

func TestAUserIsMovedOnlyWhenTheSharesNeedItAndNeverBackWhileTheNewReleaseGrows(t *testing.T) {
	c := inside(t, Options{})
	r := routeTo(t, nil, instanceOf(t, "v1", nil), instanceOf(t, "v2", nil))
	r.Sticky = "cookie"
	all := users(t, 400)
	on := make([]string, len(all))
	visit := func(w int) (onNew, toNew, toOld int) {
		r.Weights = map[string]int{"v1": traffic.Full - w, "v2": w}
		apply(t, c, r)
		for i, u := range all {
			_, body, h := get(t, u, "http://"+r.Listen)
			if body != on[i] && on[i] != "" {
				if body == "v2" {
					toNew++
				} else {
					toOld++
				}
			}
			if cookie := h.Get("Set-Cookie"); (cookie != "") != (body != on[i]) {
				t.Fatalf("user on %q went to %q with cookie %q", on[i], body, cookie)
			}
			on[i] = body
			if body == "v2" {
				onNew++
			}
		}
		return onNew, toNew, toOld
	}
	before := 0
	for _, w := range []int{0, 1000, 2500, 2500, 5000, traffic.Full} {
		onNew, toNew, toOld := visit(w)
		if toOld != 0 {
			t.Errorf("%d users went back to v1 while v2 grew to %d", toOld, w)
		}
		if w == 2500 && before == onNew && toNew != 0 {
			t.Errorf("%d users were moved by the same weights", toNew)
		}
		share := float64(w) / traffic.Full
		if sd := math.Sqrt(share * (1 - share) * float64(len(all))); math.Abs(float64(onNew)-share*float64(len(all))) > 4.5*sd {
			t.Errorf("%d of %d users on v2 at %d", onNew, len(all), w)
		}
		before = onNew
	}
	if _, toNew, _ := visit(4000); toNew != 0 {
		t.Errorf("%d users were moved to v2 while it shrank", toNew)
	}
	if onNew, _, _ := visit(0); onNew != 0 {
		t.Errorf("%d users stayed on a release without weight", onNew)
	}
}

func TestTheCookieSaysNothingAndIsSafe(t *testing.T) {
	c := inside(t, Options{})
	r := routeTo(t, map[string]int{"v1": traffic.Full}, instanceOf(t, "v1", nil))
	r.Sticky = "cookie"
	apply(t, c, r)
	_, _, h := get(t, browser(t), "http://"+r.Listen)
	cookie := h.Get("Set-Cookie")
	for _, want := range []string{"goodstate=", ".v1;", "HttpOnly", "SameSite=Lax", "Path=/"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("cookie %q has no %q", cookie, want)
		}
	}
	if strings.Contains(cookie, "Secure") {
		t.Errorf("cookie %q is Secure without TLS", cookie)
	}
}

func TestForeignAndBrokenCookiesAreNoClients(t *testing.T) {
	const id = "0123456789abcdef01234567"
	for _, c := range []struct {
		lines           []string
		client, release string
	}{
		{nil, "", ""},
		{[]string{"goodstate=" + id + ".v1"}, id, "v1"},
		{[]string{"a=b; goodstate=" + id + ".v1.2-x; c=d"}, id, "v1.2-x"},
		{[]string{"a=b", "goodstate=" + id + ".v1"}, id, "v1"},
		{[]string{"goodstate=short.v1"}, "", ""},
		{[]string{"goodstate=" + strings.ToUpper(id) + ".v1"}, "", ""},
		{[]string{"goodstate=" + id}, id, ""},
		{[]string{"xgoodstate=" + id + ".v1; goodstate"}, "", ""},
		{[]string{"goodstate=;goodstate=" + id + ".v2"}, id, "v2"},
	} {
		h := http.Header{"Cookie": c.lines}
		if client, release := stickyOf(h); client != c.client || release != c.release {
			t.Errorf("%q: got %q, %q", c.lines, client, release)
		}
	}
}

func TestWeightsHoldForRequestsWithoutCookie(t *testing.T) {
	c := inside(t, Options{})
	r := routeTo(t, map[string]int{"v1": 9000, "v2": 950, "v3": 50}, instanceOf(t, "v1", nil), instanceOf(t, "v2", nil), instanceOf(t, "v3", nil), instanceOf(t, "v4", nil))
	apply(t, c, r)
	b := browser(t)
	const n = 4000
	seen := map[string]int{}
	for range n {
		_, body, h := get(t, b, "http://"+r.Listen)
		seen[body]++
		if h.Get("Set-Cookie") != "" || h.Get(releaseHeader) != body {
			t.Fatalf("headers %v from %s", h, body)
		}
	}
	for release, w := range map[string]int{"v1": 9000, "v2": 950, "v3": 50, "v4": 0} {
		p := float64(w) / traffic.Full
		if sd := math.Sqrt(p * (1 - p) * n); math.Abs(float64(seen[release])-p*n) > 4.5*sd {
			t.Errorf("%s answered %d of %d, want %.0f", release, seen[release], n, p*n)
		}
	}
}
