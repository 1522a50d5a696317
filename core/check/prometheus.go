package check

import (
	"context"
	"fmt"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/core/prometheus"
)

func init() {
	register(Kind{
		Name:    "prometheus",
		Help:    "ask a Prometheus for one number. A Prometheus that does not answer, and a query without data, say nothing: unknown",
		Example: `prometheus: {url: "http://127.0.0.1:9090", query: 'sum(up{job="shop"})', want: ">= 1"}`,
		New: func(decode func(any) error) (Check, error) {
			c := &promCheck{}
			if err := decode(c); err != nil {
				return nil, err
			}
			return c, c.prepare()
		},
	})
}

type promCheck struct {
	prometheus.Server `yaml:",inline"`
	Query             string `yaml:"query" required:"true" help:"PromQL that gives one number; {{service}}, {{release}} (the id that instances find in GOODSTATE_RELEASE), {{version}} and {{instance}} are filled in"`
	Want              string `yaml:"want" required:"true" help:"comparison that the number must fulfil: <, <=, >, >= or == and a value (5, 5%, 300ms, 256MiB)" example:"< 5%"`

	bound float64
}

var compare = map[string]func(v, bound float64) bool{
	"<":  func(v, bound float64) bool { return v < bound },
	"<=": func(v, bound float64) bool { return v <= bound },
	">":  func(v, bound float64) bool { return v > bound },
	">=": func(v, bound float64) bool { return v >= bound },
	"==": func(v, bound float64) bool { return v == bound },
}

func (c *promCheck) prepare() error {
	if err := c.Check(); err != nil {
		return err
	}
	if _, err := prometheus.Blanks(c.Query, "service", "release", "version", "instance"); err != nil {
		return err
	}
	words := strings.Fields(c.Want)
	if len(words) != 2 || compare[words[0]] == nil {
		return fmt.Errorf("want %q: say <, <=, >, >= or == and a value, as in < 5%%", c.Want)
	}
	var err error
	if c.bound, err = config.Number(words[1]); err != nil {
		return fmt.Errorf("want %q: %w", c.Want, err)
	}
	return nil
}

// Run asks once.
func (c *promCheck) Run(ctx context.Context, t Target) good.Finding {
	f := good.Finding{Wanted: c.Want}
	values := map[string]string{"service": t.Service, "release": t.ReleaseID, "version": t.Release, "instance": t.Instance}
	v, err := c.Ask(ctx, prometheus.Fill(c.Query, values), time.Time{}, t.Secret)
	if err != nil {
		return unknown(c.Want, err)
	}
	f.Observed = fmt.Sprintf("%.4g", v)
	f.Verdict = good.Fail
	if compare[strings.Fields(c.Want)[0]](v, c.bound) {
		f.Verdict = good.Pass
	}
	return f
}
