package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/drift/log"
	"goodstate.dev/goodstate/web/api"
)

func driftLog(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use: "log [QUERY...]", Short: "Search what every task said on every host, the newest first",
		Long: "Search what every task said on every host, the newest first. All words of a query must be there. \"Several words\" stand beside each other, word* begins with\n" +
			"it, -word is not there (write -- before the query then), and host:web1, task:, text:, item:, action:, diff: look in one place only.\n" +
			"With --json: one entry a line.",
	}
	var f log.Filter
	s := c.Flags()
	s.StringVar(&f.Host, "host", "", "only this host")
	s.StringVar(&f.Playbook, "playbook", "", "only this playbook, as goodstate drift names it; template/PROJECT/NAME of a template")
	s.StringVar(&f.Run, "run", "", "only this run")
	s.StringVar(&f.Task, "task", "", "only tasks with this in their names")
	s.StringVar(&f.Status, "status", "", strings.Join(log.Statuses, ", "))
	since := s.String("since", "", "from then on: 2h, 3d, 2026-03-04, or 2026-03-04T05:06:07Z")
	until := s.String("until", "", "before then")
	s.IntVar(&f.Limit, "limit", 100, "how many entries")
	follow := s.BoolP("follow", "F", false, "wait for what comes, and print it")
	diffs := s.Bool("diff", false, "print differences too")
	c.RunE = func(cmd *cobra.Command, words []string) (err error) {
		f.Query = strings.Join(words, " ")
		if f.Status != "" && !slices.Contains(log.Statuses, f.Status) {
			return usage("unknown status %q, want one of %s", f.Status, strings.Join(log.Statuses, ", "))
		}
		if f.Limit < 1 {
			return usage("--limit %d, want at least 1", f.Limit)
		}
		now := time.Now()
		if f.Since, err = instant(*since, now); err != nil {
			return usage("--since: %v", err)
		}
		if f.Until, err = instant(*until, now); err != nil {
			return usage("--until: %v", err)
		}
		return t.with(reads, func(ctx context.Context, client *api.Client, _ []string) error {
			if err := t.logPages(ctx, client, &f, *diffs); err != nil || !*follow {
				return err
			}
			ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT)
			defer stop()
			return t.logFollow(ctx, client, f, *diffs)
		})(cmd, nil)
	}
	return c
}

// logPages prints the newest entries, the oldest of them first, as a log is read; After is then where what comes begins.
func (t *terminal) logPages(ctx context.Context, client *api.Client, f *log.Filter, diffs bool) error {
	newest, err := client.DriftLog(ctx, log.Filter{Limit: 1}) // first, so that nothing comes unseen between the two questions
	if err != nil {
		return err
	}
	ask, left := *f, f.Limit
	var all []log.Entry
	for left > 0 {
		ask.Limit = min(left, 1000)
		p, err := client.DriftLog(ctx, ask)
		if err != nil {
			return err
		}
		all = append(all, p.Entries...)
		if p.Behind > 0 && ask.Before == 0 {
			fmt.Fprintf(t.err, "%d newer entries are not searched yet: they are still being indexed\n", p.Behind)
		}
		if left -= len(p.Entries); p.Before == 0 {
			break
		}
		ask.Before = p.Before
	}
	if len(newest.Entries) > 0 {
		f.After = newest.Entries[0].Seq
	}
	slices.Reverse(all)
	for _, e := range all {
		t.logEntry(e, diffs)
		f.After = max(f.After, e.Seq)
	}
	return nil
}

// logFollow prints what comes until somebody ends it.
func (t *terminal) logFollow(ctx context.Context, client *api.Client, f log.Filter, diffs bool) error {
	f.Limit = 1000
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		p, err := client.DriftLog(ctx, f)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // it was ended by who follows
		case err != nil:
			return err
		}
		if f.After == 0 { // nothing was there; without a place to begin after, the newest come first
			slices.Reverse(p.Entries)
		}
		for _, e := range p.Entries {
			t.logEntry(e, diffs)
			f.After = e.Seq
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (t *terminal) logEntry(e log.Entry, diffs bool) {
	if t.json {
		text, err := json.Marshal(e)
		if err != nil {
			text = fmt.Appendf(nil, `{"error":%q}`, err)
		}
		fmt.Fprintf(t.out, "%s\n", text)
		return
	}
	line := func(text string) string { return strings.Join(strings.Fields(printable(text)), " ") }
	t.say("%s  %-11s %s", log.Clock(e.At), e.Status, line(strings.Replace(e.String(), ": "+e.Status, "", 1)))
	if diffs {
		for text := range strings.Lines(e.Diff) {
			t.say("    %s", printable(strings.TrimRight(text, "\r\n")))
		}
	}
}

// printable is what a host said without what would steer a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, text)
}

// instant reads a time: how long ago, a day, or a moment.
func instant(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if n, ok := strings.CutSuffix(text, "d"); ok {
		var days int
		if _, err := fmt.Sscanf(n+" ", "%d ", &days); err == nil {
			return now.AddDate(0, 0, -days), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil {
		return now.Add(-d), nil
	}
	for _, form := range []string{"2006-01-02", "2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if at, err := time.ParseInLocation(form, text, time.Local); err == nil {
			return at, nil
		}
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, fmt.Errorf("%q is no time; want for example 2h, 3d, 2026-03-04, \"2026-03-04 05:06\" or 2026-03-04T05:06:07Z", text)
	}
	return at, nil
}
