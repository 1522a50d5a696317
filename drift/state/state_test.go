package state_test

import (
	"testing"
	"time"

	"goodstate.dev/goodstate/drift/state"
)

func TestWhatLooksInARowSay(t *testing.T) {
	const eq, diff, fix, cannot, away = state.Equal, state.Differs, state.Corrected, state.NotCheckable, state.Nothing
	type look struct {
		outcome state.Outcome
		want    string // fingerprint
	}
	for _, c := range []struct {
		what  string
		looks []look
		state state.State
		since int // the look that first saw it different; -1 none
		good  int // the look that last saw it good; -1 never
	}{
		{"nothing was looked at", nil, state.Unknown, -1, -1},
		{"as it should be", []look{{eq, "a"}}, state.Good, -1, 0},
		{"never seen good: a change that waits", []look{{diff, "a"}, {diff, "a"}}, state.Pending, 0, -1},
		{"good before and now different", []look{{eq, "a"}, {diff, "a"}, {diff, "a"}}, state.Drifted, 1, 0},
		{"the playbook has changed", []look{{eq, "a"}, {diff, "b"}}, state.Pending, 1, 0},
		{"drifted, and then the playbook has changed", []look{{eq, "a"}, {diff, "a"}, {diff, "b"}}, state.Pending, 2, 0},
		{"the playbook has changed and says what is there", []look{{eq, "a"}, {eq, "b"}}, state.Good, -1, 1},
		{"corrected", []look{{eq, "a"}, {diff, "a"}, {fix, "a"}}, state.Good, -1, 2},
		{"an edit after a correction is drift", []look{{diff, "a"}, {fix, "a"}, {diff, "a"}}, state.Drifted, 2, 1},
		{"two corrections that did not hold flap", []look{{diff, "a"}, {fix, "a"}, {diff, "a"}, {fix, "a"}, {diff, "a"}}, state.Flapping, 4, 3},
		{"edits after good looks are drift each time", []look{{fix, "a"}, {eq, "a"}, {diff, "a"}, {fix, "a"}, {eq, "a"}, {diff, "a"}, {fix, "a"}, {eq, "a"}, {diff, "a"}}, state.Drifted, 8, 7},
		{"away: not known, though it was good", []look{{eq, "a"}, {away, ""}}, state.Unknown, -1, 0},
		{"away and back: different since before", []look{{eq, "a"}, {diff, "a"}, {away, ""}, {diff, "a"}}, state.Drifted, 1, 0},
		{"cannot be checked", []look{{cannot, "a"}}, state.Uncheckable, -1, -1},
		{"without a fingerprint nobody can tell drift", []look{{eq, ""}, {diff, ""}}, state.Pending, 1, 0},
	} {
		t.Run(c.what, func(t *testing.T) {
			begin := time.Unix(1000, 0)
			at := func(i int) time.Time {
				if i < 0 {
					return time.Time{}
				}
				return begin.Add(time.Duration(i) * time.Hour)
			}
			var r state.Resource
			for i, l := range c.looks {
				r = state.Next(r, state.Observation{Outcome: l.outcome, At: at(i), Fingerprint: l.want})
			}
			if r.State != c.state || !r.DiffersAt.Equal(at(c.since)) || !r.GoodAt.Equal(at(c.good)) {
				t.Errorf("%s, different since %v, good at %v; want %s, %v, %v", r.State.Word(), r.DiffersAt, r.GoodAt, c.state.Word(), at(c.since), at(c.good))
			}
		})
	}
}

func TestAClockThatJumpsHidesNothing(t *testing.T) {
	now := time.Unix(5000, 0)
	ahead := now.AddDate(1, 0, 0) // somebody set the clock a year ahead, and it was mended
	r := state.Next(state.Resource{}, state.Observation{Outcome: state.Corrected, At: ahead, Fingerprint: "a"})
	r = state.Next(r, state.Observation{Outcome: state.Equal, At: ahead.Add(time.Hour), Fingerprint: "a"})
	r = state.Next(r, state.Observation{Outcome: state.Differs, At: now, Fingerprint: "a"})
	if r.State != state.Drifted || !r.DiffersAt.Equal(now) || r.GoodAt.After(now) || !r.CorrectedAt.Before(r.GoodAt) {
		t.Errorf("after the jump back %+v, want drift since now, good not later, and the correction before that", r)
	}
	r = state.Next(r, state.Observation{Outcome: state.Equal, At: now.Add(-time.Hour), Fingerprint: "a"})
	if r.State != state.Good || !r.GoodAt.Equal(now.Add(-time.Hour)) || !r.DiffersAt.IsZero() {
		t.Errorf("%+v, want the last look to count although the clock went back before it", r)
	}
}

