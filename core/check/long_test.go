package check_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/check"
	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/good"
)

func TestALongLookFindsWhatBreaksAfterAWhile(t *testing.T) {
	var asked atomic.Int64
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) >= 5 && r.URL.Path == "/bad" {
			http.Error(w, "no price", http.StatusInternalServerError)
		}
	}))
	defer site.Close()
	look := func(path string) (check.Spec, check.Target) {
		choice, err := config.Choose[check.Check]("http", map[string]any{"url": path})
		if err != nil {
			t.Fatal(err)
		}
		asked.Store(0)
		return check.Spec{Choice: choice, For: config.Duration(300 * time.Millisecond), Every: config.Duration(10 * time.Millisecond)}, check.Target{BaseURL: site.URL}
	}
	spec, target := look("/bad")
	if f := spec.Run(t.Context(), "item", target); f.Verdict != good.Pass {
		t.Fatalf("one look says %s", f)
	}
	spec, target = look("/bad")
	if f := spec.Long(t.Context(), "item", target); f.Verdict != good.Fail || !strings.Contains(f.Observed, "in look 5 ") || asked.Load() != 5 {
		t.Fatalf("after %d looks it says %s", asked.Load(), f)
	}
	spec, target = look("/good")
	if f := spec.Long(t.Context(), "item", target); f.Verdict != good.Pass || !strings.Contains(f.Observed, "looks in") || f.Took < 300*time.Millisecond {
		t.Fatalf("it says %s after %s", f, f.Took)
	}
	spec.For = 0
	if f := spec.Long(t.Context(), "item", target); f.Verdict != good.Pass || strings.Contains(f.Observed, "looks") {
		t.Fatalf("without a time it says %s", f)
	}
}
