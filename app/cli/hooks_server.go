package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/app"
	"goodstate.dev/goodstate/hooks/server"
	"goodstate.dev/goodstate/hooks/verdict"
)

func init() {
	hooksParts = append(hooksParts, hooksReceive, hooksLanded, hooksServe)
}

// gateOf reads the policy of a server: from a file of the server, or from a ref of the repository as it is before the push. What is pushed is
// never asked.
func (t *terminal) gateOf(ctx context.Context, repo server.Repository, file, ref string) (*server.Policy, error) {
	name, files := file, app.Folder(filepath.Dir(file))
	read := func() ([]byte, error) { return os.ReadFile(file) }
	if ref != "" {
		name = ref + ":" + app.ConfigName
		files = func(path string) ([]byte, error) { return repo.Show(ctx, ref, path) }
		read = func() ([]byte, error) { return files(app.ConfigName) }
	}
	data, err := read()
	if err != nil {
		return nil, fmt.Errorf("policy of pushes: %w", err)
	}
	parts, err := app.ReadGates(name, data, files)
	if err != nil {
		return nil, err
	}
	if parts.Empty() {
		return nil, fmt.Errorf("policy of pushes: %s has nothing under hooks.server", name)
	}
	return parts.Policy()
}

// hooksReceive is the body of a repository's pre-receive hook.
func hooksReceive(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use: "pre-receive", Short: "Judge a push before it lands (the server's hook starts this)", Args: cobra.NoArgs,
		Long: "Judge what Git tells on standard input by hooks.server of the policy. What cannot be judged does not land.",
	}
	file := c.Flags().String("policy", "", "goodstate.yaml on the server")
	ref := c.Flags().String("policy-ref", "", "branch whose goodstate.yaml is the policy, as it is before the push")
	audit := c.Flags().String("audit", "", "file that remembers refused pushes (default: goodstate/audit.jsonl in the repository)")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		if (*file == "") == (*ref == "") {
			return usage("pre-receive needs either --policy or --policy-ref")
		}
		repo := server.Repository{}
		dir, err := repo.GitDir(cmd.Context())
		if err != nil {
			return err
		}
		if *audit == "" {
			*audit = filepath.Join(dir, "goodstate", "audit.jsonl")
		}
		policy, err := t.gateOf(cmd.Context(), repo, *file, *ref)
		if err != nil {
			return fmt.Errorf("the push does not land, because its policy cannot be read: %w", err)
		}
		policy.Verdicts = verdict.Open(filepath.Join(dir, "goodstate", "verdicts"))
		push := server.Push{Repository: repo, Env: os.Getenv, Who: server.Pushers, Audit: *audit}
		broken, err := policy.Receive(cmd.Context(), push, t.in)
		var refused *server.Refused
		switch {
		case errors.As(err, &refused) && !t.json:
			refused.Judgement.Say(t.err, "goodstate hooks ci --from origin/HEAD --to HEAD")
			return &exitError{code: exitCouldNot}
		case errors.As(err, &refused):
			t.document(refused.Judgement)
			return &exitError{code: exitCouldNot}
		case err == nil && broken != nil:
			fmt.Fprintf(t.err, "the glass is broken: %s; it is written down\n", broken.Broken)
		}
		return err
	}
	return c
}

// hooksLanded is the body of a repository's post-receive hook: it leaves the push for goodstate, and is done.
func hooksLanded(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "post-receive", Short: "Leave a landed push for goodstate (the server's hook starts this)", Args: cobra.NoArgs}
	data := c.Flags().String("data", "", "data directory of the goodstate that releases")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		if *data == "" {
			return usage("post-receive needs --data")
		}
		updates, err := server.Updates(t.in)
		if err != nil {
			return err
		}
		dir, err := server.Repository{}.GitDir(cmd.Context())
		if err != nil {
			return err
		}
		who := server.Push{Env: os.Getenv, Who: server.Pushers}.Pusher()
		return app.Inbox(*data).Put(server.Landed{At: time.Now().UTC(), Who: who, Repository: dir, Updates: updates})
	}
	return c
}

// hooksServe puts both hooks into a bare repository.
func hooksServe(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use: "serve REPOSITORY", Short: "Put the server's hooks into a bare repository", Args: args(1, 1, "the folder of a REPOSITORY"),
		Long: "Put pre-receive and post-receive into a repository on a server. Hooks that are there already go on to run, before ours, from the same name with\n" +
			".before-goodstate. GitLab takes a folder of custom hooks with --folder, Gitea and Forgejo hooks/pre-receive.d and hooks/post-receive.d.",
	}
	file := c.Flags().String("policy", "", "goodstate.yaml on the server that pushes are judged by")
	ref := c.Flags().String("policy-ref", "", "branch whose goodstate.yaml pushes are judged by")
	data := c.Flags().String("data", "", "data directory of the goodstate that releases what is pushed; without it pushes release nothing")
	folder := c.Flags().String("folder", "", "folder of the hooks (default: hooks in the repository)")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if (*file == "") == (*ref == "") {
			return usage("hooks serve needs either --policy or --policy-ref")
		}
		repo := server.Repository{Dir: args[0]}
		dir, err := repo.GitDir(cmd.Context())
		if err != nil {
			return err
		}
		judged := "--policy-ref " + server.Quote(*ref)
		if *file != "" {
			path, err := filepath.Abs(*file)
			if err != nil {
				return fmt.Errorf("path of the policy: %w", err)
			}
			if _, err := t.gateOf(cmd.Context(), repo, path, ""); err != nil {
				return err
			}
			judged = "--policy " + server.Quote(path)
		}
		me, err := self()
		if err != nil {
			return err
		}
		into := *folder
		if into == "" {
			into = filepath.Join(dir, "hooks")
		}
		wanted := map[string]string{"pre-receive": "hooks pre-receive " + judged}
		if *data != "" {
			path, err := filepath.Abs(*data)
			if err != nil {
				return fmt.Errorf("path of the data directory: %w", err)
			}
			wanted["post-receive"] = "hooks post-receive --data " + server.Quote(path)
		}
		done, err := server.Install(into, me[0], wanted)
		if err != nil {
			return err
		}
		if *file != "" || *ref != "" {
			if err := repo.Offer(cmd.Context()); err != nil {
				return err
			}
		}
		if t.json {
			t.document(map[string]any{"installed": done})
			return nil
		}
		t.say("installed %s", strings.Join(done, ", "))
		return nil
	}
	return c
}
