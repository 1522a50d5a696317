package cli

import (
	"errors"
	"fmt"
	"io"
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
			"CSV has one row for each task on each host. Evidence is JSON that is signed with the data directory's key: goodstate drift report verify checks it.\n" +
			"Tags of tasks such as cis_1.2.3 name the controls that they prove; --control names others by their tasks.",
	}
	formats := append(report.Formats(), "evidence")
	format := c.Flags().String("format", "markdown", strings.Join(formats, ", "))
	playbook := c.Flags().String("playbook", "", "only this playbook")
	hosts := c.Flags().StringSlice("host", nil, "only these hosts; * and ? stand for any letters")
	controls := c.Flags().StringToString("control", nil, "a control and the name of a task that proves it: --control 'AC-17=*sshd*'")
	path := c.Flags().StringP("output", "o", "", "write to this file")
	c.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		ctx := cmd.Context()
		if t.json {
			*format = "json"
		}
		if !slices.Contains(formats, *format) {
			return usage("unknown format %q, want one of %s", *format, strings.Join(formats, ", "))
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
		sc := report.Scope{Playbook: name, Hosts: *hosts, Controls: map[string][]string{}}
		for control, task := range *controls {
			sc.Controls[control] = []string{task}
		}
		r, err := report.Of(ctx, book, sc, time.Now())
		if err != nil {
			return err
		}
		if (name != "" || len(*hosts) > 0) && len(r.Hosts) == 0 {
			return fmt.Errorf("report of playbook %s: no such host was ever compared with it; goodstate drift --json names those that were", orText(name, "any"))
		}
		write := func(w io.Writer) error { return r.Write(ctx, w, *format, book) }
		if *format == "evidence" {
			write = func(w io.Writer) error { return seal(w, conf.Data, r) }
		}
		if *path == "" {
			return write(t.out)
		}
		f, err := os.OpenFile(*path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
		return errors.Join(write(f), f.Close())
	}
	c.AddCommand(reportSend(t), reportVerify(t))
	return c
}
