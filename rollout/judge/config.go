package judge

import (
	"fmt"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/rollout/traffic"
)

// Config is what makes a release bad. Its zero value is the default: compare errors and latency, no limits.
type Config struct {
	Compare   string           `yaml:"compare" json:"compare,omitempty" default:"all" enum:"all,errors,latency,none" help:"what is compared with the release before, under the same load"`
	Worse     float64          `yaml:"worse" json:"worse,omitempty" default:"1" help:"how many times the old release's odds of failing are still accepted; 1: no worse" example:"1.5"`
	Slower    float64          `yaml:"slower" json:"slower,omitempty" default:"1.2" help:"how many times the old release's latency is still accepted" example:"1.5"`
	Alpha     float64          `yaml:"alpha" json:"alpha,omitempty" default:"0.01" help:"how often a release that is not worse may be rolled back, over all tests and all time: 0.01 is one in a hundred"`
	Quantiles []config.Percent `yaml:"quantiles" json:"quantiles,omitempty" help:"quantiles of the old release's latency that the new one is held against (default: 50%, 90%, 99%)" example:"[50%, 90%, 99%]"`
	Requests  int64            `yaml:"requests" json:"requests,omitempty" default:"100" help:"requests that the new release must have answered in a stage before it can pass; 100 good ones mean less than 3% errors with 95% confidence"`
	Warmup    config.Duration  `yaml:"warmup" json:"warmup,omitempty" default:"5s" help:"how long after the beginning of a stage latency is not judged, because caches are cold"`
	Reports   bool             `yaml:"-" json:"reports,omitempty"` // users' reports count too; set where a service asks its users
	Limits    []Limit          `yaml:"limits" json:"limits,omitempty" help:"hard limits that the new release must not break for some time" example:"[errors > 10% for 5m, p99 > 500ms for 1m]"`
}

// What is compared.
const (
	compareAll     = "all"
	compareErrors  = "errors"
	compareLatency = "latency"
	compareNone    = "none"
)

// Validate reports numbers that a test cannot work with.
func (c *Config) Validate(report func(path, message string)) {
	d := c.withDefaults()
	if d.Worse < 1 || d.Worse > 100 {
		report("worse", fmt.Sprintf("%g times, want 1 to 100", d.Worse))
	}
	if d.Slower < 1 || d.Slower > 100 {
		report("slower", fmt.Sprintf("%g times, want 1 to 100", d.Slower))
	}
	if d.Alpha <= 0 || d.Alpha > 0.2 {
		report("alpha", fmt.Sprintf("%g, want more than 0 and at most 0.2", d.Alpha))
	}
	if d.Requests < 1 {
		report("requests", fmt.Sprintf("%d, want 1 or more: silence is no proof of anything", d.Requests))
	}
	if d.Warmup < 0 {
		report("warmup", fmt.Sprintf("%s, want 0s or more", d.Warmup))
	}
	for i, q := range d.Quantiles {
		if q <= 0 || q >= traffic.Full {
			report(fmt.Sprintf("quantiles[%d]", i), fmt.Sprintf("%s, want a quantile between 0%% and 100%%", q))
		}
	}
}

// withDefaults fills what is zero, for judges that are built in a program. Warm-up stays as it is: zero is none.
func (c Config) withDefaults() Config {
	if c.Compare == "" {
		c.Compare = compareAll
	}
	if c.Worse == 0 {
		c.Worse = 1
	}
	if c.Slower == 0 {
		c.Slower = 1.2
	}
	if c.Alpha == 0 {
		c.Alpha = 0.01
	}
	if c.Requests == 0 {
		c.Requests = 100
	}
	if len(c.Quantiles) == 0 {
		c.Quantiles = []config.Percent{5000, 9000, 9900}
	}
	return c
}

func (c Config) errors() bool  { return c.Compare == compareAll || c.Compare == compareErrors }
func (c Config) latency() bool { return c.Compare == compareAll || c.Compare == compareLatency }
