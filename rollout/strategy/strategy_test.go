package strategy_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/rollout/strategy"
	"goodstate.dev/goodstate/rollout/strategy/strategytest"
	"goodstate.dev/goodstate/rollout/traffic"
)

// parse reads a strategy as it stands in the file.
func parse(t interface{ Fatal(...any) }, text string) strategy.Strategy {
	s, err := read(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func read(text string) (strategy.Strategy, error) {
	var root struct {
		Strategy config.Choice[strategy.Strategy] `yaml:"strategy"`
	}
	if err := config.Parse("goodstate.yaml", []byte("strategy: {"+text+"}"), &root); err != nil {
		return nil, err
	}
	return root.Strategy.New()
}

func TestEveryStrategyConforms(t *testing.T) {
	for _, kind := range config.Kinds[strategy.Strategy]() {
		t.Run(kind.Name, func(t *testing.T) {
			strategytest.Conforms(t, parse(t, kind.Example))
			choice, err := config.Choose[strategy.Strategy](kind.Name, nil)
			if err != nil {
				t.Fatal(err)
			}
			plain, err := choice.New()
			if err != nil {
				t.Fatal(err)
			}
			strategytest.Conforms(t, plain)
		})
	}
}

func TestWithoutAWordItIsACanary(t *testing.T) {
	s, err := strategy.Default()
	if err != nil {
		t.Fatal(err)
	}
	if got := line(s.Stages(3)); got != "5% 1+3 1m, 25% 1+3 1m, 50% 2+3 1m, 100% 3+3 1m" {
		t.Errorf("default stages: %s", got)
	}
}

// line is stages in short: weight, new and old instances, hold.
func line(stages []strategy.Stage) string {
	var words []string
	for _, s := range stages {
		w := fmt.Sprintf("%g%% %d+%d", float64(s.Weight)*100/traffic.Full, s.New, s.Old)
		if s.OldFirst {
			w += " old first"
		}
		if s.Hold > 0 {
			w += " " + config.Duration(s.Hold).String()
		}
		words = append(words, w)
	}
	return strings.Join(words, ", ")
}

func TestStagesForwardAndBack(t *testing.T) {
	cases := []struct {
		text      string
		instances int
		forward   string
		at        int
		back      string
	}{
		{"canary: {steps: [5%, 25%], hold: 30s}", 4, "5% 1+4 30s, 25% 1+4 30s, 100% 4+4 30s", 1, "0% 0+4"},
		{"canary: {steps: [5%, 25%], hold: 30s, back: steps}", 4, "5% 1+4 30s, 25% 1+4 30s, 100% 4+4 30s", 2, "25% 1+4 3s, 5% 1+4 3s, 0% 0+4"},
		{"canary: {steps: [50%, 100%], hold: 5m, back: steps}", 1, "50% 1+1 5m, 100% 1+1 5m", 1, "50% 1+1 10s, 0% 0+1"},
		{"canary: {steps: [50%], hold: 5m, back: steps}", 1, "50% 1+1 5m, 100% 1+1 5m", 0, "0% 0+1"},
		{"canary: {steps: [], hold: 1m}", 2, "100% 2+2 1m", 0, "0% 0+2"},
		{"bluegreen: {hold: 1m}", 3, "100% 3+3 1m", 0, "0% 0+3"},
		{"bluegreen: {compare: 5% for 30s, hold: 1m}", 3, "5% 3+3 30s, 100% 3+3 1m", 1, "0% 0+3"},
		{"rolling: {hold: 30s}", 3, "33.33% 1+2 30s, 66.66% 2+1 30s, 100% 3+0 30s", 0, "0% 1+2, 0% 0+3"},
		{"rolling: {hold: 30s}", 3, "33.33% 1+2 30s, 66.66% 2+1 30s, 100% 3+0 30s", 1, "0% 0+3"},
		{"rolling: {hold: 30s, back: steps}", 3, "33.33% 1+2 30s, 66.66% 2+1 30s, 100% 3+0 30s", 2, "66.66% 2+1 3s, 33.33% 1+2 3s, 0% 0+3"},
		{"rolling: {batch: 50%, unavailable: 2, surge: 0, hold: 30s}", 4, "50% 2+2 old first 30s, 100% 4+0 old first 30s", -1, "0% 0+4"},
		{"rolling: {batch: 3, unavailable: 1, surge: 0, hold: 30s}", 2, "50% 1+1 old first 30s, 100% 2+0 old first 30s", 0, "0% 1+1, 0% 0+2"},
		{"rolling: {batch: 1, unavailable: 1, surge: 0, hold: 30s}", 1, "100% 1+0 30s", 0, "0% 0+1"}, // never without an instance
	}
	for _, c := range cases {
		s := parse(t, c.text)
		if got := line(s.Stages(c.instances)); got != c.forward {
			t.Errorf("%s with %d instances:\n got %s\nwant %s", c.text, c.instances, got, c.forward)
		}
		if got := line(s.Back(s.Stages(c.instances), c.at)); got != c.back {
			t.Errorf("%s with %d instances, back from %d:\n got %s\nwant %s", c.text, c.instances, c.at, got, c.back)
		}
	}
}

func TestSettingsThatCannotWorkAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"canary: {steps: [25%, 5%]}":             "want shares that grow",
		"canary: {steps: [5%, 5%]}":              "want shares that grow",
		"canary: {steps: [120%]}":                "100%",
		"canary: {hold: 0s}":                     "nothing can be judged",
		"canary: {back: slowly}":                 "slowly",
		"canery: {}":                             "did you mean canary?",
		"bluegreen: {compare: 5%}":               "5% for 30s",
		"bluegreen: {compare: 100% for 30s}":     "between 0% and 100%",
		"bluegreen: {compare: 5% for 0s}":        "above 0s",
		"bluegreen: {hold: -1m}":                 "hold",
		"rolling: {batch: 0}":                    "replace nothing",
		"rolling: {batch: some}":                 "no number of instances",
		"rolling: {batch: -1}":                   "no number of instances",
		"rolling: {unavailable: 0, surge: 0}":    "no instance can ever be replaced",
		"rolling: {surge: 0}":                    "no instance can ever be replaced",
		"rolling: {unavailable: 200%}":           "between 0% and 100%",
		"rolling: {hold: 0s}":                    "nothing can be judged",
		"bluegreen: {compare: 5 for 30s}":        "percent",
		"bluegreen: {compare: 5% for ages}":      "ages",
		"canary: {steps: 5%}":                    "steps",
		"rolling: {batch: 99999999999999999999}": "no number of instances",
	} {
		_, err := read(text)
		var known *config.Errors
		if !errors.As(err, &known) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want a problem of the file that says %q", text, err, want)
		}
	}
}

