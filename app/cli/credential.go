package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/drift/desk"
	"goodstate.dev/goodstate/web/api"
)

func init() { register(credentialCommand) }

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
