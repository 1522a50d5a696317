package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/app"
	"goodstate.dev/goodstate/core/config"
)

func init() { register(explainCommand) }

func explainCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use: "explain [TOPIC]", Short: "Explain a key of the configuration, or a kind of check, strategy or channel", Args: args(0, 1, "a TOPIC such as services.strategy or http, or none for the whole file"),
	}
	c.RunE = func(_ *cobra.Command, args []string) error {
		topic := strings.Join(args, "") // at most one
		text, err := config.Explain[app.Config](topic)
		if err != nil {
			return &exitError{exitUsage, err}
		}
		if t.json {
			t.document(map[string]string{"topic": topic, "text": text})
			return nil
		}
		fmt.Fprint(t.out, text)
		return nil
	}
	return c
}
