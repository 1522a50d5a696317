package cli

import (
	"context"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/rollout"
	"goodstate.dev/goodstate/web/api"
)

func init() { register(pointsCommand) }

func pointsCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use: "points [SERVICE]", Short: "The known-good points, what they rest on, and whether one can go back to them", Args: args(0, 1, "at most one SERVICE"),
		Long: "A known-good point is what passed validation together: commit, artifact, configuration, schema version, and the restore point where there is one.\n" +
			"goodstate rollback SERVICE --to POINT goes back to it, over several releases too.",
	}
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		if len(args) == 0 {
			all, err := client.Services(ctx)
			if err != nil {
				return err
			}
			for _, s := range all {
				args = append(args, s.Service)
			}
		}
		byService := map[string][]rollout.PointState{}
		for _, name := range args {
			points, err := client.Points(ctx, name)
			if err != nil {
				return err
			}
			byService[name] = points
			if !t.json {
				t.points(name, points)
			}
		}
		if t.json {
			t.document(byService)
		}
		return nil
	})
	return c
}

func (t *terminal) points(service string, all []rollout.PointState) {
	t.say("%s: %s", service, plural(len(all), "known-good point"))
	for _, p := range all {
		t.say("  %s  proven %s by run %s", p.Release.Version, p.At.Local().Format("2006-01-02 15:04:05"), p.Run)
		t.say("    point %s", p.ID)
		line := "    commit " + short(p.Release.Commit) + ", artifact " + short(p.Release.Artifact) + ", configuration " + short(p.Release.Config)
		if p.Release.Schema != "" {
			line += ", schema version " + p.Release.Schema
		}
		if p.RestorePoint != "" {
			line += ", restore point " + p.RestorePoint
		}
		t.say("%s", line)
		for _, f := range p.Evidence {
			t.say("    %s", f)
		}
		switch {
		case p.Serving:
			t.say("    serves now")
		case p.Refused != "":
			t.say("    no way back: %s", p.Refused)
		default:
			t.say("    way back: goodstate rollback %s --to %s", service, p.ID)
			for _, s := range p.Schema {
				t.say("      %s", s)
			}
		}
	}
}

func short(digest string) string { return digest[:min(len(digest), 10)] }
