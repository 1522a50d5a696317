package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/app"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/rollout"
	"goodstate.dev/goodstate/rollout/prevent"
)

// newest is the newest rollout of a service, as the command line tells it.
func (s *site) newest(service string) (run.Info, rollout.Result) {
	s.t.Helper()
	conf, err := app.Load(s.file)
	s.must(err)
	a, err := app.Open(s.t.Context(), app.Options{Config: conf, Base: filepath.Dir(s.file), Self: []string{os.Args[0]}, Idle: true})
	s.must(err)
	defer func() { s.must(a.Close()) }()
	all, err := a.Engine.List(s.t.Context(), run.Filter{Target: rollout.Target(service), Limit: 1})
	if err != nil || len(all) == 0 {
		s.t.Fatalf("no rollout of %s: %v", service, err)
	}
	res, err := rollout.ResultOf(all[0])
	s.must(err)
	return all[0], res
}

// prevented turns the incident of a service's newest rollout into measures of a kind, releases the same version again, and tells both times.
func (s *site) prevented(service, release, kind string) {
	s.t.Helper()
	first, before := s.newest(service)
	if before.Outcome != rollout.RolledBack || before.Trigger.Weight == 0 {
		s.t.Fatalf("the first time it ended as %s with a weight of %d", before.Outcome, before.Trigger.Weight)
	}
	was, err := os.ReadFile(s.file)
	s.must(err)
	out, code := s.goodstate("prevent", "--json", "--only", kind, first.ID)
	var p struct {
		prevent.Proposal
		Diff string `json:"diff"`
	}
	if err := json.Unmarshal([]byte(out), &p); err != nil || code != 0 || len(p.Measures) == 0 {
		s.t.Fatalf("prevent ended with %d: %v\n%s", code, err, out)
	}
	if now, err := os.ReadFile(s.file); err != nil || string(now) != string(was) {
		s.t.Fatal("without --write the configuration was changed")
	}
	if out, code := s.goodstate("prevent", "--write", "--only", kind, first.ID); code != 0 {
		s.t.Fatalf("prevent --write ended with %d:\n%s", code, out)
	}
	now, err := os.ReadFile(s.file)
	s.must(err)
	for line := range strings.Lines(p.Diff) {
		if strings.HasPrefix(line, "-") && !strings.HasPrefix(line, "---") && !strings.Contains(line, "checks:") && !strings.Contains(line, "limits:") {
			s.t.Errorf("the change takes a line away: %s", line)
		}
	}
	if !strings.Contains(string(now), p.Measures[0].YAML) {
		s.t.Fatalf("the configuration lacks %s:\n%s", p.Measures[0].YAML, now)
	}
	if out, code := s.goodstate("unhold", service, release); code != 0 {
		s.t.Fatal(out)
	}
	if out, code := s.goodstate("deploy", service, release); code != 4 {
		s.t.Fatalf("the second time deploy ended with %d:\n%s", code, out)
	}
	second, after := s.newest(service)
	took := func(i run.Info, r rollout.Result) time.Duration { return r.Trigger.At.Sub(i.Started) }
	s.t.Logf("the first time it was found after %s with %d requests of users failed, the second time after %s by %s in %s, with %d of the traffic", took(first, before), p.Failures, took(second, after), after.Trigger.By, after.Trigger.Stage, after.Trigger.Weight)
	if kind == "check" && (after.Trigger.Weight != 0 || !strings.Contains(after.Trigger.Why, "-lasts")) {
		s.t.Errorf("the second time users met it: %+v", after.Trigger)
	}
}

func TestAMeasureAgainstAnIncidentCatchesTheSameReleaseBeforeUsersMeetIt(t *testing.T) {
	s := newSite(t, canary)
	leave := s.visitors()
	if res := s.control("v1", ""); res.Outcome != rollout.Promoted {
		t.Fatalf("v1: %s: %s", res.Outcome, res.Why)
	}
	s.control("v2", "")
	s.prevented("web", "v2", "check")
	if requests, lost := leave(); lost > 0 {
		t.Errorf("%d of %d requests were lost", lost, requests)
	}
}

func TestTheDemosIncidentIsPreventedTheSecondTime(t *testing.T) {
	if os.Getenv(everything) == "" {
		t.Log("takes a minute; E2E_ALL=1 runs it")
		return
	}
	cmd := exec.Command(os.Args[0], "demo", "--keep", "--json")
	text, err := cmd.Output()
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	var out struct {
		Dir string `json:"dir"`
	}
	if jerr := json.Unmarshal([]byte(lines[len(lines)-1]), &out); err != nil || jerr != nil || out.Dir == "" {
		t.Fatalf("%v %v\n%s", err, jerr, text)
	}
	s := &site{t: t, dir: out.Dir, file: filepath.Join(out.Dir, app.ConfigName), service: "shop"}
	t.Cleanup(s.tidy)
	s.prevented("shop", "v2", "check")
}
