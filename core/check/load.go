package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/check/testreport"
	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/good"
)

func init() {
	register(Kind{
		Name:    "load",
		Help:    "run a performance test and hold its summary against limits: k6, or vegeta report -type=json. A test without requests is unknown, not passed",
		Example: "load: {run: k6 run --summary-export=k6.json load.js, format: k6, report: k6.json, limits: [p95 < 300ms, errors < 1%]}",
		New: func(decode func(any) error) (Check, error) {
			c := &loadCheck{}
			if err := decode(c); err != nil {
				return nil, err
			}
			if len(c.Limits) == 0 {
				return nil, errors.New("limits: none are given, so every result would pass; say for example [p95 < 300ms, errors < 1%]")
			}
			if strings.ContainsAny(c.Report, "*?[") {
				return nil, fmt.Errorf("report %q: want one file, without wildcards", c.Report)
			}
			return c, nil
		},
	})
}

type loadCheck struct {
	Line   string      `yaml:"run" required:"true" help:"command line for the shell, run in the folder of the release; GOODSTATE_URL is what to test"`
	Format string      `yaml:"format" required:"true" enum:"k6,vegeta" help:"whose summary it is"`
	Report string      `yaml:"report" help:"file of the summary, from the folder of the release; without it the standard output is the summary"`
	Limits []loadLimit `yaml:"limits" required:"true" help:"what is wanted: errors, requests (a second), mean, min, max or a quantile that the tool gives, < or >, and a value" example:"[p95 < 300ms, errors < 1%]"`
}

var summaries = map[string]func(io.Reader) (testreport.Load, error){"k6": testreport.K6, "vegeta": testreport.Vegeta}

// loadLimit is what is wanted of one value, as text "p95 < 300ms".
type loadLimit struct {
	metric string
	below  bool
	value  float64
	text   string
}

// UnmarshalText reads "METRIC < VALUE".
func (l *loadLimit) UnmarshalText(text []byte) error {
	words := strings.Fields(string(text))
	if len(words) != 3 || words[1] != "<" && words[1] != ">" {
		return fmt.Errorf("%q is not of the form METRIC < VALUE, as in p95 < 300ms, errors < 1%%, requests > 50/s", text)
	}
	*l = loadLimit{metric: words[0], below: words[1] == "<", text: strings.Join(words, " ")}
	number := words[2]
	switch q, err := strconv.ParseFloat(strings.TrimPrefix(l.metric, "p"), 64); {
	case l.metric == "errors", slices.Contains([]string{"mean", "min", "max"}, l.metric), l.metric[0] == 'p' && err == nil && q > 0 && q < 100:
	case l.metric == "requests":
		number = strings.TrimSuffix(number, "/s")
	default:
		return fmt.Errorf("%q: unknown value %q, want errors, requests, mean, min, max or a quantile like p95", text, l.metric)
	}
	v, err := config.Number(number)
	l.value = v
	return err
}

// MarshalText writes what UnmarshalText reads.
func (l loadLimit) MarshalText() ([]byte, error) { return []byte(l.text), nil }

func (l loadLimit) kept(v float64) bool {
	if l.below {
		return v < l.value
	}
	return v > l.value
}

func (l loadLimit) say(v float64) string {
	switch l.metric {
	case "errors":
		return fmt.Sprintf("errors %.3g%%", 100*v)
	case "requests":
		return fmt.Sprintf("requests %.4g/s", v)
	}
	return fmt.Sprintf("%s %s", l.metric, time.Duration(v*float64(time.Second)).Round(10*time.Microsecond))
}

func (c *loadCheck) patience() time.Duration { return 10 * time.Minute }

// Run runs the test once. A tool that ends with an error and leaves a summary is judged by both.
func (c *loadCheck) Run(ctx context.Context, t Target) good.Finding {
	var texts []string
	for _, l := range c.Limits {
		texts = append(texts, l.text)
	}
	f := good.Finding{Wanted: strings.Join(texts, ", ")}
	before, _ := os.Stat(filepath.Join(t.Dir, c.Report))
	out := &tail{most: maxReport}
	e := execute(ctx, t, shell(c.Line), out)
	f.Detail = lastPart(e.tail, 2<<10)
	if e.broken != nil {
		if end, ok := interrupted(ctx); ok {
			return end
		}
		f.Observed = e.broken.Error()
		if ctx.Err() != nil {
			f.Verdict = good.Fail
		}
		return f
	}
	load, err := c.read(t, out, before)
	if err != nil {
		f.Observed = fmt.Sprintf("%v (exit code %d)", err, e.code)
		return f
	}
	return c.judge(f, load, e.code)
}

func (c *loadCheck) read(t Target, out *tail, before os.FileInfo) (testreport.Load, error) {
	if c.Report == "" {
		return summaries[c.Format](strings.NewReader(out.String()))
	}
	path := filepath.Join(t.Dir, c.Report)
	now, err := os.Stat(path)
	if err != nil {
		return testreport.Load{}, fmt.Errorf("no summary was written: %w", err)
	}
	if before != nil && os.SameFile(before, now) && before.ModTime().Equal(now.ModTime()) && before.Size() == now.Size() {
		return testreport.Load{}, fmt.Errorf("no summary %s was written: what is there is from an earlier run", c.Report)
	}
	file, err := os.Open(path)
	if err != nil {
		return testreport.Load{}, err
	}
	defer file.Close()
	return summaries[c.Format](file)
}

// judge holds the summary against the limits. A value that is not in it is unknown.
func (c *loadCheck) judge(f good.Finding, load testreport.Load, code int) good.Finding {
	f.Observed = fmt.Sprintf("%.0f requests", load.Requests)
	if load.Requests < 1 {
		return f
	}
	f.Verdict = good.Pass
	var missing []string
	for _, l := range c.Limits {
		v, ok := load.Values[l.metric]
		if !ok {
			missing = append(missing, l.metric)
			continue
		}
		f.Observed += ", " + l.say(v)
		if !l.kept(v) {
			f.Verdict = good.Fail
		}
	}
	if len(load.Broken) > 0 {
		f.Verdict = good.Fail
		f.Observed += ", thresholds not kept: " + strings.Join(slices.Sorted(slices.Values(load.Broken)), "; ")
	}
	if len(missing) > 0 {
		f.Observed += fmt.Sprintf("; the summary has no %s, only %s", strings.Join(missing, ", "), strings.Join(slices.Sorted(maps.Keys(load.Values)), ", "))
		if f.Verdict == good.Pass {
			f.Verdict = good.Unknown
		}
	}
	if code != 0 && f.Verdict == good.Pass {
		f.Verdict = good.Fail
		f.Observed += fmt.Sprintf(", but the exit code is %d", code)
	}
	if f.Verdict == good.Pass {
		f.Detail = ""
	}
	return f
}
