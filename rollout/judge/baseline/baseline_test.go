package baseline

import (
	"math"
	"testing"
)

func TestThreeBadMinutesHaveToBeInARow(t *testing.T) {
	rule := BadMinutes{Over: 0.01, InRow: 3}
	minutes := []struct {
		rate  float64
		alarm bool
	}{
		{0.02, false}, {0.02, false}, {0.01, false}, // exactly 1% is not over it
		{0.09, false}, {math.NaN(), false}, {0.09, false}, {0.09, false}, {0.09, true},
	}
	for i, m := range minutes {
		if got := rule.Minute(m.rate); got != m.alarm {
			t.Errorf("minute %d at %g: alarm %v, want %v", i, m.rate, got, m.alarm)
		}
	}
}

func TestAClearShiftIsHighOnlyOnceFiveMinutesAreThere(t *testing.T) {
	k := Kayenta{Confidence: 0.98, Effect: 0.25}
	control := []float64{5, 6, 4, 5.5, 4.5}
	canary := []float64{20, 21, 19, 22, 18}
	for i := range control {
		if high, want := k.Minute(control[i], canary[i]), i == 4; high != want {
			t.Errorf("minute %d: high %v, want %v", i+1, high, want)
		}
	}
}

func TestEqualSamplesAreNotHigh(t *testing.T) {
	k := Kayenta{Confidence: 0.98, Effect: 0.25}
	for range 30 {
		if k.Minute(1, 1) {
			t.Fatal("equal samples are High")
		}
	}
}

// The example of Hollander and Wolfe (permeability of the human chorioamnion, table 4.1): R's wilcox.test gives the same
// estimate of -0.305.
func TestTheShiftIsTheHodgesLehmannEstimate(t *testing.T) {
	term := []float64{0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46}
	early := []float64{1.15, 0.88, 0.90, 0.74, 1.21}
	lower, estimate, ok := Shift(term, early, 0.95)
	if !ok || estimate < -0.3051 || estimate > -0.3049 {
		t.Errorf("estimate %g (%v), want -0.305", estimate, ok)
	}
	if lower < -0.80 || lower > -0.70 {
		t.Errorf("lower bound %g, want about -0.76", lower)
	}
}
