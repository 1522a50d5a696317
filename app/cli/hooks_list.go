package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/hooks/client"
	"goodstate.dev/goodstate/hooks/plan"
)

func hooksList(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "What runs at which Git hook", Args: cobra.NoArgs}
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		_, conf, p, err := t.plannedHooks(cmd.Context())
		if err != nil {
			return err
		}
		if t.json {
			t.document(p)
			return nil
		}
		for _, name := range conf.Stages() {
			t.say("%s", name)
			for _, x := range p.Stages[name].Cannot {
				t.say("  %-28s cannot be run here: %s", x.Name, x.Why)
			}
			for _, r := range p.Stages[name].Rules {
				t.say("  %-28s %s", r.Name, marks(r.Fix, "rule", r.Select))
			}
			for _, j := range p.Stages[name].Jobs {
				t.say("  %-28s %s: %s", j.Name, marks(j.Fix, "job", j.Select), j.Run)
			}
		}
		return nil
	}
	return c
}

func marks(fixes bool, what string, s plan.Select) string {
	if fixes {
		what += ", repairs"
	}
	if len(s.Files) > 0 {
		what += ", " + strings.Join(s.Files, " ")
	}
	if len(s.Exclude) > 0 {
		what += ", not " + strings.Join(s.Exclude, " ")
	}
	if len(s.Types) > 0 {
		what += ", " + strings.Join(s.Types, "+")
	}
	return what
}

func hooksTest(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "test", Short: "Say whether the hooks would work here: installed, configured, all programs found", Args: cobra.NoArgs}
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		repo, conf, p, err := t.plannedHooks(cmd.Context())
		if err != nil {
			return err
		}
		problems, err := client.Problems(cmd.Context(), repo, conf.Stages(), p)
		if err != nil {
			return err
		}
		if t.json {
			t.document(map[string]any{"problems": problems})
		}
		for _, line := range problems {
			if !t.json {
				t.say("%s", line)
			}
		}
		if len(problems) > 0 {
			return &exitError{code: exitDifferences}
		}
		if !t.json {
			t.say("the hooks work: %s", strings.Join(conf.Stages(), ", "))
		}
		return nil
	}
	return c
}
