package notify

import (
	"strings"
	"testing"

	"goodstate.dev/goodstate/core/config"
)

func TestWhoIsToldWhat(t *testing.T) {
	for _, c := range []struct {
		why  string
		rule Rule
		e    Event
		want bool
	}{
		{"by default the end", Rule{}, Event{Phase: End}, true},
		{"by default the trigger", Rule{}, Event{Phase: Trigger}, true},
		{"by default not the start", Rule{}, Event{Phase: Start}, false},
		{"by default not each decision", Rule{}, Event{Phase: Decision}, false},
		{"a type can tell the phase", Rule{}, Event{Type: "rollout.started"}, false},
		{"a type can tell the end", Rule{Events: []string{"end"}}, Event{Type: "rollout.rolled_back"}, true},
		{"what tells no phase is a trigger", Rule{}, Event{Type: "rollout.asks-canary"}, true},
		{"the given phase wins", Rule{}, Event{Type: "rollout.started", Phase: Trigger}, true},
		{"a phase that is asked for", Rule{Events: []string{"start"}}, Event{Phase: Start}, true},
		{"only what is asked for", Rule{Events: []string{"start"}}, Event{Phase: End}, false},
		{"a type", Rule{Events: []string{"rollout.rolled_back"}}, Event{Type: "rollout.rolled_back"}, true},
		{"another type", Rule{Events: []string{"rollout.rolled_back"}}, Event{Type: "rollout.promoted"}, false},
		{"all types of a capability", Rule{Events: []string{"drift.*"}}, Event{Type: "drift.found"}, true},
		{"one word of all capabilities", Rule{Events: []string{"*.could_not"}}, Event{Type: "backup.could_not"}, true},
		{"everything", Rule{Events: []string{"*"}}, Event{Type: "rollout.started"}, true},
		{"a service", Rule{Services: []string{"web", "shop"}}, Event{Service: "shop"}, true},
		{"another service", Rule{Services: []string{"web"}}, Event{Service: "shop"}, false},
		{"no service", Rule{Services: []string{"web"}}, Event{}, false},
		{"grave enough", Rule{Severity: Warning}, Event{Severity: Critical}, true},
		{"just grave enough", Rule{Severity: Warning}, Event{Severity: Warning}, true},
		{"not grave enough", Rule{Severity: Warning}, Event{Severity: Info}, false},
		{"a severity that was not set", Rule{Severity: Warning}, Event{}, false},
		{"a severity that is not known", Rule{Severity: Critical}, Event{Severity: "panic"}, true},
	} {
		if got := c.rule.wants(c.e); got != c.want {
			t.Errorf("%s: %v, want %v", c.why, got, c.want)
		}
	}
}

// file is a configuration with only our section.
type file struct {
	Notify []Rule `yaml:"notify" help:"who is told what"`
}

func TestRulesAreReadFromTheFile(t *testing.T) {
	var f file
	err := config.Parse("goodstate.yaml", []byte(`notify:
  - to: {webhook: {url: https://ops.example.org/hook, secret: {secret: key}}}
  - name: pager
    to: {pagerduty: {key: {secret: pagerduty}}}
    events: [end, drift.*]
    services: [web]
    severity: critical
`), &f)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Notify) != 2 || f.Notify[0].Severity != Info || f.Notify[1].Severity != Critical {
		t.Fatalf("rules are %+v", f.Notify)
	}
	n, err := New(Options{Rules: f.Notify})
	if err != nil {
		t.Fatal(err)
	}
	if names := strings.Join(n.Channels(), " "); names != "webhook pager" {
		t.Errorf("channels are %s", names)
	}
}

func TestWhatIsWrongInTheFileIsSaidByLine(t *testing.T) {
	for text, want := range map[string]string{
		"to: {webhok: {url: x}}":                                                     `unknown channel "webhok" (did you mean webhook?)`,
		"to: {webhook: {}}":                                                          "url",
		"to: {webhook: {url: x, secret: plain}}":                                     "a secret is never written here",
		"{to: {webhook: {url: x}}, events: [strat]}":                                 "did you mean start?",
		"{to: {webhook: {url: x}}, events: [rolled_back]}":                           "a type of event such as rollout.rolled_back",
		"{to: {webhook: {url: x}}, events: ['a.[']}":                                 "unknown event",
		"{to: {webhook: {url: x}}, severity: grave}":                                 "severity",
		"{to: {webhook: {url: x}}, name: 'a b'}":                                     "is no name for a channel",
		"to: {slack: {}}":                                                            "where to?",
		"to: {slack: {url: x, channel: '#ops'}}":                                     "not both",
		"to: {slack: {channel: '#ops'}}":                                             "needs both token and channel",
		"to: {command: {run: []}}":                                                   "run",
		"to: {command: {run: ['']}}":                                                 "the program has no name",
		"to: {email: {server: mail, from: a@b.org, to: [b@b.org]}}":                  `"mail" is no host and port`,
		"to: {email: {server: 'mail:25', from: me, to: [b@b.org]}}":                  `"me" is no mail address`,
		"to: {email: {server: 'mail:25', from: a@b.org, to: [you]}}":                 `"you" is no mail address`,
		"to: {email: {server: 'mail:25', from: a@b.org, to: [b@b.org], user: mia}}":  "belong together",
		"to: {email: {server: 'mail:25', from: a@b.org, to: [b@b.org], tls: maybe}}": "tls",
		"to: {email: {server: 'mail:25', tls: none, from: a@b.org, to: [b@b.org], user: mia, password: {secret: smtp}}}": "never sent in the clear",
	} {
		var f file
		err := config.Parse("goodstate.yaml", []byte("notify:\n  - "+text+"\n"), &f)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "goodstate.yaml:2") {
			t.Errorf("%s:\n%v\nwant %q on line 2", text, err, want)
		}
	}
}

func TestTwoChannelsOfOneNameAreRefused(t *testing.T) {
	hook := rule(t, "", "webhook", map[string]any{"url": "http://127.0.0.1:1"})
	if _, err := New(Options{Rules: []Rule{hook, hook}}); err == nil || !strings.Contains(err.Error(), `two channels are called "webhook"`) {
		t.Errorf("error is %v", err)
	}
}

func TestTheExampleOfEveryChannelWorks(t *testing.T) {
	kinds := config.Kinds[Channel]()
	if len(kinds) < 7 {
		t.Errorf("only %d kinds of channels are registered", len(kinds))
	}
	for _, kind := range kinds {
		var f file
		if err := config.Parse("example", []byte("notify:\n  - to:\n      "+kind.Example+"\n"), &f); err != nil {
			t.Errorf("%s: %v", kind.Name, err)
			continue
		}
		if f.Notify[0].To.Name() != kind.Name || kind.Help == "" {
			t.Errorf("the example of %s is about %s; help: %q", kind.Name, f.Notify[0].To.Name(), kind.Help)
		}
		if _, err := f.Notify[0].To.New(); err != nil {
			t.Errorf("%s: %v", kind.Name, err)
		}
	}
}
