package check

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/check/testreport"
	"goodstate.dev/goodstate/core/good"
)

func init() {
	register(Kind{
		Name:    "test",
		Help:    "run a test suite and read its report: exit code, JUnit XML, TAP or go test -json. A suite in which no test ran is unknown, not passed",
		Example: "test: {run: npm test, format: junit, report: \"reports/*.xml\"}",
		New: func(decode func(any) error) (Check, error) {
			c := &testCheck{}
			if err := decode(c); err != nil {
				return nil, err
			}
			if c.Report != "" && c.Format == "exit" {
				return nil, errors.New("report needs a format: junit, tap or gotest")
			}
			if _, err := filepath.Match(c.Report, ""); err != nil {
				return nil, fmt.Errorf("report %q: %w", c.Report, err)
			}
			return c, nil
		},
	})
}

type testCheck struct {
	Line   string `yaml:"run" required:"true" help:"command line for the shell, run in the folder of the release"`
	Format string `yaml:"format" default:"exit" enum:"exit,junit,tap,gotest" help:"what the report is; exit reads only the exit code"`
	Report string `yaml:"report" help:"files of the report, with wildcards, from the folder of the release; without it the standard output is the report"`
}

const maxReport = 64 << 20

var readers = map[string]func(io.Reader) testreport.Report{"junit": testreport.JUnit, "tap": testreport.TAP, "gotest": testreport.GoTest}

// Run runs the suite once.
func (c *testCheck) Run(ctx context.Context, t Target) good.Finding {
	f := good.Finding{Wanted: "all tests pass", Verdict: good.Fail}
	earlier := c.files(t)
	out := &tail{most: maxReport}
	e := execute(ctx, t, shell(c.Line), out)
	if e.broken != nil {
		return c.cutShort(ctx, t, f, e, out, earlier)
	}
	if c.Format == "exit" {
		f.Observed = fmt.Sprintf("exit code %d", e.code)
		if e.code == 0 {
			f.Verdict = good.Pass
		} else {
			f.Detail = lastPart(e.tail, 4<<10)
		}
		return f
	}
	report, err := c.read(t, out, earlier)
	if err != nil {
		f.Observed, f.Detail = fmt.Sprintf("%v (exit code %d)", err, e.code), lastPart(e.tail, 2<<10)
		if e.code == 0 {
			f.Verdict = good.Unknown
		}
		return f
	}
	return judged(f, report, e)
}

func (c *testCheck) patience() time.Duration { return 10 * time.Minute }

// cutShort judges a suite that did not come to its end. Tests that failed before count; else only a suite that took too
// long says something about the release.
func (c *testCheck) cutShort(ctx context.Context, t Target, f good.Finding, e ended, out *tail, earlier map[string]os.FileInfo) good.Finding {
	if end, ok := interrupted(ctx); ok {
		return end
	}
	if c.Format != "exit" {
		if report, err := c.read(t, out, earlier); err == nil && report.Failed > 0 {
			f = judged(f, report, e)
			f.Observed += "; then " + e.broken.Error()
			return f
		}
	}
	f.Observed, f.Detail = e.broken.Error(), lastPart(e.tail, 2<<10)
	if ctx.Err() == nil {
		f.Verdict = good.Unknown
	}
	return f
}

// files is the report's files as they are now.
func (c *testCheck) files(t Target) map[string]os.FileInfo {
	found := map[string]os.FileInfo{}
	if c.Report == "" {
		return found
	}
	paths, _ := filepath.Glob(filepath.Join(t.Dir, c.Report)) // the pattern was tried when the check was made
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil {
			found[path] = info
		}
	}
	return found
}

// read reads the report: what the suite printed, or the files that were not as they are before it began.
func (c *testCheck) read(t Target, out *tail, earlier map[string]os.FileInfo) (testreport.Report, error) {
	read := readers[c.Format]
	if c.Report == "" {
		return read(strings.NewReader(out.String())), nil
	}
	files := c.files(t)
	var all testreport.Report
	found := 0
	for _, path := range slices.Sorted(maps.Keys(files)) {
		info := files[path]
		if was := earlier[path]; was != nil && os.SameFile(was, info) && was.ModTime().Equal(info.ModTime()) && was.Size() == info.Size() {
			continue // left by an earlier run
		}
		if info.Size() > maxReport {
			return all, fmt.Errorf("report %s has %d bytes, more than %d are not read", path, info.Size(), maxReport)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return all, err
		}
		all.Merge(read(bytes.NewReader(text)))
		found++
	}
	if found == 0 {
		if len(files) > 0 {
			return all, fmt.Errorf("no report %s was written: what is there is from an earlier run", c.Report)
		}
		return all, fmt.Errorf("no report %s was written", c.Report)
	}
	return all, nil
}

// judged turns report and exit code into a verdict. Either of them can say that the suite failed; to pass, both must say so.
func judged(f good.Finding, r testreport.Report, e ended) good.Finding {
	f.Observed = r.Summary()
	var detail strings.Builder
	for _, failure := range r.Failures {
		fmt.Fprintf(&detail, "%s: %s\n", failure.Name, failure.Message)
	}
	if r.Failed > len(r.Failures) {
		fmt.Fprintf(&detail, "... and %d more\n", r.Failed-len(r.Failures))
	}
	for _, p := range r.Problems {
		fmt.Fprintf(&detail, "report: %s\n", p)
	}
	f.Detail = strings.TrimSpace(detail.String())
	switch {
	case r.Failed > 0:
	case e.code != 0:
		f.Observed += fmt.Sprintf(", but the exit code is %d", e.code)
		if f.Detail == "" {
			f.Detail = lastPart(e.tail, 2<<10)
		}
	case len(r.Problems) > 0:
		f.Verdict = good.Unknown
		f.Observed += "; the report is not whole"
	case r.Ran() == 0:
		f.Verdict = good.Unknown
	default:
		f.Verdict = good.Pass
	}
	return f
}
