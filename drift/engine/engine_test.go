package engine_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/core/remote"
	"goodstate.dev/goodstate/drift/engine"
	"goodstate.dev/goodstate/internal/real"
)

// record keeps what a run says.
type record struct {
	mu     sync.Mutex
	events []engine.Event
}

func (r *record) Event(e engine.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// of lists the hosts of events of a kind for a task.
func (r *record) of(kind engine.Kind, task string) []string {
	var out []string
	for _, e := range r.events {
		if e.Kind == kind && e.Task != nil && e.Task.Name == task {
			out = append(out, e.Host)
		}
	}
	return out
}

func (r *record) result(task string) *py.Dict {
	for _, e := range r.events {
		if e.Task != nil && e.Task.Name == task && e.Result != nil {
			return e.Result
		}
	}
	return py.NewDict()
}

func options(t *testing.T, inventory, play string) (engine.Options, *record) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"hosts": inventory, "site.yml": play} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := &record{}
	d := &engine.Dialer{Settings: engine.DefaultSettings(), Keys: &remote.Keys{}}
	return engine.Options{
		Playbooks: []string{filepath.Join(dir, "site.yml")}, Inventory: []string{filepath.Join(dir, "hosts")}, Settings: engine.DefaultSettings(), Connect: d.Connect,
		Report: r, Forks: 5, Timeout: 5,
	}, r
}

func run(t *testing.T, inventory, play string) (int, *record, *engine.Stats) {
	t.Helper()
	opt, r := options(t, inventory, play)
	code, stats, err := engine.Run(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	return code, r, stats
}

func TestAHostThatFailsDoesNotStopTheOthers(t *testing.T) {
	code, r, stats := run(t, "h[1:3] ansible_connection=local\n", `
- hosts: all
  gather_facts: false
  tasks:
    - {name: one, command: 'test {{ inventory_hostname }} != h2'}
    - {name: two, debug: {msg: x}}
`)
	if code != engine.Failed {
		t.Errorf("code %d", code)
	}
	if got := r.of(engine.OK, "two"); len(got) != 2 {
		t.Errorf("two ran on %v", got)
	}
	if c := stats.Count("h2"); c.Failed != 1 || c.OK != 0 {
		t.Errorf("h2 %+v", c)
	}
}

func TestAHostThatIsNotThereIsUnreachableAndTheOthersGoOn(t *testing.T) {
	code, r, stats := run(t, "gone ansible_host=127.0.0.1 ansible_port=1\nhere ansible_connection=local\n", `
- hosts: all
  gather_facts: false
  tasks:
    - {name: one, ping: }
    - {name: two, ping: }
`)
	if code != engine.Unreachable {
		t.Errorf("code %d", code)
	}
	if got := r.of(engine.UnreachableHost, "one"); len(got) != 1 || got[0] != "gone" {
		t.Errorf("unreachable %v", got)
	}
	if got := r.of(engine.OK, "two"); len(got) != 1 || got[0] != "here" {
		t.Errorf("two ran on %v", got)
	}
	if c := stats.Count("gone"); c.Unreachable != 1 {
		t.Errorf("gone %+v", c)
	}
}

func TestWhatAHostSaysIsNeverATemplate(t *testing.T) {
	_, r, _ := run(t, "h1 ansible_connection=local\n", `
- hosts: all
  gather_facts: false
  tasks:
    - command: "echo {{ '{{' }} 1 + 1 {{ '}}' }}"
      register: said
    - set_fact: {kept: "{{ said.stdout }}"}
    - {name: show, debug: {msg: "{{ kept }} {{ said.stdout }}"}}
`)
	msg, _ := r.result("show").Get("msg")
	if got := py.Str(msg); got != "{{ 1 + 1 }} {{ 1 + 1 }}" {
		t.Errorf("%q", got)
	}
}

func TestARunThatIsInterruptedEndsItsCommands(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "pid")
	opt, _ := options(t, "h1 ansible_connection=local\n", `
- hosts: all
  gather_facts: false
  tasks:
    - shell: "echo $$ > `+mark+`; sleep 600"
    - {name: never, debug: {msg: x}}
`)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			if text, err := os.ReadFile(mark); err == nil && strings.TrimSpace(string(text)) != "" {
				stop() // the command runs
				return
			}
			<-tick.C
		}
	}()
	began := time.Now()
	_, _, err := engine.Run(ctx, opt)
	if err == nil || time.Since(began) > 60*time.Second {
		t.Fatalf("%v after %s", err, time.Since(began))
	}
	pid, err := os.ReadFile(mark)
	if err != nil {
		t.Fatal(err)
	}
	real.Eventually(t, 10*time.Second, "the command is gone", func() bool {
		_, err := os.Stat("/proc/" + strings.TrimSpace(string(pid)))
		return os.IsNotExist(err)
	})
}

func TestSecretsOfNoLogAreInNoEvent(t *testing.T) {
	_, r, _ := run(t, "h1 ansible_connection=local\n", `
- hosts: all
  gather_facts: false
  tasks:
    - {name: quiet, command: echo s3cret, no_log: true}
    - {name: items, command: "echo {{ item }}", loop: [s3cret], no_log: true}
`)
	for _, e := range r.events {
		if e.Result != nil && e.Task != nil && !e.Task.NoLog {
			v, _ := e.Result.Get("_ansible_no_log")
			if v != true && strings.Contains(py.Repr(e.Result), "s3cret") {
				t.Errorf("event %d of %s: %s", e.Kind, e.Task.Name, py.Repr(e.Result))
			}
		}
	}
}
