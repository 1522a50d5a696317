package testreport

import (
	"math"
	"os"
	"slices"
	"strings"
	"testing"
)

// Both files were written by k6 1.8.1: forty requests of a site of which every tenth answer is a 500.
func TestBothSummariesOfK6AreRead(t *testing.T) {
	for file, broken := range map[string][]string{"k6-export.json": {"http_req_duration: p(95)<1"}, "k6-handle.json": nil} {
		f, err := os.Open("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		l, err := K6(f)
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if err != nil || l.Requests != 40 || math.Abs(l.Values["errors"]-0.1) > 1e-9 || !slices.Equal(l.Broken, broken) {
			t.Errorf("%s: %+v, %v", file, l, err)
		}
		p95, p50 := l.Values["p95"], l.Values["p50"]
		if p95 <= p50 || p95 > 1 || p50 <= 0 || l.Values["requests"] <= 0 {
			t.Errorf("%s: p95 is %gs, p50 %gs", file, p95, p50)
		}
	}
}

func TestASummaryThatIsNoneIsAnError(t *testing.T) {
	for name, text := range map[string]string{
		"nothing": "", "no JSON": "{", "no metrics": "{}", "no requests": `{"metrics": {"http_req_failed": {"value": 0}}}`,
		"a share above one": `{"metrics": {"http_reqs": {"count": 1}, "http_req_failed": {"value": 3}}}`, "too long": `{"a": "` + strings.Repeat("a", mostLoad) + `"}`,
	} {
		if l, err := K6(strings.NewReader(text)); err == nil {
			t.Errorf("k6, %s: %+v", name, l)
		}
		if l, err := Vegeta(strings.NewReader(text)); err == nil {
			t.Errorf("vegeta, %s: %+v", name, l)
		}
	}
}
