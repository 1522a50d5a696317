package drift

import (
	"maps"
	"slices"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/schedule"
	"goodstate.dev/goodstate/drift/policy"
	"goodstate.dev/goodstate/drift/record"
	"goodstate.dev/goodstate/drift/state"
)

func TestASchedulesTimesComeOnceWhateverTheClockDoes(t *testing.T) {
	s := Schedule{Cron: "0 3 * * *", TZ: "UTC"}
	three := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	night := schedule.Window{From: 2 * 60, To: 4 * 60, TZ: "UTC"}
	for _, c := range []struct {
		what      string
		s         Schedule
		last, now time.Time
		due, left bool
	}{
		{"before its time", s, three.AddDate(0, 0, -1), three.Add(-time.Second), false, false},
		{"at its time", s, three.AddDate(0, 0, -1), three, true, false},
		{"it was due already", s, three.Add(time.Second), three.Add(time.Hour), false, false},
		{"several were missed: made up for once", s, three.AddDate(0, 0, -5), three.Add(time.Hour), true, false},
		{"the clock was set back", s, three.AddDate(1, 0, 0), three.Add(-time.Hour), false, false},
		{"inside its window", Schedule{Cron: "0 3 * * *", TZ: "UTC", Windows: []schedule.Window{night}}, three.AddDate(0, 0, -1), three, true, false},
		{"outside of it", Schedule{Cron: "0 3 * * *", TZ: "UTC", Windows: []schedule.Window{night}}, three.AddDate(0, 0, -1), three.Add(2 * time.Hour), true, true},
	} {
		if due, leave := c.s.due("x", c.last, c.now); due != c.due || (leave != "") != c.left {
			t.Errorf("%s: %v %q", c.what, due, leave)
		}
	}
	late := Schedule{Cron: "0 * * * *", TZ: "UTC", Jitter: config.Duration(30 * time.Minute)}
	next := late.Next("base/1", three)
	if delay := next.Sub(three); delay < 0 || delay > 90*time.Minute || !late.Next("base/1", next).Equal(next.Add(time.Hour)) {
		t.Errorf("%v after %v, and then %v; want the same delay each hour", next, three, late.Next("base/1", next))
	}
}

func TestEveryDifferenceHasItsFate(t *testing.T) {
	now := time.Now()
	conf := Playbook{Cap: policy.Cap{AtOnce: 1, Share: 5000}, Policy: []policy.Rule{{Match: policy.Match{Tags: []string{"ask"}}, Do: policy.Ask}, {Match: policy.Match{Tags: []string{"no"}}, Do: policy.Report}}}
	diff := func(host, id string, line int, tag string) record.Difference {
		return record.Difference{ID: id, Host: host, Path: "site.yml", Line: line, Tags: []string{tag}, Cause: "c" + id, State: state.Drifted, Task: id}
	}
	flapping, ignored := diff("a", "flaps", 5, ""), diff("a", "stays", 6, "")
	flapping.State, ignored.Ignored = state.Flapping, "party"
	all := []record.Difference{diff("a", "plain", 1, ""), diff("a", "asked", 2, "ask"), diff("a", "never", 3, "no"), flapping, ignored, diff("b", "asked", 2, "ask")}
	got := decide(conf, all, 4, nil, nil, now)
	if !slices.Equal(got.Hosts, []string{"a"}) || !slices.Equal(got.Wanted["a"], []string{"plain"}) || !slices.Equal(got.Held["a"], []string{"site.yml:2", "site.yml:3", "site.yml:5", "site.yml:6"}) {
		t.Errorf("%+v", got)
	}
	if len(got.Asks) != 1 || !slices.Equal(got.Asks[0].Hosts, []string{"a", "b"}) {
		t.Errorf("asks %+v, want one about both hosts", got.Asks)
	}
	if got = decide(conf, all, 4, nil, map[string]string{"casked": "refused by vera"}, now); len(got.Asks) != 0 {
		t.Errorf("asks about what was refused: %+v", got.Asks)
	}
	got = decide(conf, all, 4, &record.Ask{Cause: "casked", Hosts: []string{"b"}}, nil, now)
	if want := map[string][]string{"b": {"asked"}}; !maps.EqualFunc(got.Wanted, want, slices.Equal) || !slices.Equal(got.Allowed, []string{"site.yml:2"}) {
		t.Errorf("approved for b: %+v", got)
	}
	two := []record.Difference{diff("a", "x", 1, ""), diff("b", "x", 1, ""), diff("c", "x", 1, "")}
	if got = decide(conf, two, 4, nil, nil, now); len(got.Hosts) != 0 || got.Stopped == "" || len(got.Asks) != 1 || got.Asks[0].Cause != "" {
		t.Errorf("over the cap: %+v", got)
	}
	if got = decide(conf, two, 4, &record.Ask{Hosts: []string{"a", "b", "c"}}, nil, now); len(got.Hosts) != 3 || got.Stopped != "" {
		t.Errorf("over the cap, and approved: %+v", got)
	}
	items := []record.Difference{diff("a", "one", 1, ""), diff("a", "two", 1, "")}
	items[1].Ignored = "party"
	if got = decide(conf, items, 4, nil, nil, now); len(got.Hosts) != 0 {
		t.Errorf("an item is corrected although another of its task may stay: %+v", got)
	}
}

func TestHostsThatWereAwayAreWaitedForAtOnce(t *testing.T) {
	var all []host
	for _, n := range []string{"a", "b", "c", "d", "e"} {
		all = append(all, host{Name: n})
	}
	var got []string
	for _, s := range shards(all, map[string]string{"b": "no answer", "d": "no answer"}, 2) {
		got = append(got, names(s)...)
		got = append(got, "|")
	}
	if want := []string{"a", "c", "|", "e", "|", "b", "d", "|"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
