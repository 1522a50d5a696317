package check

import (
	"context"
	"fmt"
	"slices"
	"time"

	"goodstate.dev/goodstate/core/good"
)

func init() {
	register(Kind{
		Name:    "command",
		Help:    "run a command; exit code 0 passes. It finds GOODSTATE_URL, GOODSTATE_RELEASE, GOODSTATE_SERVICE and GOODSTATE_INSTANCE in its environment",
		Example: "command: {run: ./bin/selftest, unknown: [75]}",
		New: func(decode func(any) error) (Check, error) {
			c := &commandCheck{}
			return c, decode(c)
		},
	})
}

type commandCheck struct {
	Line    string `yaml:"run" required:"true" help:"command line for the shell, run in the folder of the release"`
	Unknown []int  `yaml:"unknown" help:"exit codes that say that nothing could be found out"`
}

func (c *commandCheck) patience() time.Duration { return 30 * time.Second }

// Run runs the command once.
func (c *commandCheck) Run(ctx context.Context, t Target) good.Finding {
	f := good.Finding{Wanted: "exit code 0", Verdict: good.Fail}
	e := execute(ctx, t, shell(c.Line), nil)
	f.Detail = lastPart(e.tail, 2<<10)
	switch {
	case e.broken != nil:
		if end, ok := interrupted(ctx); ok {
			return end
		}
		f.Observed = e.broken.Error()
		if ctx.Err() == nil {
			f.Verdict = good.Unknown
		}
	case e.code == 0:
		f.Verdict, f.Observed, f.Detail = good.Pass, "exit code 0", ""
	default:
		f.Observed = fmt.Sprintf("exit code %d", e.code)
		if slices.Contains(c.Unknown, e.code) || e.code == 127 || e.code == 126 {
			f.Verdict = good.Unknown
		}
	}
	return f
}