// any strategy with settings that its Validate accepts.
func anyStrategy(t *rapid.T) strategy.Strategy {
	hold := config.Duration(rapid.IntRange(1, 600).Draw(t, "hold")) * config.Duration(time.Second)
	way := rapid.SampledFrom([]string{strategy.AtOnce, strategy.InSteps}).Draw(t, "way")
	switch rapid.SampledFrom([]string{"canary", "bluegreen", "rolling"}).Draw(t, "strategy") {
	case "canary":
		steps := rapid.SliceOfNDistinct(rapid.IntRange(1, traffic.Full), 0, 8, rapid.ID[int]).Draw(t, "steps")
		slices.Sort(steps)
		c := &strategy.Canary{Hold: hold, Way: way}
		for _, s := range steps {
			c.Steps = append(c.Steps, config.Percent(s))
		}
		return c
	case "bluegreen":
		b := &strategy.BlueGreen{Hold: hold}
		if rapid.Bool().Draw(t, "compare") {
			b.Compare = strategy.Slice{Share: config.Percent(rapid.IntRange(1, traffic.Full-1).Draw(t, "share")), For: hold}
		}
		return b
	}
	return anyRolling(t, hold, way)
}

func anyRolling(t *rapid.T, hold config.Duration, way string) *strategy.Rolling {
	count := func(name string) strategy.Count {
		if rapid.Bool().Draw(t, name+" as a share") {
			return strategy.Count{Share: config.Percent(rapid.IntRange(0, traffic.Full).Draw(t, name))}
		}
		return strategy.Count{N: rapid.IntRange(0, 20).Draw(t, name)}
	}
	r := &strategy.Rolling{Batch: count("batch"), Hold: hold, Way: way}
	if rapid.Bool().Draw(t, "says unavailable") {
		c := count("unavailable")
		r.Unavailable = &c
	}
	if rapid.Bool().Draw(t, "says surge") {
		c := count("surge")
		r.Surge = &c
	}
	if r.Validate() != nil {
		r.Batch, r.Unavailable, r.Surge = strategy.Count{N: 1}, nil, nil
	}
	return r
}

