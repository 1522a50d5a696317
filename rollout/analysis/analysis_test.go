package analysis

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/rollout/traffic"
)

// incident is a rollout of v2 that fails from its fourth second on, seen by the judge two seconds later.
func incident() Facts {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	v1, v2 := good.Release{Service: "shop", Version: "v1", Commit: strings.Repeat("a", 40)}, good.Release{Service: "shop", Version: "v2", Commit: strings.Repeat("b", 40)}
	f := Facts{
		Run: "rollout-shop-1", Service: "shop", Strategy: "canary", Who: "ann", Started: start, New: v2, Old: v1, Shifted: start, Back: start.Add(7 * time.Second), Verdict: good.Pass,
		Trigger: Trigger{At: start.Add(6 * time.Second), By: "errors", Stage: "10%", Why: "errors: 12 of 60 failed", Findings: []good.Finding{{Check: "errors", Verdict: good.Fail, Observed: "12 of 60 failed"}}},
		Commits: []Commit{
			{ID: strings.Repeat("c", 40), Author: "Bob", Subject: "Correct a typo", Files: []string{"docs/readme.md"}},
			{ID: strings.Repeat("b", 40), Author: "Ann <script>alert(1)</script>", Subject: "Look prices up in the new price list", Files: []string{"shop/price_list.go", "shop/main.go"}},
		},
		Config:  []Change{{"env.CURRENCY_RATES", "(not set)", "https://rates.example.org"}, {"memory", "64MiB", "128MiB"}},
		Schema:  []string{"before any traffic: ALTER TABLE orders ADD COLUMN currency (00002_currency.sql:2): the old release works with it"},
		OldLogs: []string{"listens on 127.0.0.1:4000"},
		NewLogs: []string{"listens on 127.0.0.1:4001", "ERROR price_list.go:31 no entry for item 3", "ERROR price_list.go:31 no entry for item 7"},
		Failing: []traffic.Failing{{Release: v2.ID(), Method: "GET", Path: "/item", Status: 500, Count: 12, First: start.Add(4 * time.Second).Unix()}},
		Others: []Other{
			{Run: "play-1", Kind: "play", Target: "host/db1", Who: "cron", State: "running", Started: start.Add(-time.Minute)},
			{Run: "play-2", Kind: "play", Target: "host/db2", Who: "cron", State: "succeeded", Started: start.Add(-50 * time.Minute), Ended: start.Add(-40 * time.Minute)},
		},
	}
	for i := range int64(12) {
		at := start.Unix() + i - 4
		f.Seconds = append(f.Seconds, traffic.Second{Unix: at, Release: v1.ID(), Requests: 100, Latency: traffic.Histogram{40: 100}})
		if i < 4 || i > 11 {
			continue
		}
		s := traffic.Second{Unix: at, Release: v2.ID(), Requests: 20, Latency: traffic.Histogram{48: 20}}
		if i >= 8 {
			s.Errors = 5
		}
		f.Seconds = append(f.Seconds, s)
	}
	return f
}

func TestSuspectsAreRankedByWhatNamesThemAndNoneIsCalledTheCause(t *testing.T) {
	r := Write(incident())
	if len(r.Suspects) == 0 || r.Suspects[0].Kind != "commit" || !strings.Contains(r.Suspects[0].Name, "price list") {
		t.Fatalf("first is %+v", r.Suspects)
	}
	if evidence := strings.Join(r.Suspects[0].Evidence, "; "); !strings.Contains(evidence, "price_list.go") || !strings.Contains(evidence, "a log line that only v2 wrote") {
		t.Errorf("it says %s", evidence)
	}
	place := map[string]int{}
	for i, s := range r.Suspects {
		if len(s.Evidence) == 0 {
			t.Errorf("%s has no evidence", s.Name)
		}
		place[s.Kind+" "+s.Name[:4]] = i
	}
	if run, typo := place["run play"], place["commit cccc"]; run == 0 || run > typo {
		t.Errorf("the run under way stands at %d, the commit that nothing names at %d: %+v", run, typo, r.Suspects)
	}
	for _, s := range r.Suspects {
		if strings.Contains(s.Name, "db2") {
			t.Errorf("a run that was long over is suspected: %+v", s)
		}
	}
	if text := strings.ToLower(fmt.Sprint(r.Suspects) + r.Summary); strings.Contains(text, "caused") || strings.Contains(text, "because of") {
		t.Errorf("a cause is claimed: %s", text)
	}
}

func TestWhenTheOldReleaseFailsAsWellThatIsSaidFirst(t *testing.T) {
	f := incident()
	for i, s := range f.Seconds {
		if s.Release == f.Old.ID() && s.Unix >= f.Shifted.Unix() {
			f.Seconds[i].Errors = 20
		}
	}
	r := Write(f)
	if got := r.Suspects[0].Kind + r.Suspects[1].Kind; !strings.Contains(got, "both releases") {
		t.Fatalf("the first ones are %+v", r.Suspects[:2])
	}
}

func TestTheFirstSignIsTheEarliestOfAllThatWasSeen(t *testing.T) {
	f := incident()
	if r := Write(f); r.Signal == nil || !strings.Contains(r.Signal.What, "GET /item answered 500") || !r.Signal.At.Equal(f.Shifted.Add(4*time.Second)) {
		t.Fatalf("it is %+v", r.Signal)
	}
	f.Evidence = []Evidence{{Kind: "feedback", Text: "the cart is empty", At: f.Shifted.Add(2 * time.Second), Bad: true}, {Kind: "log pattern", Text: "starts", At: f.Shifted}}
	if r := Write(f); r.Signal.What != "feedback: the cart is empty" {
		t.Fatalf("it is %+v", r.Signal)
	}
}

func TestTheReportIsOnePageThatStandsByItselfAndRunsNothing(t *testing.T) {
	r := Write(incident())
	page, err := r.HTML()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<polyline", "Where to look first", "price_list.go", "GET /item answered 500", "env.CURRENCY_RATES", "00002_currency.sql:2", "Ann &lt;script&gt;"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, never := range []string{"<script", "http-equiv", "src="} {
		if strings.Contains(page, never) {
			t.Errorf("the page has %q", never)
		}
	}
	text := r.Markdown()
	for _, want := range []string{"## Where to look first", "## Requests that failed", "12x on v2: `GET /item answered 500`", "other run: play of host/db1"} {
		if !strings.Contains(text, want) {
			t.Errorf("the Markdown lacks %q:\n%s", want, text)
		}
	}
}

func TestEqualFactsGiveAnEqualReport(t *testing.T) {
	if a, b := Write(incident()), Write(incident()); !reflect.DeepEqual(a, b) {
		t.Fatalf("%+v\n%+v", a, b)
	}
}
