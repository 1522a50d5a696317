package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/core/yaml11"
	"goodstate.dev/goodstate/drift/desk"
	"goodstate.dev/goodstate/web/api"
)

func init() {
	register(projectCommand)
	register(credentialCommand)
	register(templateCommand)
}

func projectCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "project", Short: "Git repositories of playbooks, with their inventories"}
	c.AddCommand(t.projectSet(), t.projectList(), t.projectPull(), t.projectInventory(), t.projectRemove())
	return c
}

func (t *terminal) projectSet() *cobra.Command {
	c := &cobra.Command{Use: "set NAME", Short: "Add or change a project", Args: args(1, 1, "one NAME")}
	var p desk.Project
	f := c.Flags()
	f.StringVar(&p.Repository, "repository", "", "https, ssh, or an absolute folder")
	f.StringVar(&p.Branch, "branch", "", "branch or tag (default: the repository's own)")
	f.BoolVar(&p.Local, "local", false, "allow tasks on the controller itself, and inventories that are scripts")
	known := f.String("known-hosts", "", "file with the host keys of its hosts (default: those of goodstate's account)")
	roles := f.StringToString("role", nil, "what somebody is in this project: --role anna=operator")
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		p.Name, p.Roles = args[0], map[string]auth.Role{}
		for who, role := range *roles {
			p.Roles[who] = auth.Role(role)
		}
		if *known != "" {
			text, err := os.ReadFile(*known)
			if err != nil {
				return fmt.Errorf("--known-hosts: %w", err)
			}
			p.KnownHosts = string(text)
		}
		got, err := client.PutProject(ctx, p)
		return t.told(err, got, "project %s is %s; pull it with: goodstate project pull %s", p.Name, p.Repository, p.Name)
	})
	return c
}

// told says that something was done, or prints it as JSON.
func (t *terminal) told(err error, v any, format string, a ...any) error {
	switch {
	case err != nil:
		return err
	case t.json:
		t.document(v)
	default:
		t.say(format, a...)
	}
	return nil
}

func (t *terminal) projectList() *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "All projects", Args: cobra.NoArgs}
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, _ []string) error {
		all, err := client.Projects(ctx)
		if err != nil || t.json {
			return t.told(err, all, "")
		}
		for _, p := range all {
			at := "never pulled"
			if p.Commit != "" {
				at = fmt.Sprintf("%.12s %s", p.Commit, p.Subject)
			}
			t.say("%s: %s, %s", p.Name, p.Repository, at)
		}
		return nil
	})
	return c
}

func (t *terminal) projectPull() *cobra.Command {
	c := &cobra.Command{Use: "pull NAME", Short: "Fetch the newest commit, which runs use from then on", Args: args(1, 1, "one NAME")}
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		p, err := client.PullProject(ctx, args[0])
		return t.told(err, p, "project %s is at %.12s: %s", p.Name, p.Commit, p.Subject)
	})
	return c
}

func (t *terminal) projectRemove() *cobra.Command {
	c := &cobra.Command{Use: "remove NAME", Short: "Remove a project with its credentials and templates", Args: args(1, 1, "one NAME")}
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		return t.told(client.RemoveProject(ctx, args[0]), struct{}{}, "project %s is removed", args[0])
	})
	return c
}

func (t *terminal) projectInventory() *cobra.Command {
	c := &cobra.Command{Use: "inventory PROJECT NAME", Short: "Add or change an inventory", Args: args(2, 2, "a PROJECT and a NAME")}
	var i desk.Inventory
	c.Flags().StringVar(&i.Path, "path", "", "file or folder of the project")
	file := c.Flags().String("text", "", "file with the text to keep; - is standard input")
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		if *file != "" {
			text, err := t.readAll(*file)
			if err != nil {
				return fmt.Errorf("--text: %w", err)
			}
			i.Text = string(text)
		}
		i.Project, i.Name = args[0], args[1]
		return t.told(client.PutInProject(ctx, args[0], "inventories", args[1], i), i, "inventory %s of project %s is kept", args[1], args[0])
	})
	return c
}

// readAll reads a file, or standard input for "-".
func (t *terminal) readAll(path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(t.in)
	}
	return os.ReadFile(path)
}

func credentialCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "credential", Short: "SSH keys and passwords that only runs of playbooks use"}
	set := &cobra.Command{
		Use: "set PROJECT NAME", Short: "Add or change a credential", Args: args(2, 2, "a PROJECT and a NAME"),
		Long: "Add or change a credential. Its values are read as JSON from standard input and never shown again:\n{\"key\": ..., \"passphrase\": ..., \"password\": ..., \"become_password\": ..., \"vault_password\": ...}; or the key alone with --key FILE.",
	}
	var s api.SetCredential
	set.Flags().StringVar(&s.User, "user", "", "log in as this user")
	set.Flags().StringVar(&s.Become, "become-user", "", "become this user")
	set.Flags().StringVar(&s.VaultID, "vault-id", "", "id of the vault password")
	key := set.Flags().String("key", "", "file with the private key")
	set.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		text, err := t.readAll(orText(*key, "-"))
		if err != nil {
			return fmt.Errorf("credential %s: %w", args[1], err)
		}
		if *key != "" {
			s.Values.Key = string(text)
		} else if err := json.Unmarshal(text, &s.Values); err != nil {
			return usage("the values on standard input are no JSON mapping; see goodstate credential set --help")
		}
		s.Project, s.Name = args[0], args[1]
		return t.told(client.PutInProject(ctx, args[0], "credentials", args[1], s), s.Credential, "credential %s of project %s is sealed", args[1], args[0])
	})
	list := &cobra.Command{Use: "list PROJECT", Short: "Credentials, without their values", Args: args(1, 1, "a PROJECT")}
	list.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		var all []desk.Credential
		err := client.InProject(ctx, args[0], "credentials", &all)
		if err != nil || t.json {
			return t.told(err, all, "")
		}
		for _, c := range all {
			t.say("%s: %s", c.Name, strings.Join(c.Has, ", "))
		}
		return nil
	})
	remove := &cobra.Command{Use: "remove PROJECT NAME", Short: "Forget a credential", Args: args(2, 2, "a PROJECT and a NAME")}
	remove.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		return t.told(client.RemoveFromProject(ctx, args[0], "credentials", args[1]), struct{}{}, "credential %s is removed", args[1])
	})
	c.AddCommand(set, list, remove)
	return c
}

func templateCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "template", Short: "Playbooks with all that a run of them needs"}
	c.AddCommand(t.templateSet(), t.templateList(), t.templateLaunch(), t.templateAgain(), t.templateResults(), t.templateSchedule(), t.templateCancel())
	return c
}

func (t *terminal) templateSet() *cobra.Command {
	c := &cobra.Command{
		Use: "set PROJECT NAME", Short: "Add or change a template", Args: args(2, 2, "a PROJECT and a NAME"),
		Long: "Add or change a template, from YAML or JSON: playbook, inventory, credentials, limit, tags, skip_tags, vars, forks, check, become, survey.",
	}
	file := c.Flags().StringP("from", "f", "-", "file with the template; - is standard input")
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		text, err := t.readAll(*file)
		if err != nil {
			return err
		}
		v, err := yaml11.Load(*file, text, yaml11.Options{})
		if err != nil {
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

func (t *terminal) templateSchedule() *cobra.Command {
	c := &cobra.Command{Use: "schedule PROJECT NAME", Short: "Launch a template at its times", Args: args(2, 2, "a PROJECT and a NAME of the schedule")}
	var s desk.Schedule
	c.Flags().StringVar(&s.Template, "template", "", "template to launch")
	c.Flags().StringVar(&s.Cron, "cron", "", "five fields, @daily, or @every 15m")
	c.Flags().StringVar(&s.Zone, "zone", "", "time zone (default: the controller's)")
	c.Flags().BoolVar(&s.Check, "check", false, "change nothing, say what would change")
	c.Flags().BoolVar(&s.Off, "off", false, "keep it without launching anything")
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		return t.told(client.PutInProject(ctx, args[0], "schedules", args[1], s), s, "template %s of project %s is launched at %s", s.Template, args[0], s.Cron)
	})
	return c
}
