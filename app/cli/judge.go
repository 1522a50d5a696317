package cli

import (
	"math"
	"strings"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/rollout/judge"
)

func init() { register(judgeCommand) }

// judgeCommand shows what the judge would find, and how often it would be wrong, for rates that a person knows of their service.
func judgeCommand(t *terminal) *cobra.Command {
	parent := &cobra.Command{Use: "judge", Short: "What the judge finds, and how often it is wrong"}
	c := &cobra.Command{Use: "simulate", Short: "Simulate releases and print detection times and false rollbacks, beside two other rules", Args: cobra.NoArgs}
	s := judge.Scenario{}
	c.Flags().Float64Var(&s.BaseErrors, "base", 0.005, "share of requests that fail on the old release")
	c.Flags().Float64Var(&s.NewErrors, "errors", 0.02, "share of requests that fail on the new release")
	c.Flags().Float64Var(&s.CanaryRPS, "canary", 100, "requests per second on the new release")
	c.Flags().Float64Var(&s.StableRPS, "stable", 900, "requests per second on the old release")
	c.Flags().DurationVar(&s.Onset, "onset", 0, "when the new release becomes bad")
	c.Flags().IntVar(&s.Minutes, "minutes", 30, "how long a release is watched")
	runs := c.Flags().Int("runs", 200, "how many releases are simulated")
	seed := c.Flags().Uint64("seed", 1, "the same seed gives the same table")
	c.RunE = func(*cobra.Command, []string) error {
		for name, share := range map[string]float64{"base": s.BaseErrors, "errors": s.NewErrors} {
			if math.IsNaN(share) || share < 0 || share > 1 {
				return usage("--%s is %g, want a share from 0 to 1, such as 0.02 for 2%%", name, share)
			}
		}
		if s.CanaryRPS <= 0 || s.StableRPS <= 0 || s.Minutes < 1 || *runs < 1 || *runs > 10_000 {
			return usage("requests per second and minutes must be more than 0, and runs 1 to 10000")
		}
		table := judge.Simulate(s, judge.Config{}, *runs, *seed)
		if t.json {
			t.document(table)
			return nil
		}
		t.say("%s", strings.TrimRight(table.String(), "\n"))
		return nil
	}
	parent.AddCommand(c)
	return parent
}
