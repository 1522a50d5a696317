package cli

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/core/yaml11"
	"goodstate.dev/goodstate/drift/desk"
	"goodstate.dev/goodstate/web/api"
)

func init() { register(templateCommand) }

func templateCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "template", Short: "Playbooks with all that a run of them needs"}
	c.AddCommand(t.templateSet(), t.templateList(), t.templateLaunch(), t.templateAgain(), t.templateResults(), t.templateSchedule(), t.templateCancel(), t.templateRemove())
	return c
}

func (t *terminal) templateSet() *cobra.Command {
	c := &cobra.Command{
		Use: "set PROJECT NAME", Short: "Add or change a template", Args: args(2, 2, "a PROJECT and a NAME"),
		Long: "Add or change a template, from YAML or JSON: playbook, inventory, credentials, limit, tags, skip_tags, vars, forks, check, become, survey.",
	}
	file := c.Flags().String("from", "-", "file with the template; - is standard input")
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		text, err := t.readAll(*file)
		if err != nil {
			return err
		}
		v, err := yaml11.Load(*file, text, yaml11.Options{})
		if err != nil {
			return err
		}
		if err := varsAsText(v); err != nil {
			return err
		}
		if text, err = py.ToJSON(v); err != nil {
			return err
		}
		dec := json.NewDecoder(strings.NewReader(string(text)))
		dec.DisallowUnknownFields()
		var m desk.Template
		if err := dec.Decode(&m); err != nil {
			return usage("template in %s: %v", *file, err)
		}
		return t.told(client.PutInProject(ctx, args[0], "templates", args[1], m), m, "template %s of project %s runs %s", args[1], args[0], m.Playbook)
	})
	return c
}

// varsAsText lets vars be written as a mapping; they are kept as text.
func varsAsText(v any) error {
	d, ok := v.(*py.Dict)
	if !ok {
		return usage("want a YAML mapping, such as playbook: site.yml; see goodstate template set --help")
	}
	if vars, ok := d.Get("vars"); ok {
		if given, ok := vars.(*py.Dict); ok {
			text, err := py.ToJSON(given)
			if err != nil {
				return err
			}
			d.Set("vars", string(text))
		}
	}
	return nil
}

func (t *terminal) templateList() *cobra.Command {
	c := &cobra.Command{Use: "list PROJECT", Short: "Templates of a project", Args: args(1, 1, "a PROJECT")}
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		var all []desk.Template
		err := client.InProject(ctx, args[0], "templates", &all)
		if err != nil || t.json {
			return t.told(err, all, "")
		}
		for _, m := range all {
			t.say("%s: %s on %s", m.Name, m.Playbook, m.Inventory)
		}
		return nil
	})
	return c
}

func (t *terminal) templateRemove() *cobra.Command {
	c := &cobra.Command{Use: "remove PROJECT NAME", Short: "Remove a template with its schedules", Args: args(2, 2, "a PROJECT and a NAME")}
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		return t.told(client.RemoveFromProject(ctx, args[0], "templates", args[1]), struct{}{}, "template %s of project %s is removed", args[1], args[0])
	})
	return c
}

func (t *terminal) templateSchedule() *cobra.Command {
	c := &cobra.Command{Use: "schedule PROJECT NAME", Short: "Launch a template at its times, or no more", Args: args(2, 2, "a PROJECT and a NAME of the schedule")}
	var s desk.Schedule
	c.Flags().StringVar(&s.Template, "template", "", "template to launch")
	c.Flags().StringVar(&s.Cron, "cron", "", "five fields, @daily, or @every 15m")
	c.Flags().StringVar(&s.Zone, "zone", "", "time zone (default: the controller's)")
	c.Flags().BoolVar(&s.Check, "check", false, "change nothing, say what would change")
	c.Flags().BoolVar(&s.Off, "off", false, "keep it without launching anything")
	gone := c.Flags().Bool("remove", false, "remove the schedule")
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		if *gone {
			return t.told(client.RemoveFromProject(ctx, args[0], "schedules", args[1]), struct{}{}, "schedule %s of project %s is removed", args[1], args[0])
		}
		return t.told(client.PutInProject(ctx, args[0], "schedules", args[1], s), s, "template %s of project %s is launched at %s", s.Template, args[0], s.Cron)
	})
	return c
}