func TestACorrectionThatDoesNotHoldForAMomentIsNoDrift(t *testing.T) {
	at := time.Unix(5000, 0)
	look := func(r state.Resource, o state.Outcome, want string, again bool) state.Resource {
		at = at.Add(time.Second)
		return state.Next(r, state.Observation{Outcome: o, At: at, Fingerprint: want, Again: again})
	}
	for _, second := range []string{"a", "b"} { // the same is wanted, or a time stands in it and something else is
		r := look(state.Resource{}, state.Differs, "a", false)
		r = look(r, state.Corrected, "a", false)
		if r = look(r, state.Differs, second, true); r.State != state.Flapping || r.Reason == "" {
			t.Errorf("%s %q, want flapping at once", r.State.Word(), r.Reason)
		}
	}
	r := look(state.Resource{}, state.Corrected, "a", false)
	r = look(r, state.Equal, "a", true)
	if r = look(r, state.Differs, "a", false); r.State != state.Drifted {
		t.Errorf("%s, want drift: the correction had held", r.State.Word())
	}
}

func TestATaskThatWantsSomethingElseAtEachLookIsToldSo(t *testing.T) {
	var r state.Resource
	for i, want := range []string{"a", "b", "c", "d"} {
		r = state.Next(r, state.Observation{Outcome: state.Differs, At: time.Unix(int64(i+1), 0), Fingerprint: want})
		if said := r.Reason != ""; r.State != state.Pending || said != (i >= 2) {
			t.Errorf("look %d: %s %q", i+1, r.State.Word(), r.Reason)
		}
	}
}

func TestOnlyWhatWasLookedAtIsGreen(t *testing.T) {
	for _, c := range []struct {
		counts   state.Counts
		verdict  state.State
		coverage int
	}{
		{state.Counts{}, state.Unknown, 0},
		{state.Counts{Uncheckable: 3}, state.Uncheckable, 0},
		{state.Counts{Good: 999, Uncheckable: 1}, state.Good, 99},
		{state.Counts{Good: 9, Unknown: 1}, state.Unknown, 90},
		{state.Counts{Good: 9, Drifted: 1, Unknown: 10}, state.Drifted, 50},
		{state.Counts{Good: 3}, state.Good, 100},
	} {
		if v, p := c.counts.Verdict(), c.counts.Coverage(); v != c.verdict || p != c.coverage {
			t.Errorf("%+v: %s, %d %%; want %s, %d %%", c.counts, v.Word(), p, c.verdict.Word(), c.coverage)
		}
	}
}

func TestHostsAreFoldedAndNoneIsInvented(t *testing.T) {
	for _, c := range []struct {
		hosts []string
		want  string
	}{
		{nil, ""},
		{[]string{"web2", "db2", "web1", "web3", "web3"}, "db2, web[1-3]"},
		{[]string{"web1", "web3", "web4"}, "web1, web[3-4]"},
		{[]string{"web09", "web10", "web11"}, "web[09-11]"},
		{[]string{"web9", "web10"}, "web[9-10]"},
		{[]string{"web1", "web02"}, "web1, web02"},
		{[]string{"a1.example.org", "a2.example.org", "a3.example.com"}, "a3.example.com, a[1-2].example.org"},
		{[]string{"10.0.0.1", "10.0.0.2"}, "10.0.0.1, 10.0.0.2"},
		{[]string{"localhost"}, "localhost"},
	} {
		if got := state.Fold(c.hosts); got != c.want {
			t.Errorf("%v: %q, want %q", c.hosts, got, c.want)
		}
	}
}
