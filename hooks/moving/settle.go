package moving

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/hooks"
)

// maxJobs is far more than a stage of people has.
const maxJobs = 500

// settle takes out jobs that goodstate would not accept, so that one odd value does not keep all else from being moved.
func (f *Found) settle() error {
	for _, s := range f.stages {
		if len(s.jobs) > maxJobs {
			return fmt.Errorf("%s: %d commands for %s, want at most %d", strings.Join(f.files, ", "), len(s.jobs), s.name, maxJobs)
		}
		s.jobs = slices.DeleteFunc(s.jobs, func(j *job) bool {
			if j.sees != "disk" && f.moves(j.run) { // scripts of husky have said it by line
				return f.twice(s, j)
			}
			wrong := j.wrong()
			if wrong != "" {
				f.lose(s.name, j.name, j.place, j.name+" of "+s.name, wrong)
			}
			return wrong != ""
		})
		for _, j := range s.jobs {
			j.needs = slices.DeleteFunc(j.needs, func(need string) bool {
				return !slices.ContainsFunc(s.jobs, func(o *job) bool { return o.name == need })
			})
		}
	}
	return nil
}

// twice tells whether a job does nothing but start what was moved by itself. One that does more stays, and is named.
func (f *Found) twice(s *stage, j *job) bool {
	if simple.MatchString(j.run) {
		f.remark(j.name + " of " + s.name + " started what is moved by itself")
		return true
	}
	f.note(j.place, "%s of %s starts what is moved by itself, which then runs twice; take that out of its command", j.name, s.name)
	return false
}

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// wrong says what goodstate would not accept of a job; empty is nothing.
func (j *job) wrong() string {
	for name := range j.env {
		if !envName.MatchString(name) {
			return fmt.Sprintf("env has the name %q, want letters, digits and underscores", name)
		}
	}
	as := hooks.Job{
		Run: j.run, Files: j.files, Exclude: j.exclude, Types: j.types, Fix: j.fix, Within: config.Duration(time.Minute), Dir: j.dir, Env: j.env, Link: j.link, Sees: j.sees,
	}
	found := ""
	as.Validate(func(path, message string) {
		if found == "" {
			found = path + ": " + message
		}
	})
	return found
}
