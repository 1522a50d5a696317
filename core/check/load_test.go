package check_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/check"
	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/good"
)

func loadSpec(t *testing.T, format, run string, limits ...string) check.Spec {
	t.Helper()
	c, err := config.Choose[check.Check]("load", map[string]any{"run": run, "format": format, "limits": limits})
	if err != nil {
		t.Fatal(err)
	}
	return check.Spec{Choice: c, Timeout: config.Duration(3 * time.Minute)}
}

// Vegeta as the tools' module has it, under real load on loopback.
func TestVegetasReportIsHeldAgainstTheLimits(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	var visits atomic.Int64
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if visits.Add(1)%5 == 0 {
			http.Error(w, "no", http.StatusInternalServerError)
		}
	}))
	defer site.Close()
	tool := "go tool -modfile=tools/go.mod vegeta "
	run := `echo "GET $GOODSTATE_URL" | ` + tool + "attack -duration=1s -rate=50/s | " + tool + "report -type=json"
	target := check.Target{Dir: root, BaseURL: site.URL, Release: "v1"}
	f := loadSpec(t, "vegeta", run, "errors < 30%", "p99 < 2s", "requests > 10/s").Run(t.Context(), "load", target)
	if f.Verdict != good.Pass || !strings.Contains(f.Observed, "50 requests, errors 20%") {
		t.Errorf("%s\n%s", f, f.Detail)
	}
	f = loadSpec(t, "vegeta", run, "errors < 1%").Run(t.Context(), "load", target)
	if f.Verdict != good.Fail {
		t.Errorf("%s", f)
	}
}

func TestASummaryThatSaysNothingIsUnknown(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"no output":              ``,
		"no JSON":                `all fine`,
		"another document":       `{"ok": true}`,
		"no requests":            `{"latencies":{"95th":0},"requests":0,"success":0}`,
		"a value that is absent": `{"latencies":{"99th":1},"requests":5,"success":1}`,
		"a value that cannot be": `{"latencies":{"95th":1},"requests":5,"success":7}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, "out"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if f := loadSpec(t, "vegeta", "cat out", "p95 < 1s").Run(t.Context(), "load", check.Target{Dir: dir}); f.Verdict != good.Unknown || f.Observed == "" {
			t.Errorf("%s: %s", name, f)
		}
	}
}

func TestASummaryOfAnEarlierRunDoesNotCount(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "sum.json"), []byte(`{"latencies":{"95th":1},"requests":5,"success":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Choose[check.Check]("load", map[string]any{"run": "true", "format": "vegeta", "report": "sum.json", "limits": []string{"p95 < 1s"}})
	if err != nil {
		t.Fatal(err)
	}
	if f := (check.Spec{Choice: c}).Run(t.Context(), "load", check.Target{Dir: dir}); f.Verdict != good.Unknown || !strings.Contains(f.Observed, "earlier run") {
		t.Errorf("%s", f)
	}
}

func TestALimitOfALoadTestThatCannotBeReadIsRefused(t *testing.T) {
	for _, limit := range []string{"p95", "p95 < fast", "p0 < 1s", "speed > 1", "errors = 1%"} {
		c, err := config.Choose[check.Check]("load", map[string]any{"run": "true", "format": "k6", "limits": []string{limit}})
		if err == nil {
			_, err = c.New()
		}
		if err == nil {
			t.Errorf("%s was taken", limit)
		}
	}
}
