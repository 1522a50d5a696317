package report

import (
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/drift/record"
	"goodstate.dev/goodstate/drift/state"
)

func TestEvidenceThatWasChangedOrIsOfAnotherKeyIsRefused(t *testing.T) {
	dir := t.TempDir()
	s, err := OpenSigner(dir)
	if err != nil {
		t.Fatal(err)
	}
	r := Report{At: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), Proofs: []Proof{{Control: "cis_1.2.3", Result: "failed", Hosts: 3}}}
	text, err := s.Seal(r)
	if err != nil || !IsEvidence(text) {
		t.Fatalf("%s %v", text, err)
	}
	again, err := OpenSigner(dir)
	if err != nil || again.Public() != s.Public() {
		t.Fatalf("the key is another the second time: %v", err)
	}
	v, err := Verify(text, again.Public())
	if err != nil || !v.At.Equal(r.At) || len(v.Proofs) != 1 || v.Proofs[0].Result != "failed" {
		t.Errorf("%+v %v", v, err)
	}
	if _, err := Verify([]byte(strings.Join(strings.Fields(string(text)), " ")), s.Public()); err != nil {
		t.Errorf("other whitespace: %v", err)
	}
	other, err := OpenSigner(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	forged, err := other.Seal(Report{})
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"a result":            strings.Replace(string(text), "failed", "passed", 1),
		"a result and digest": string(forged),
		"a key":               strings.Replace(string(forged), other.Public(), s.Public(), 1),
		"nothing":             "{}",
		"half":                string(text[:len(text)/2]),
	} {
		if v, err := Verify([]byte(bad), s.Public()); err == nil {
			t.Errorf("%s is changed, and it is taken: %+v", name, v)
		}
	}
}

func TestAControlPassesOnlyWhenEverythingThatProvesItIsGood(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	resource := func(host, task string, s state.State, tags ...string) record.Resource {
		return record.Resource{Host: host, Task: task, Tags: tags, Resource: state.Resource{State: s, SeenAt: at}}
	}
	p := newProver(map[string][]string{"AC-17": {"*sshd*"}, "SC-28": {"encrypt *"}})
	p.add(resource("web1", "permit no root in sshd", state.Good, "cis_5.2.10", "ssh"), false)
	p.add(resource("web2", "permit no root in sshd", state.Drifted, "cis_5.2.10"), false)
	p.add(resource("web1", "motd", state.Good, "CIS_1.7.1"), false)
	p.add(resource("web2", "motd", state.Drifted, "CIS_1.7.1"), true)
	p.add(resource("web1", "auditd runs", state.Uncheckable, "rule_4.1.1"), false)
	p.add(resource("web1", "cron is root's", state.Good, "V-204409", "patch"), false)
	want := map[string]string{"cis_5.2.10": "failed", "AC-17": "failed", "CIS_1.7.1": "excepted", "rule_4.1.1": "unknown", "V-204409": "passed", "SC-28": "unknown"}
	got := p.all()
	for _, g := range got {
		if want[g.Control] != g.Result {
			t.Errorf("%s %s, want %q: %+v", g.Control, g.Result, want[g.Control], g)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d controls, want %d: tags such as ssh and patch are none", len(got), len(want))
	}
	if got[0].Control != "AC-17" || got[0].Failed != "web2" || got[0].Hosts != 2 {
		t.Errorf("%+v", got[0])
	}
}
