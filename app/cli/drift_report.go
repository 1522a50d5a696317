package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/core/store"
	"goodstate.dev/goodstate/drift/record"
	"goodstate.dev/goodstate/drift/report"
)

func driftReportCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use: "report", Short: "Write what is known of all hosts: what differs, what was checked and when", Args: cobra.NoArgs,
		Long: "Write what is known of all hosts: what differs, which tasks were checked on how many hosts and when, each host, and the last runs. No host is asked.\n" +
			"CSV has one row for each task on each host.",
	}
	format := c.Flags().String("format", "markdown", strings.Join(report.Formats(), ", "))
	playbook := c.Flags().String("playbook", "", "only this playbook")
	path := c.Flags().StringP("output", "o", "", "write to this file")
	c.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		ctx := cmd.Context()
		if t.json {
			*format = "json"
		}
		if !slices.Contains(report.Formats(), *format) {
			return usage("unknown format %q, want one of %s", *format, strings.Join(report.Formats(), ", "))
		}
		conf, _, err := t.load()
		if err != nil {
			return err
		}
		name := *playbook
		if name != "" {
			if name, err = t.driftKnown(name); err != nil {
				return err
			}
		}
		s, err := store.OpenReadOnly(ctx, conf.Data)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.Close()) }()
		book := record.Reader(s)
		r, err := report.Of(ctx, book, name, time.Now())
		if err != nil {
			return err
		}
		if name != "" && len(r.Hosts) == 0 {
			return fmt.Errorf("report of playbook %s: no host was ever compared with it; goodstate drift --json names those that were", name)
		}
		if *path == "" {
			return r.Write(ctx, t.out, *format, book)
		}
		f, err := os.OpenFile(*path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
		return errors.Join(r.Write(ctx, f, *format, book), f.Close())
	}
	return c
}
