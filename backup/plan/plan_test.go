package plan

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"goodstate.dev/goodstate/core/config"
)

var noon = time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC)

func hourly(n int) []Point {
	var all []Point
	for i := range n {
		all = append(all, Point{ID: fmt.Sprint(i), At: noon.Add(-time.Duration(i) * time.Hour)})
	}
	return all
}

func stays(all []Verdict) string {
	var ids []string
	for _, v := range all {
		if len(v.Why) > 0 {
			ids = append(ids, v.ID)
		}
	}
	return strings.Join(ids, " ")
}

func TestEachRuleKeepsWhatItSays(t *testing.T) {
	for _, c := range []struct {
		name string
		keep Keep
		want string
	}{
		{"nothing chosen keeps all", Keep{}, "0 1 2 3 4 5"},
		{"the last two", Keep{Last: 2}, "0 1"},
		{"two hours", Keep{Within: config.Duration(2 * time.Hour)}, "0 1 2"},
		{"the youngest of each of three hours", Keep{Hourly: 3}, "0 1 2"},
		{"the youngest of one day", Keep{Daily: 1}, "0"},
		{"rules add up", Keep{Last: 1, Hourly: 2}, "0 1"},
	} {
		if got := stays(c.keep.Apply(hourly(6), noon)); got != c.want {
			t.Errorf("%s: %s stay, want %s", c.name, got, c.want)
		}
	}
	days := Keep{Daily: 3, Monthly: 2}.Apply(hourly(24*40), noon)
	if got := stays(days); got != "0 13 37 733" { // today, the last hours of the two days before, and of February
		t.Errorf("days and months: %s", got)
	}
}

func TestTheYoungestAlwaysStays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := func(label string) int { return rapid.IntRange(0, 3).Draw(t, label) }
		k := Keep{Last: n("last"), Hourly: n("hourly"), Daily: n("daily"), Weekly: n("weekly"), Monthly: n("monthly"), Yearly: n("yearly")}
		points := hourly(rapid.IntRange(1, 100).Draw(t, "points"))
		all := k.Apply(points, noon.Add(1000*time.Hour))
		if len(all) != len(points) || len(all[0].Why) == 0 || all[0].ID != "0" {
			t.Fatalf("%+v lets the youngest go: %+v", k, all[0])
		}
	})
}

func TestHowABackupStands(t *testing.T) {
	hour := time.Hour
	for _, c := range []struct {
		name  string
		facts Facts
		want  State
		why   string
	}{
		{"never", Facts{RPO: hour}, Never, "never copied"},
		{"all copies are gone", Facts{RPO: hour, Lost: "its restore points are gone"}, Failing, "are gone"},
		{"failed from the start", Facts{Failed: "disk full"}, Failing, "disk full"},
		{"in time", Facts{Copied: noon.Add(-30 * time.Minute), RPO: hour}, Good, "30m0s ago"},
		{"late", Facts{Copied: noon.Add(-2 * hour), RPO: hour}, Late, "2h0m0s old, want at most 1h0m0s"},
		{"late counts before a failed try", Facts{Copied: noon.Add(-2 * hour), RPO: hour, Failed: "x"}, Late, "old"},
		{"failed once, still in time", Facts{Copied: noon.Add(-time.Minute), RPO: hour, Failed: "no network"}, Failing, "no network"},
		{"incomplete", Facts{Copied: noon.Add(-time.Minute), RPO: hour, Incomplete: []string{"a"}}, Incomplete, "lacks 1 things"},
		{"no RPO is never late", Facts{Copied: noon.Add(-1000 * hour)}, Good, ""},
	} {
		if got, why := Judge(c.facts, noon); got != c.want || !strings.Contains(why, c.why) {
			t.Errorf("%s: %s, %s; want %s, %s", c.name, got, why, c.want, c.why)
		}
	}
}

func TestTwoCopiesFitInAnRPO(t *testing.T) {
	if got := Due(noon, time.Hour); !got.Equal(noon.Add(30 * time.Minute)) {
		t.Errorf("due %s", got)
	}
	if got := Due(noon, 90*time.Second); !got.Equal(noon.Add(time.Minute)) {
		t.Errorf("due %s", got)
	}
	if !Due(noon, 0).IsZero() {
		t.Error("without an RPO something is due")
	}
}