func TestAnyStrategyGoesForwardToAllTrafficAndBackToNone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anyStrategy(t)
		instances := rapid.IntRange(1, 50).Draw(t, "instances")
		if err := strategytest.Problem(s, instances); err != nil {
			t.Fatalf("%#v: %v", s, err)
		}
	})
}

func TestRollingNeverLacksNorAddsMoreThanItMay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		missing, surge := rapid.IntRange(0, 8).Draw(t, "unavailable"), rapid.IntRange(0, 8).Draw(t, "surge")
		if missing+surge == 0 {
			surge = 1
		}
		n := rapid.IntRange(1, 50).Draw(t, "instances")
		r := &strategy.Rolling{
			Batch: strategy.Count{N: rapid.IntRange(1, 20).Draw(t, "batch")}, Unavailable: &strategy.Count{N: missing},
			Surge: &strategy.Count{N: surge}, Hold: config.Duration(time.Second),
		}
		was := strategy.Stage{Old: n}
		for _, s := range r.Stages(n) {
			least, most := was.New+was.Old, s.New+was.Old // the new ones first
			if s.OldFirst {
				least, most = was.New+s.Old, was.New+was.Old
			}
			least, most = min(least, s.New+s.Old), max(most, s.New+s.Old)
			if least < max(n-missing, 1) {
				t.Fatalf("on the way to %+v only %d of %d instances are up, want at most %d missing", s, least, n, missing)
			}
			if most > n+max(surge, 1) || surge > 0 && most > n+surge {
				t.Fatalf("on the way to %+v there are %d instances, want at most %d more than %d", s, most, surge, n)
			}
			was = s
		}
	})
}

func TestStrategiesSurviveTheJournal(t *testing.T) {
	for _, text := range []string{"canary: {steps: [0.5%, 25%], hold: 1m}", "bluegreen: {compare: 5% for 30s}", "rolling: {batch: 25%, unavailable: 1, surge: 0}"} {
		var root struct {
			Strategy config.Choice[strategy.Strategy] `yaml:"strategy"`
		}
		if err := config.Parse("goodstate.yaml", []byte("strategy: {"+text+"}"), &root); err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(root)
		if err != nil {
			t.Fatal(err)
		}
		before := root.Strategy
		root.Strategy = config.Choice[strategy.Strategy]{}
		if err := json.Unmarshal(b, &root); err != nil {
			t.Fatal(err)
		}
		a, err := before.New()
		if err != nil {
			t.Fatal(err)
		}
		again, err := root.Strategy.New()
		if err != nil {
			t.Fatal(err)
		}
		if line(a.Stages(5)) != line(again.Stages(5)) {
			t.Errorf("%s: %s before and %s after", text, line(a.Stages(5)), line(again.Stages(5)))
		}
	}
}
