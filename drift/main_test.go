package drift

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/core/store"
	"goodstate.dev/goodstate/drift/record"
)

// This binary is also the controller that is killed: with these in its environment it corrects the yard in a folder.
const (
	folder = "DRIFT_FOLDER"
	die    = "DRIFT_DIE"    // the point at which it kills itself: its number in the run
	points = "DRIFT_POINTS" // file that gets the name of each point
	walked = "DRIFT_RUN"    // id of the run
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(folder); dir != "" {
		if err := controller(context.Background(), dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func controller(ctx context.Context, dir string) error {
	n := 0
	w, err := openWorld(ctx, dir, func(point string) {
		n++
		if path := os.Getenv(points); path != "" {
			f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
			if err == nil {
				_, err = fmt.Fprintln(f, point)
				err = errors.Join(err, f.Close())
			}
			if err != nil {
				panic(err)
			}
		}
		if os.Getenv(die) == fmt.Sprint(n) {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // it does not return
			select {}
		}
	}, nil)
	if err != nil {
		return err
	}
	id := os.Getenv(walked)
	if _, err := w.d.start(ctx, id, record.Correct, "ann", "", Order{Playbook: "base"}); err != nil {
		return err
	}
	if _, err := w.d.Engine.Wait(ctx, id); err != nil {
		return err
	}
	return w.close()
}

// world is a data directory with drift control on it.
type world struct {
	s *store.Store
	e *run.Engine
	d *Drift
}

// openWorld opens what lies in a folder: goodstate.yaml with the section drift, and the data.
func openWorld(ctx context.Context, dir string, onStep func(string), adjust func(*Options)) (*world, error) {
	var c struct {
		Drift Config `yaml:"drift"`
	}
	if err := config.Load(filepath.Join(dir, "goodstate.yaml"), &c); err != nil {
		return nil, err
	}
	c.Drift.Absolute(dir)
	data := filepath.Join(dir, "data")
	s, err := store.Open(ctx, data)
	if err != nil {
		return nil, err
	}
	j := journal.New(s)
	e, err := run.Open(ctx, s, j, run.Options{OnStep: onStep})
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	book, err := record.Open(s)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	o := Options{
		Config: c.Drift, Base: dir, Data: data, Engine: e, Journal: j, Book: book, Log: slog.New(slog.DiscardHandler),
		Secret: func(_ context.Context, name string) (string, error) { return "the secret " + name, nil },
	}
	if adjust != nil {
		adjust(&o)
	}
	w := &world{s, e, New(o)}
	return w, e.Launch(ctx)
}

func (w *world) close() error {
	return errors.Join(w.e.Close(context.Background()), w.d.Close(), w.s.Close())
}

// yard is a folder with a playbook for four hosts, which are folders of it.
type yard struct {
	*world
	t   *testing.T
	dir string
}

const yardPlay = `
- hosts: all
  gather_facts: false
  tasks:
    - name: the folder
      file: {path: "{{ root }}/{{ inventory_hostname }}", state: directory, mode: "0755"}
    - name: the greeting
      copy: {content: "welcome\n", dest: "{{ root }}/{{ inventory_hostname }}/motd", mode: "0644"}
      notify: greeted
    - name: it waits
      wait_for: {path: "{{ root }}/go", timeout: 120, sleep: 1}
      when: not ansible_check_mode
    - name: the kernel
      copy: {content: "quiet\n", dest: "{{ root }}/{{ inventory_hostname }}/kernel", mode: "0644"}
      tags: [kernel]
  handlers:
    - name: greeted
      copy: {content: "yes\n", dest: "{{ root }}/{{ inventory_hostname }}/greeted", mode: "0644"}
`

// newYard makes a yard; more is what the playbook "base" has besides its file and its inventory, and what comes after it.
func newYard(t *testing.T, more string, adjust func(*Options)) *yard {
	t.Helper()
	y := &yard{t: t, dir: t.TempDir()}
	y.write("site.yml", yardPlay)
	y.write("hosts.ini", "web[1:4] ansible_connection=local\n[all:vars]\nroot="+y.dir+"\n")
	y.write("goodstate.yaml", "drift:\n  playbooks:\n    base:\n      file: site.yml\n      inventory: [hosts.ini]\n      shard: 3\n"+more)
	y.write("go", "")
	y.open(adjust)
	return y
}

func (y *yard) open(adjust func(*Options)) {
	y.t.Helper()
	w, err := openWorld(y.t.Context(), y.dir, nil, adjust)
	if err != nil {
		y.t.Fatal(err)
	}
	y.world = w
	y.t.Cleanup(func() {
		if err := y.shut(); err != nil {
			y.t.Error(err)
		}
	})
}

// shut closes what is open, once.
func (y *yard) shut() error {
	w := y.world
	y.world = nil
	if w == nil {
		return nil
	}
	return w.close()
}

func (y *yard) write(name, text string) {
	y.t.Helper()
	if err := os.WriteFile(filepath.Join(y.dir, name), []byte(text), 0o644); err != nil {
		y.t.Fatal(err)
	}
}

func (y *yard) read(name string) string {
	text, err := os.ReadFile(filepath.Join(y.dir, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// begin starts a run.
func (y *yard) begin(mode record.Mode, playbook string) run.Info {
	y.t.Helper()
	info, err := y.d.Start(y.t.Context(), mode, "ann", "", Order{Playbook: playbook})
	if err != nil {
		y.t.Fatal(err)
	}
	return info
}

// ends waits for the end of a run and reads its result.
func (y *yard) ends(id string) (run.Info, Result) {
	y.t.Helper()
	ctx, stop := context.WithTimeout(y.t.Context(), 3*time.Minute)
	defer stop()
	info, err := y.d.Engine.Wait(ctx, id)
	if err != nil {
		y.t.Fatalf("run %s: %v", id, err)
	}
	out, err := ResultOf(info)
	if err != nil {
		y.t.Fatal(err)
	}
	return info, out
}

// run carries a run out.
func (y *yard) run(mode record.Mode) Result {
	y.t.Helper()
	info, out := y.ends(y.begin(mode, "base").ID)
	if info.State != run.Succeeded {
		y.t.Fatalf("run %s %s: %s", info.ID, info.State, info.Error)
	}
	return out
}

// ready corrects all hosts for the first time, with an approver's word.
func (y *yard) ready() {
	y.t.Helper()
	y.run(record.Correct)
	for y.approve() {
	}
	if out := y.run(record.Detect); out.Differing != 0 || out.Hosts != 4 || out.Unreached != 0 {
		y.t.Fatalf("at the beginning %+v, want four hosts as they should be", out)
	}
}

// approve agrees to what waits; false says that nothing does.
func (y *yard) approve() bool {
	y.t.Helper()
	asks, err := y.d.Book.Asks(y.t.Context(), "base", time.Now())
	if err != nil {
		y.t.Fatal(err)
	}
	for _, a := range asks {
		info, err := y.d.Approve(y.t.Context(), a.ID, "vera", "go on")
		if err != nil {
			y.t.Fatal(err)
		}
		y.ends(info.ID)
	}
	return len(asks) > 0
}

// corrections are what became of the hosts of a run, as "web1 corrected".
func (y *yard) corrections(id string) map[string]record.CorrectionState {
	y.t.Helper()
	all, err := y.d.Book.Corrections(y.t.Context(), id)
	if err != nil {
		y.t.Fatal(err)
	}
	out := map[string]record.CorrectionState{}
	for _, c := range all {
		out[c.Host] = c.State
	}
	return out
}
