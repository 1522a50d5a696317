package condition

import (
	"strings"
	"testing"
	"time"
)

var names = Names{Checks: []string{"home", "health of all"}, Signals: []string{"unsold", "2nd"}}

func TestWhatIsNotKnownIsNeverTrue(t *testing.T) {
	known := Values{"checks.home": "fail", "signals.unsold": 0.2, "old_signals.unsold": 0.01, "new.errors": 0.0, "alerts": []string{"Disk"}, "reports": 3.0}
	for _, c := range []struct {
		when         string
		values       Values
		holds, known bool
	}{
		{`checks.home == "fail" && signals.unsold > 0.05`, known, true, true},
		{`checks.home == "fail" && signals.unsold > 0.5`, known, false, true},
		{`signals.unsold > 10.0 * old_signals.unsold`, known, true, true},
		{`new.errors > 1`, known, false, true},
		{`"Disk" in alerts`, known, true, true},
		{`alerts.exists(a, a.startsWith("Di")) && reports >= 3`, known, true, true},
		{`checks.home == "fail" && signals.unsold > 0.05`, Values{"checks.home": "fail"}, false, false},
		{`checks.home == "fail" && signals.unsold > 0.05`, Values{"checks.home": "pass"}, false, true},
		{`checks.home == "fail" || signals.unsold > 0.05`, Values{"checks.home": "fail"}, true, true},
		{`checks.home == "fail" || signals.unsold > 0.05`, Values{"checks.home": "pass"}, false, false},
		{`checks.home == "fail"`, Values{}, false, false},
		{`checks.home != "pass"`, Values{}, false, false},
		{`!(checks.home == "pass")`, Values{}, false, false},
		{`signals.unsold == signals.unsold`, Values{}, false, false},
		{`signals.unsold > 0.5 ? true : true`, Values{}, false, false},
		{`alerts.exists(a, a == "Disk")`, Values{}, false, false},
		{`size(alerts) == 0`, Values{}, false, false},
		{`checks.health_of_all == "fail" && signals._2nd > 1`, Values{"checks.health_of_all": "fail", "signals._2nd": 2.0}, true, true},
		{`true`, Values{}, true, true},
	} {
		e, err := Compile(c.when, names)
		if err != nil {
			t.Errorf("%s: %v", c.when, err)
			continue
		}
		holds, known, err := e.Holds(c.values)
		if err != nil || holds != c.holds || known != c.known {
			t.Errorf("%s with %v: holds %v, known %v, %v; want %v, %v", c.when, c.values, holds, known, err, c.holds, c.known)
		}
	}
}

func TestAnExpressionThatCannotBeReadIsRefusedWithItsPlace(t *testing.T) {
	for when, want := range map[string]string{
		`checks.home == "fail" &&`:               "line 1, column 25",
		`checks.hoem == "fail"`:                  "undeclared reference",
		`true &&` + "\n  " + `signals.x > 1`:     "line 2, column 3",
		`signals.unsold`:                         "true or false",
		`signals.unsold > "a"`:                   "no matching overload",
		`checks.home > 1`:                        "no matching overload",
		strings.Repeat("true && ", 400) + "true": "at most",
		``:                                       "column",
	} {
		if _, err := Compile(when, names); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", when, err, want)
		}
	}
}

// An expression comes from a repository: it must not run for long.
func TestAnExpressionThatCostsTooMuchIsAnErrorAndNotTrue(t *testing.T) {
	e, err := Compile(`alerts.all(a, alerts.all(b, alerts.all(c, alerts.all(d, a + b + c + d != "x"))))`, names)
	if err != nil {
		t.Fatal(err)
	}
	many := make([]string, 100)
	began := time.Now()
	if holds, known, err := e.Holds(Values{"alerts": many}); err == nil || holds || known {
		t.Errorf("holds %v, known %v, %v", holds, known, err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestAConditionWithATimeHasToHoldForIt(t *testing.T) {
	var track Track
	at := time.Unix(1700000000, 0)
	for i, step := range []struct{ holds, known, want bool }{
		{true, true, false}, {true, true, false}, {false, false, false}, {true, true, true}, {false, true, false}, {true, true, false},
	} {
		if got := track.Observe(at.Add(time.Duration(i)*time.Second), step.holds, step.known, 3*time.Second); got != step.want {
			t.Errorf("step %d: %v, want %v", i, got, step.want)
		}
	}
}
