package policy

import (
	"fmt"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/good"
)

// Cap bounds what a run corrects.
type Cap struct {
	AtOnce   int            `yaml:"at_once" json:"at_once" default:"5" help:"hosts that are corrected at once; the checks are between two such groups"`
	Share    config.Percent `yaml:"share" json:"share" default:"10%" help:"hosts that a run may change, of all that it looks at, but always one; where more differ nothing is corrected and an approver is asked"`
	Failures int            `yaml:"failures" json:"failures,omitempty" help:"hosts on which a correction may fail before the run stops"`
}

// Validate reports caps that would let nothing through, or mean nothing.
func (c *Cap) Validate(report func(path, message string)) {
	if c.AtOnce < 1 {
		report("at_once", fmt.Sprintf("%d, want at least 1", c.AtOnce))
	}
	if c.Failures < 0 {
		report("failures", fmt.Sprintf("%d, want at least 0", c.Failures))
	}
}

// Most is how many of so many hosts a run may change: the share, rounded down, but one at least.
func (c Cap) Most(hosts int) int {
	if hosts == 0 {
		return 0
	}
	return max(1, int(c.Share.Of(float64(hosts))))
}

// Within says whether so many hosts may be changed of so many that were looked at; why says in words that they may not.
func (c Cap) Within(change, looked int) (ok bool, why string) {
	if most := c.Most(looked); change > most {
		return false, fmt.Sprintf("%d of %d hosts would be changed, and %s (%d) may: an approver says whether that many are meant", change, looked, c.Share, most)
	}
	return true, ""
}

// Groups cuts hosts into those that are corrected at once, in their order.
func (c Cap) Groups(hosts []string) (out [][]string) {
	n := max(1, c.AtOnce)
	for len(hosts) > 0 {
		end := min(n, len(hosts))
		out = append(out, hosts[:end])
		hosts = hosts[end:]
	}
	return out
}

// Gate says after a group whether the next one may be corrected, from the checks and from the hosts on which a correction failed or whose state is not known. Checks that
// say nothing stop it as those that fail do.
func (c Cap) Gate(findings []good.Finding, failed, unknown int) (on bool, why string) {
	if unknown > 0 {
		return false, fmt.Sprintf("what became of %d hosts is not known", unknown)
	}
	if failed > c.Failures {
		return false, fmt.Sprintf("the correction failed on %d hosts, and %d may", failed, c.Failures)
	}
	for _, f := range findings {
		if f.Verdict != good.Pass {
			return false, "check " + f.String()
		}
	}
	return true, ""
}
