package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/app"
	"goodstate.dev/goodstate/hooks/client"
	"goodstate.dev/goodstate/hooks/plan"
)

func init() { register(hooksCommand) }

func hooksCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "hooks", Short: "Keep bad commits out: Git hooks that check what is staged and never lose a line"}
	c.AddCommand(
		hooksInstall(t), hooksUninstall(t), hooksRun(t), hooksList(t), hooksTest(t), hooksRecover(t), hooksCompile(t),
	)
	for _, part := range hooksParts {
		c.AddCommand(part(t))
	}
	return c
}

// hooksParts are more commands below hooks; each file adds its own.
var hooksParts []func(t *terminal) *cobra.Command

// loadHooks reads all that holds at the hooks of a work tree, and the bytes of the main file. What is not done as another tool would do it is named.
func (t *terminal) loadHooks(ctx context.Context, top string) (*app.Hooks, []byte, error) {
	env, err := app.Environments(ctx)
	if err != nil {
		return nil, nil, err
	}
	return app.ReadHooks(top, t.file, env)
}

// plannedHooks is what runs at this repository's hooks.
func (t *terminal) plannedHooks(ctx context.Context) (*client.Repo, *app.Hooks, *plan.Plan, error) {
	repo, err := client.Open()
	if err != nil {
		return nil, nil, nil, err
	}
	conf, _, err := t.loadHooks(ctx, repo.Top)
	if err != nil {
		return nil, nil, nil, err
	}
	p, err := conf.Plan()
	return repo, conf, p, err
}

func hooksInstall(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "install", Short: "Have Git start the hooks of goodstate.yaml", Args: cobra.NoArgs}
	shared := c.Flags().Bool("shared", false, "also where core.hooksPath is a folder outside of this repository")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		repo, err := client.Open()
		if err != nil {
			return err
		}
		conf, _, err := t.loadHooks(cmd.Context(), repo.Top)
		if err != nil {
			return err
		}
		stages := conf.Stages()
		if len(stages) == 0 {
			return usage("%s has no hooks; write some, for example:\n%s", app.ConfigName, firstHooks)
		}
		for _, n := range conf.Notes {
			fmt.Fprintln(t.err, n)
		}
		done, err := client.Install(cmd.Context(), repo, stages, *shared)
		t.installed(done, err)
		return err
	}
	return c
}

const firstHooks = `hooks:
  pre-commit:
    rules:
      trailing-whitespace: {}
    jobs:
      flake8: {run: "flake8 {files}", types: [python]}`

func (t *terminal) installed(done client.Installed, err error) {
	if t.json {
		if err == nil {
			t.document(done)
		}
		return
	}
	for _, line := range done.Done {
		t.say("%s", line)
	}
	if err == nil && done.Where != "" {
		t.say("in %s", done.Where)
	}
}

func hooksUninstall(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "uninstall", Short: "Take the hooks out and put back what was there", Args: cobra.NoArgs}
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		repo, err := client.Open()
		if err != nil {
			return err
		}
		done, err := client.Uninstall(cmd.Context(), repo)
		t.installed(done, err)
		return err
	}
	return c
}

func hooksRun(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use: "run STAGE [ARGUMENT...]", Short: "Run a stage now, as Git would",
		Args: args(1, 20, "a STAGE ("+strings.Join(client.Stages, ", ")+") and what Git would add"),
	}
	every := c.Flags().Bool("all", false, "look at all tracked files, not only at what is staged or pushed")
	c.RunE = func(cmd *cobra.Command, given []string) error {
		repo, err := client.Open()
		if err != nil {
			return err
		}
		if !known(given[0]) {
			return usage("there is no stage %q; there are %s", given[0], strings.Join(client.Stages, ", "))
		}
		call := client.Call{Stage: given[0], Args: given[1:], Every: *every, JSON: t.json, Out: t.out}
		if given[0] == "pre-push" {
			call.Input, err = client.PushOfHead(cmd.Context(), repo)
			if err != nil {
				return err
			}
		}
		if code := client.Run(cmd.Context(), repo, call); code != exitGood {
			return &exitError{code: code}
		}
		return nil
	}
	return c
}

func known(stage string) bool {
	for _, s := range client.Stages {
		if s == stage {
			return true
		}
	}
	return false
}

func hooksRecover(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "recover", Short: "Settle what a killed hook left, and say what was done", Args: cobra.NoArgs}
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		repo, err := client.Open()
		if err != nil {
			return err
		}
		said, err := client.Recover(cmd.Context(), repo)
		if t.json {
			t.document(map[string]any{"done": said})
			return err
		}
		for _, line := range said {
			t.say("%s", line)
		}
		if err == nil && len(said) == 0 {
			t.say("nothing to settle")
		}
		return err
	}
	return c
}

// hooksCompile is for goodstate-hook, which reads no YAML.
func hooksCompile(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "compile", Short: "Write the plan that goodstate-hook reads", Args: cobra.NoArgs, Hidden: true}
	into := c.Flags().String("into", "", "folder of plans")
	c.RunE = func(cmd *cobra.Command, _ []string) error { return t.compile(cmd.Context(), *into) }
	return c
}

func (t *terminal) compile(ctx context.Context, into string) error {
	if into == "" || t.file == "" {
		return usage("goodstate hooks compile takes --file and --into")
	}
	repo, err := client.Open()
	if err != nil {
		return err
	}
	conf, data, err := t.loadHooks(ctx, repo.Top)
	if err != nil {
		return err
	}
	p, err := conf.Plan()
	if err != nil {
		return err
	}
	return plan.Write(into, data, p)
}
