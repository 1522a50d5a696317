package client

import (
	"context"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"goodstate.dev/goodstate/hooks/plan"
	"goodstate.dev/goodstate/hooks/verdict"
)

// passed tells whether a job is known to pass on what it would look at. The key is nil where its passes are not kept.
func (r *round) passed(ctx context.Context, d duty) (*verdict.Key, bool, error) {
	if d.job.Reuse == "" {
		return nil, false, nil
	}
	version := r.version(ctx, d.job)
	if version == "" {
		return nil, false, nil // nobody can tell which tool it is
	}
	seen := d.files
	if d.job.Reuse == "tree" || len(d.job.Reads) > 0 {
		all, err := r.listing(ctx)
		if err != nil {
			return nil, false, err
		}
		seen = listedFor(d, all)
	}
	parts := []string{"job", r.script(d.job), d.job.Dir, version}
	for _, name := range slices.Sorted(maps.Keys(d.job.Env)) {
		parts = append(parts, name+"="+d.job.Env[name])
	}
	for _, f := range seen {
		parts = append(parts, fmt.Sprintf("%o %s", f.mode, f.oid), f.path)
	}
	k := verdict.Of(parts...)
	return &k, r.verdicts.Has(k), nil
}

// listedFor are the files of a tree that a job's verdict is about, in order.
func listedFor(d duty, all map[string]listed) []*file {
	mine := map[string]bool{}
	for _, f := range d.files {
		mine[f.path] = true
	}
	var seen []*file
	for name, e := range all {
		reads := slices.ContainsFunc(d.job.Reads, func(glob string) bool { return plan.Match(glob, name) })
		if d.job.Reuse == "tree" || mine[name] || reads {
			seen = append(seen, &file{path: name, mode: e.mode, oid: e.oid})
		}
	}
	// With {files} it matters which of them it is given.
	if d.job.Reuse == "tree" && d.job.TakesFiles() {
		for _, f := range d.files {
			seen = append(seen, &file{path: "given " + f.path, mode: f.mode, oid: f.oid})
		}
	}
	sortFiles(seen)
	return seen
}

// versionWithin is how long a tool may take to say its version.
const versionWithin = 20 * time.Second

// version tells which tool a job starts; empty when that cannot be told.
func (r *round) version(ctx context.Context, job plan.Job) string {
	if job.Version == "" {
		program := firstWord(job.Run)
		if program == "" {
			return ""
		}
		path, err := exec.LookPath(program)
		if err == nil && strings.Contains(program, "/") && !filepath.IsAbs(program) {
			return "" // a file of the work tree, which is not what is staged
		}
		return verdict.File(path, err)
	}
	limited, cancel := context.WithTimeout(ctx, versionWithin)
	defer cancel()
	cmd := exec.CommandContext(limited, "sh", "-c", job.Version)
	cmd.Dir, cmd.Env = filepath.Join(r.repo.Top, filepath.FromSlash(job.Dir)), freed()
	for name, value := range job.Env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	return "said " + string(out)
}
