package cli

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/drift/desk"
	"goodstate.dev/goodstate/web/api"
)

func init() { register(projectCommand) }

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
	f.StringVar(&p.Credential, "credential", "", "credential of the project whose key pulls by ssh (default: the keys of goodstate's account)")
	known := f.String("known-hosts", "", "file with the host keys of its hosts and its repository (default: those of goodstate's account)")
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
	c := &cobra.Command{Use: "inventory PROJECT NAME", Short: "Add, change or remove an inventory", Args: args(2, 2, "a PROJECT and a NAME")}
	var i desk.Inventory
	c.Flags().StringVar(&i.Path, "path", "", "file or folder of the project")
	file := c.Flags().String("text", "", "file with the text to keep; - is standard input")
	gone := c.Flags().Bool("remove", false, "remove it")
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		if *gone {
			return t.told(client.RemoveFromProject(ctx, args[0], "inventories", args[1]), struct{}{}, "inventory %s of project %s is removed", args[1], args[0])
		}
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
