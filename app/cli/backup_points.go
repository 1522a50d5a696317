package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/backup"
	"goodstate.dev/goodstate/web/api"
)

func backupList(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use: "list APPLICATION", Aliases: []string{"points"}, Short: "The restore points, youngest first, and how far each is proven", Args: args(1, 1, "an APPLICATION of goodstate.yaml"),
		Long: "The restore points, youngest first. Each is written, listed (all its parts are there), read back, restored (with equal digests) or proven (and the application's checks passed in time).",
	}
	in := c.Flags().String("in", "", "another repository, where the application is copied on to")
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		all, err := client.RestorePoints(ctx, args[0], *in)
		if err != nil {
			return err
		}
		if t.json {
			t.document(all)
			return nil
		}
		for _, p := range all {
			t.say("%s  %s  %8s  %s  %v", p.ID.Short(), p.At.Local().Format("2006-01-02 15:04:05"), bytesText(p.Bytes), p.Proof, p.Paths)
		}
		if len(all) == 0 {
			t.say("%s has no restore point; goodstate backup run %s makes one", args[0], args[0])
		}
		return nil
	})
	return c
}

func bytesText(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	v, i := float64(n), 0
	for ; v >= 1024 && i < len(units)-1; i++ {
		v /= 1024
	}
	return fmt.Sprintf("%.3g %s", v, units[i])
}

func backupShow(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "show APPLICATION [POINT]", Short: "What a restore point has (default: the youngest)", Args: args(1, 2, "an APPLICATION and perhaps a POINT")}
	path := c.Flags().String("path", "", "only what lies below this path")
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		point := ""
		if len(args) == 2 {
			point = args[1]
		}
		got, err := client.Contents(ctx, args[0], point, *path, true)
		if err != nil {
			return err
		}
		if t.json {
			t.document(got)
			return nil
		}
		t.say("restore point %s of %s", got.Point.ID.Short(), got.Point.At.Local().Format("2006-01-02 15:04:05"))
		for _, i := range got.Items {
			name := i.Path
			if i.Link != "" {
				name += " -> " + i.Link
			}
			t.say("%s %9s  %s  %s", i.Mode, bytesText(int64(i.Size)), i.At.Local().Format("2006-01-02 15:04:05"), name)
		}
		if got.More {
			t.say("... and more; --path lists a part of it")
		}
		return nil
	})
	return c
}

func backupDiff(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use: "diff APPLICATION POINT [POINT]", Short: "What changed from one restore point to another (default: to the youngest)", Args: args(2, 3, "an APPLICATION and one or two POINTs"),
		Long: "What changed from one restore point to another. Exit code 2 says that they differ.",
	}
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		to := ""
		if len(args) == 3 {
			to = args[2]
		}
		d, err := client.DiffPoints(ctx, args[0], args[1], to)
		if err != nil {
			return err
		}
		if t.json {
			t.document(d)
		} else {
			t.difference(d)
		}
		if d.Added+d.Removed+d.Changed > 0 {
			return &exitError{code: exitDifferences}
		}
		return nil
	})
	return c
}

func (t *terminal) difference(d backup.Difference) {
	for _, c := range d.Changes {
		mark := map[string]string{"added": "+", "removed": "-", "changed": "~", "kind": "!"}[c.What]
		switch c.What {
		case "changed":
			t.say("%s %s (%s, was %s)", mark, c.Path, bytesText(int64(c.Is)), bytesText(int64(c.Was)))
		case "kind":
			t.say("%s %s is of another kind", mark, c.Path)
		default:
			t.say("%s %s", mark, c.Path)
		}
	}
	if d.More {
		t.say("... and more")
	}
	t.say("%s to %s: %d added, %d removed, %d changed", d.From.Short(), d.To.Short(), d.Added, d.Removed, d.Changed)
}

func (t *terminal) restorePlan(p backup.RestorePlan) {
	t.say("restore point %.8s of %s (%s) comes back to %s", p.Point, p.At.Local().Format("2006-01-02 15:04:05"), p.Proof, p.To)
	t.say("  %s", p.Lost)
	t.say("  %d are made, %d are written over, %d are equal already", p.Create, p.Replace, p.Same)
	for _, o := range p.Overwrites {
		t.say("  over %s", o)
	}
	for _, change := range p.Changes {
		t.say("%s", change)
	}
	if p.More {
		t.say("  ... and more")
	}
	if p.Took != "" {
		t.say("  the last drill took %s", p.Took)
	}
	if p.Refused != "" {
		t.say("refused: %s", p.Refused)
		return
	}
	t.say("to do it: %s", p.Command)
}

func backupRunbook(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use: "runbook [APPLICATION]", Short: "The recovery document", Args: args(0, 1, "at most one APPLICATION"),
		Long: "The recovery document, as Markdown. It is written anew after each drill, to the data directory, beside the copies and to the folders of backup.runbook.",
	}
	html := c.Flags().Bool("html", false, "as a page to print")
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		name := ""
		if len(args) == 1 {
			name = args[0]
		}
		r, err := client.Runbook(ctx, name)
		switch {
		case err != nil:
			return err
		case t.json:
			t.document(r)
		case *html:
			fmt.Fprint(t.out, r.HTML)
		default:
			fmt.Fprint(t.out, r.Markdown)
		}
		return nil
	})
	return c
}
