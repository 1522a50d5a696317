package policy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/core/schedule"
)

var sunday = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

func TestTheFirstRuleThatFitsDecides(t *testing.T) {
	night := schedule.Window{From: 2 * 60, To: 4 * 60, TZ: "UTC"}
	rules := []Rule{
		{Match: Match{Path: "/etc/ssh/**"}, Do: Report},
		{Match: Match{Tags: []string{"kernel", "boot"}}, Do: Ask},
		{Match: Match{Play: "databases"}, Do: Correct, Windows: []schedule.Window{night}},
		{Match: Match{File: "roles/nginx/**", Task: "nginx : *"}, Do: Ask},
	}
	for _, c := range []struct {
		what string
		s    Subject
		at   time.Time
		want Do
	}{
		{"a path below the pattern", Subject{Path: "/etc/ssh/sshd_config.d/a.conf"}, sunday, Report},
		{"a path beside it", Subject{Path: "/etc/sshd"}, sunday, Correct},
		{"one of its tags", Subject{Tags: []string{"x", "boot"}}, sunday, Ask},
		{"the earlier rule", Subject{Path: "/etc/ssh/a", Tags: []string{"boot"}}, sunday, Report},
		{"an open window", Subject{Play: "databases"}, sunday, Correct},
		{"a closed one", Subject{Play: "databases"}, sunday.Add(time.Hour), Report},
		{"all that a rule names", Subject{File: "roles/nginx/tasks/main.yml", Task: "nginx : the site /"}, sunday, Ask},
		{"only a part of it", Subject{File: "roles/nginx/tasks/main.yml", Task: "other"}, sunday, Correct},
		{"nothing", Subject{}, sunday, Correct},
	} {
		if got := Decide(rules, c.s, c.at); got.Do != c.want || got.Why == "" {
			t.Errorf("%s: %v, want %s", c.what, got, c.want)
		}
	}
	if got := Decide([]Rule{{Do: Correct}}, Subject{Path: "/x"}, sunday); got.Why != "no rule of the policy names it" {
		t.Errorf("a rule that names nothing decided: %v", got)
	}
}

func TestAnIgnoredDifferenceMayStayUntilTheEndOfItsLastDay(t *testing.T) {
	list := []Ignore{{Match: Match{Path: "/etc/motd"}, Reason: "party", Until: "2026-11-22"}, {Match: Match{Path: "/etc/issue"}, Reason: "never", Until: "soon"}}
	at := time.Date(2026, 11, 22, 23, 59, 0, 0, time.Local)
	if i, ok := Ignored(list, Subject{Path: "/etc/motd"}, at); !ok || i.Reason != "party" {
		t.Errorf("on its last day: %v %v", i, ok)
	}
	if _, ok := Ignored(list, Subject{Path: "/etc/motd"}, at.Add(time.Minute)); ok {
		t.Error("it still may after its last day")
	}
	if _, ok := Ignored(list, Subject{Path: "/etc/issue"}, at); ok {
		t.Error("a day that cannot be read lets everything stay")
	}
}

func TestTheCapBoundsHostsAndTheirShare(t *testing.T) {
	c := Cap{AtOnce: 2, Share: 1000}
	for hosts, want := range map[int]int{0: 0, 1: 1, 9: 1, 10: 1, 29: 2, 200: 20} {
		if got := c.Most(hosts); got != want {
			t.Errorf("of %d hosts %d may change, want %d", hosts, got, want)
		}
	}
	if ok, why := c.Within(3, 20); ok || !strings.Contains(why, "3 of 20 hosts") {
		t.Errorf("3 of 20 under 10%%: %v %q", ok, why)
	}
	if ok, _ := c.Within(2, 20); !ok {
		t.Error("2 of 20 under 10% are held up")
	}
	var all []string
	for _, g := range c.Groups([]string{"a", "b", "c"}) {
		all = append(all, strings.Join(g, "+"))
	}
	if !slices.Equal(all, []string{"a+b", "c"}) {
		t.Errorf("groups %v", all)
	}
}

func TestTheGateOpensOnlyWhenAllIsKnownToBeWell(t *testing.T) {
	pass, fail, unknown := good.Finding{Check: "up", Verdict: good.Pass}, good.Finding{Check: "up", Verdict: good.Fail}, good.Finding{Check: "up"}
	for _, c := range []struct {
		what            string
		findings        []good.Finding
		failed, unknown int
		want            bool
	}{
		{"no checks", nil, 0, 0, true},
		{"passing checks", []good.Finding{pass, pass}, 0, 0, true},
		{"a failing one", []good.Finding{pass, fail}, 0, 0, false},
		{"one that says nothing", []good.Finding{unknown}, 0, 0, false},
		{"failures within the bound", []good.Finding{pass}, 1, 0, true},
		{"more failures", []good.Finding{pass}, 2, 0, false},
		{"a host that is lost", []good.Finding{pass}, 0, 1, false},
	} {
		if on, why := (Cap{Failures: 1}).Gate(c.findings, c.failed, c.unknown); on != c.want || !on && why == "" {
			t.Errorf("%s: %v %q", c.what, on, why)
		}
	}
}
