package cli

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/rollout/feedback"
	"goodstate.dev/goodstate/web/api"
)

func init() { register(feedbackCommand) }

func feedbackCommand(t *terminal) *cobra.Command {
	parent := &cobra.Command{Use: "feedback", Short: "What users reported, and answers to it"}
	parent.AddCommand(feedbackList(t), feedbackShow(t), feedbackSay(t, "answer", feedback.Answered, "Answer reports: their authors find it at the addresses of their reports"), feedbackSay(t, "close", feedback.Closed, "Close reports; who reports the same opens them again"))
	return parent
}

func feedbackList(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "list [SERVICE]", Short: "List reports, equal ones together, the newest first", Args: args(0, 1, "at most one SERVICE")}
	state := c.Flags().String("state", "", "only open, answered or closed ones")
	limit := c.Flags().Int("limit", 30, "how many")
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		service := ""
		if len(args) == 1 {
			service = args[0]
			if _, err := client.Service(ctx, service); err != nil {
				return err
			}
		}
		groups, err := client.Feedback(ctx, service, *state, *limit)
		if err != nil {
			return err
		}
		if t.json {
			t.document(groups)
			return nil
		}
		if len(groups) == 0 {
			t.say("no reports")
		}
		for _, g := range groups {
			t.say("%4d  %-10s %-8s %-8s %3dx  last %s  %s", g.ID, g.Service, g.Kind, g.State, g.Count, g.Last.Local().Format("2006-01-02 15:04"), oneLine(g.Text))
		}
		return nil
	})
	return c
}

// oneLine is text for a list; what users write must not steer a terminal, and control characters were taken out when it came.
func oneLine(text string) string {
	line := []rune(strings.Join(strings.Fields(text), " "))
	if len(line) > 100 {
		return string(line[:100]) + "..."
	}
	return string(line)
}

func feedbackShow(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "show ID", Short: "Show reports that say the same, with the releases that served their authors", Args: args(1, 1, "the ID that goodstate feedback list shows")}
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		id, err := feedbackID(args[0])
		if err != nil {
			return err
		}
		g, err := client.FeedbackGroup(ctx, id)
		if err != nil {
			return err
		}
		t.feedback(g)
		return nil
	})
	return c
}

func feedbackSay(t *terminal, verb, state, short string) *cobra.Command {
	c := &cobra.Command{Use: verb + " ID [TEXT]", Short: short, Args: args(1, 2, "ID and TEXT")}
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		id, err := feedbackID(args[0])
		if err != nil {
			return err
		}
		g, err := client.FeedbackSay(ctx, id, state, strings.Join(args[1:], " "))
		if err != nil {
			return err
		}
		g.Reports = nil
		t.feedback(g)
		return nil
	})
	return c
}

func feedbackID(word string) (int64, error) {
	id, err := strconv.ParseInt(word, 10, 64)
	if err != nil || id < 1 {
		return 0, usage("%q is no ID of reports; goodstate feedback list shows them", word)
	}
	return id, nil
}

func (t *terminal) feedback(g feedback.Group) {
	if t.json {
		t.document(g)
		return
	}
	t.say("%d %s, %s of %s: %s by %s, first %s", g.ID, g.State, g.Kind, g.Service, oneLine(g.Text), plural(g.Count, "report"), g.First.Local().Format("2006-01-02 15:04:05"))
	if g.Answer != "" {
		t.say("  answered by %s: %s", g.Who, g.Answer)
	}
	for _, r := range g.Reports {
		release := r.Release
		if release == "" {
			release = "release not known"
		}
		t.say("  %s  %-28s %s", r.At.Local().Format("2006-01-02 15:04:05"), release, oneLine(r.Text))
		for name, text := range map[string]string{"page": r.Page, "answer to": r.Contact} {
			if text != "" {
				t.say("      %s: %s", name, text)
			}
		}
	}
}
