package cli

import (
	"context"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/web/api"
)

const aRepository = "a REPOSITORY of goodstate.yaml"

func backupKey(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use: "key", Short: "The passwords that open a repository", Aliases: []string{"keys"},
		Long: "The passwords that open a repository. They are named by secrets of goodstate.yaml and are never on a command line.",
	}
	c.AddCommand(keyList(t), keyAdd(t), keyRemove(t), keyRotate(t))
	return c
}

func keyList(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "list REPOSITORY", Short: "Which keys open a repository", Args: args(1, 1, aRepository)}
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		all, err := client.RepositoryKeys(ctx, args[0])
		if err != nil {
			return err
		}
		if t.json {
			t.document(all)
			return nil
		}
		for _, k := range all {
			mark := ""
			if k.InUse {
				mark = "  (in use)"
			}
			t.say("%s  made %s by %s on %s%s", k.ID.Short(), k.Created.Local().Format("2006-01-02 15:04"), k.Username, k.Hostname, mark)
		}
		return nil
	})
	return c
}

func keyAdd(t *terminal) *cobra.Command {
	w := &api.KeyWork{}
	c := &cobra.Command{Use: "add REPOSITORY --secret NAME", Short: "Let another password open a repository, and prove that it does", Args: args(1, 1, aRepository)}
	c.Flags().StringVar(&w.Secret, "secret", "", "secret with the password")
	c.Flags().StringVar(&w.Why, "why", "", "reason, for the journal")
	_ = c.MarkFlagRequired("secret") // the flag is there
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		id, err := client.AddKey(ctx, args[0], *w)
		if err != nil {
			return err
		}
		t.keySaid(map[string]any{"added": id}, "secret %s opens repository %s from now on (key %s)", w.Secret, args[0], id.Short())
		return nil
	})
	return c
}

func keyRemove(t *terminal) *cobra.Command {
	w := &api.KeyWork{}
	c := &cobra.Command{Use: "remove REPOSITORY KEY", Short: "Take a key away; the one in use stays", Args: args(2, 2, aRepository+" and a KEY of it")}
	c.Flags().StringVar(&w.Why, "why", "", "reason, for the journal")
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		w.Key = args[1]
		id, err := client.RemoveKey(ctx, args[0], *w)
		if err != nil {
			return err
		}
		t.keySaid(map[string]any{"removed": id}, "key %s opens repository %s no more", id.Short(), args[0])
		return nil
	})
	return c
}

func keyRotate(t *terminal) *cobra.Command {
	w := &api.KeyWork{}
	c := &cobra.Command{
		Use: "rotate REPOSITORY --from NAME", Short: "Put the configured password in the place of an old one", Args: args(1, 1, aRepository),
		Long: "Put the configured password in the place of an old one. Name the new secret as the repository's password in goodstate.yaml first, and keep the old one under secrets\nuntil this is done. The new one is proven before the old one goes. Who had both the old password and a key file can still read what was in the repository until then.",
	}
	c.Flags().StringVar(&w.Secret, "from", "", "secret with the old password")
	c.Flags().StringVar(&w.Why, "why", "", "reason, for the journal")
	_ = c.MarkFlagRequired("from") // the flag is there
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		res, err := client.RotateKey(ctx, args[0], *w)
		if err != nil {
			return err
		}
		t.keySaid(res, "repository %s opens with its configured password, and with secret %s no more (key %s)", args[0], w.Secret, res.Removed.Short())
		return nil
	})
	return c
}

// keySaid is the result for people, or for programs.
func (t *terminal) keySaid(doc any, text string, args ...any) {
	if t.json {
		t.document(doc)
		return
	}
	t.say(text, args...)
}
