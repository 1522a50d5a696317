package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/drift/desk"
	"goodstate.dev/goodstate/web/api"
)

func (t *terminal) templateLaunch() *cobra.Command {
	c := &cobra.Command{Use: "launch PROJECT NAME", Short: "Run a template", Args: args(2, 2, "a PROJECT and a NAME")}
	why := whyFlag(c)
	var l desk.Launch
	c.Flags().BoolVarP(&l.Check, "check", "C", false, "change nothing, say what would change")
	c.Flags().StringVarP(&l.Limit, "limit", "l", "", "only these hosts")
	given := c.Flags().StringArray("answer", nil, "answer to the survey: variable=value; again for several values; no passwords")
	file := c.Flags().String("answers", "", "file with answers as JSON, {variable: [value]}, for passwords too; - is standard input")
	c.RunE = t.with(carries, func(ctx context.Context, client *api.Client, args []string) error {
		l.Project, l.Template, l.Why, l.Answers = args[0], args[1], *why, desk.Answers{}
		if *file != "" {
			text, err := t.readAll(*file)
			if err != nil {
				return fmt.Errorf("--answers: %w", err)
			}
			if json.Unmarshal(text, &l.Answers) != nil || l.Answers == nil {
				return usage("--answers %s: want JSON such as {\"variable\": [\"value\"]}", *file)
			}
		}
		for _, a := range *given {
			name, value, ok := strings.Cut(a, "=")
			if !ok {
				return usage("--answer %s: want variable=value", name)
			}
			l.Answers[name] = append(l.Answers[name], value)
		}
		info, err := client.LaunchTemplate(ctx, l)
		return t.followPlay(ctx, client, info, err)
	})
	return c
}

// followPlay waits for a run and says how it ended.
func (t *terminal) followPlay(ctx context.Context, client *api.Client, info run.Info, err error) error {
	if err != nil {
		return err
	}
	return t.followBackup(ctx, client, info)
}

func (t *terminal) templateAgain() *cobra.Command {
	c := &cobra.Command{Use: "again RUN", Short: "Run again for the hosts that failed", Args: args(1, 1, "a RUN")}
	why := whyFlag(c)
	c.RunE = t.with(carries, func(ctx context.Context, client *api.Client, args []string) error {
		info, err := client.RunAgain(ctx, args[0], *why)
		return t.followPlay(ctx, client, info, err)
	})
	return c
}

func (t *terminal) templateCancel() *cobra.Command {
	c := &cobra.Command{Use: "cancel RUN", Short: "End a run where it is", Args: args(1, 1, "a RUN")}
	why := whyFlag(c)
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		return t.told(client.CancelPlay(ctx, args[0], *why), struct{}{}, "run %s is cancelled", args[0])
	})
	return c
}

func (t *terminal) templateResults() *cobra.Command {
	c := &cobra.Command{Use: "results RUN", Short: "What came of a run's tasks on its hosts", Args: args(1, 1, "a RUN")}
	var f desk.Filter
	c.Flags().StringVar(&f.State, "state", "", "only these: "+strings.Join(desk.States, ", "))
	c.Flags().StringVar(&f.Host, "host", "", "only this host")
	c.Flags().StringVar(&f.Search, "search", "", "only what has this text in it")
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		rows, err := client.PlayResults(ctx, args[0], f)
		if err != nil || t.json {
			return t.told(err, rows, "")
		}
		for _, r := range rows {
			t.say("%s %s: %s %s", r.State, r.Host, r.Task, r.Item)
			if r.Text != "" {
				t.say("  %s", strings.ReplaceAll(r.Text, "\n", "\n  "))
			}
		}
		return nil
	})
	return c
}
