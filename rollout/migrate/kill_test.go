package migrate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// errand is what a child process is told to do until it kills itself.
type errand struct {
	Config Config
	Dir    string
	Plan   Plan
	What   string
	Kill   int // after so many statements
}

const errandVariable = "GOODSTATE_MIGRATE_ERRAND"

func TestMain(m *testing.M) {
	path := os.Getenv(errandVariable)
	if path == "" {
		os.Exit(m.Run())
	}
	if err := child(path); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func child(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var e errand
	if err := json.Unmarshal(data, &e); err != nil {
		return err
	}
	d, err := Open(context.Background(), e.Config, e.Dir, nil)
	if err != nil {
		return err
	}
	n := 0
	d.after = func() {
		if n++; n == e.Kill {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // until the signal is there
		}
	}
	return errors.Join(e.run(context.Background(), d), d.Close())
}

func (e errand) run(ctx context.Context, d *Database) error {
	switch e.What {
	case "expand":
		return d.Expand(ctx, e.Plan)
	case "contract":
		return d.Contract(ctx, e.Plan)
	}
	_, err := d.Back(ctx, e.Plan)
	return err
}

// killed runs the errand in a process that kills itself; false means that it came to its end before.
func (p *place) killed(e errand) bool {
	p.Helper()
	e.Config, e.Dir = p.config, p.dir
	data, err := json.Marshal(e)
	if err != nil {
		p.Fatal(err)
	}
	path := filepath.Join(p.dir, "errand")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		p.Fatal(err)
	}
	cmd := exec.CommandContext(p.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), errandVariable+"="+path)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	if err == nil {
		return false
	}
	if cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		p.Fatalf("%s, to be killed after statement %d: %v\n%s", e.What, e.Kill, err, out.String())
	}
	return true
}

// shape is everything of the live tables: their definitions and rows.
func (p *place) shape(d *Database) string {
	p.Helper()
	var out strings.Builder
	query := "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v') ORDER BY 1"
	if p.rig.driver == MySQL {
		query = "SELECT table_name FROM information_schema.tables WHERE table_schema = database() ORDER BY 1"
	}
	if p.rig.driver == SQLite {
		query = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1"
		out.WriteString(p.schema())
	}
	err := d.session(p.Context(), false, func(s *session) error {
		for _, name := range strings.Fields(p.rows(query)) {
			if strings.HasPrefix(name, "_goodstate") || strings.HasPrefix(name, "goo") || strings.HasPrefix(name, "sqlite") {
				continue
			}
			var def string
			var err error
			switch e := d.engine.(type) {
			case postgres:
				var t pgTable
				t, err = e.table(p.Context(), s, Name{Name: name})
				data, jsonErr := json.Marshal(t)
				def, err = string(data), errors.Join(err, jsonErr)
			case mariadb:
				def, err = e.look(p.Context(), s, Name{Name: name})
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(&out, "%s\n%s\n%s", name, def, p.rows("SELECT * FROM "+name+" ORDER BY 1"))
		}
		return nil
	})
	if err != nil {
		p.Fatal(err)
	}
	// The number of the try is part of the names of what is put aside.
	return tryNumber.ReplaceAllString(out.String(), "_goodstate_T_")
}

var tryNumber = regexp.MustCompile(`_goodstate_[0-9a-f]{8}_\d+_`)

// walk kills the whole way there and back after each statement, does it again, and wants the result of an undisturbed one.
func walk(t *testing.T, r *rig, schema, migration string) {
	p := r.place(t, schema)
	d := p.database()
	p.migration(1, migration)
	plan := p.plan(d)
	before, dump := p.shape(d), p.schema()
	p.expand(d, plan)
	if err := d.Contract(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	contracted := p.shape(d)
	p.back(d, plan)
	p.same("undisturbed", p.shape(d), before)
	for _, leg := range []struct{ what, to string }{{"contract", contracted}, {"back", before}} {
		kills := 0
		for n := 1; ; n++ {
			if leg.what == "back" {
				if err := d.Contract(t.Context(), plan); err != nil {
					t.Fatal(err)
				}
			}
			e := errand{Plan: plan, What: leg.what, Kill: n}
			if !p.killed(e) {
				break
			}
			kills++
			if leg.what == "contract" && n%4 == 0 { // straight back from where it was killed
				p.back(d, plan)
				p.same(fmt.Sprintf("straight back after %s was killed after statement %d", leg.what, n), p.shape(d), before)
				if !p.killed(e) {
					break
				}
			}
			if err := e.run(t.Context(), d); err != nil {
				t.Fatalf("%s again after it was killed after statement %d: %v", leg.what, n, err)
			}
			p.same(fmt.Sprintf("%s again after it was killed after statement %d", leg.what, n), p.shape(d), leg.to)
			p.back(d, plan)
			p.same(fmt.Sprintf("back after %s was killed after statement %d", leg.what, n), p.shape(d), before)
		}
		p.back(d, plan)
		t.Logf("%s: killed after each of %d statements", leg.what, kills)
	}
	p.same("the schema at last", p.schema(), dump)
}
