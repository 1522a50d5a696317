package check

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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
	began := time.Now()
	out := &tail{most: maxReport}
	e := execute(ctx, t, shell(c.Line), out)
	if e.broken != nil {
		if end, ok := interrupted(ctx); ok {
			return end
		}
		f.Observed, f.Detail = e.broken.Error(), lastPart(e.tail, 2<<10)
		return f
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
	report, err := c.read(t, out, began)
	if err != nil {
		f.Observed, f.Detail = fmt.Sprintf("%v (exit code %d)", err, e.code), lastPart(e.tail, 2<<10)
		if e.code == 0 {
			f.Verdict = good.Unknown
		}
		return f
	}
	return judged(f, report, e)
}

// read reads the report: the files that were written since the suite began, or what it printed.
func (c *testCheck) read(t Target, out *tail, began time.Time) (testreport.Report, error) {
	read := readers[c.Format]
	if c.Report == "" {
		return read(strings.NewReader(out.String())), nil
	}
	files, err := filepath.Glob(filepath.Join(t.Dir, c.Report))
	if err != nil {
		return testreport.Report{}, err
	}
	var all testreport.Report
	found := 0
	for _, path := range files {
		info, err := os.Stat(path)
		if err != nil || info.ModTime().Before(began.Add(-time.Second)) {
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
