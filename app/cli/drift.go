package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"os/user"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/core/store"
	"goodstate.dev/goodstate/drift/engine"
	"goodstate.dev/goodstate/drift/record"
	"goodstate.dev/goodstate/drift/settings"
	"goodstate.dev/goodstate/web/api"
)

func init() { register(driftCommand) }

func driftCommand(t *terminal) *cobra.Command {
	f := &playFlags{}
	c := &cobra.Command{
		Use: "drift [PLAYBOOK [diff|fix]]", Short: "Say which hosts differ from what their playbooks say",
		Long: "Say which hosts differ from what their playbooks say, since when, and why it is drift or a change that waits.\n" +
			"Without a playbook: what the last runs saw. With one, or with diff: look at the hosts now and change nothing. With fix: put them right.\n" +
			"PLAYBOOK is a name under drift.playbooks of goodstate.yaml, which says all else; fix then corrects what its policy allows, under its cap.\n" +
			"It may be a file too: fix then carries the whole of it out.\n" +
			"Exit codes: 0 as the playbooks say, 1 could not, 2 differences, 3 hosts or tasks that nobody could look at.",
		Args: args(0, 2, "a playbook, and diff or fix"),
	}
	s := c.Flags()
	s.StringArrayVarP(&f.inventory, "inventory", "i", nil, "inventory: a file, a folder, a script, or hosts with commas")
	s.StringVarP(&f.limit, "limit", "l", "", "only these hosts of the plays")
	s.StringArrayVarP(&f.extra, "extra-vars", "e", nil, "variables: key=value, JSON, YAML, or @file")
	s.StringArrayVarP(&f.tags, "tags", "t", nil, "only tasks with these tags")
	s.StringArrayVar(&f.skipTags, "skip-tags", nil, "no tasks with these tags")
	s.StringArrayVar(&f.vaultIDs, "vault-id", nil, "vault password: id@prompt, id@file or id@script")
	s.StringArrayVar(&f.vaultFiles, "vault-password-file", nil, "file or script with the vault password")
	s.StringVarP(&f.user, "user", "u", "", "log in as this user")
	s.StringVar(&f.keyFile, "private-key", "", "private key of the login")
	s.BoolVarP(&f.become, "become", "b", false, "run as another user")
	s.StringVar(&f.becomeFile, "become-password-file", "", "file with the password of sudo and its kin")
	s.IntVar(&f.forks, "forks", 0, "hosts at a time")
	why := s.String("why", "", "the reason, for the record")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return t.driftStatus(cmd.Context(), "")
		}
		mode := record.Detect
		if len(args) == 2 {
			switch args[1] {
			case "diff":
			case "fix":
				mode = record.Correct
			default:
				return usage("goodstate drift %s %s: want diff or fix", args[0], args[1])
			}
		}
		conf, _, err := t.load()
		if err != nil {
			return err
		}
		if _, known := conf.Drift.Playbooks.Get(args[0]); known {
			return t.driftConfigured(cmd, args[0], mode, f.limit, *why)
		}
		return t.driftRun(cmd.Context(), f, args[0], mode, *why)
	}
	c.AddCommand(driftAccept(t), driftReportCommand(t), driftImport(t), driftLog(t), driftAsks(t), driftApprove(t), driftReject(t), driftCancel(t))
	return c
}

// driftName is a playbook as the record names it: its path from the folder of goodstate.yaml.
func driftName(base, path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("playbook %s: %w", path, err)
	}
	if rel, err := filepath.Rel(base, abs); err == nil {
		return filepath.ToSlash(rel), nil
	}
	return abs, nil
}

// driftKnown is a playbook as the record names it: one of goodstate.yaml, or a file.
func (t *terminal) driftKnown(text string) (string, error) {
	conf, base, err := t.load()
	if err != nil {
		return "", err
	}
	if _, known := conf.Drift.Playbooks.Get(text); known {
		return text, nil
	}
	return driftName(base, text)
}

// driftRun looks at the hosts of a playbook or corrects them, and prints what the record has then.
func (t *terminal) driftRun(ctx context.Context, f *playFlags, path string, mode record.Mode, why string) (err error) {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ctx, stop)
	conf, base, err := t.load()
	if err != nil {
		return err
	}
	name, err := driftName(base, path)
	if err != nil {
		return err
	}
	s, err := settings.Load(os.LookupEnv)
	if err != nil {
		return err
	}
	data, err := store.Open(ctx, conf.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, data.Close()) }()
	book, err := record.Open(data)
	if err != nil {
		return err
	}
	f.json = t.json
	opt, _, finish, err := t.playOptions(ctx, f, s, []string{path})
	if err != nil {
		return err
	}
	id := "drift-" + rand.Text()[:12]
	r, err := book.Begin(ctx, record.Start{ID: id, Playbook: name, Mode: mode, Who: login(), Why: why, Partial: len(opt.Tags)+len(opt.SkipTags) > 0})
	if err != nil {
		return errors.Join(err, finish(nil))
	}
	opt.Playbooks, opt.Report, opt.Check, opt.Diff, opt.Fingerprint, opt.Opened = []string{path}, r, mode == record.Detect, true, book.Fingerprint, r.Opened
	_, stats, failure := engine.Run(ctx, opt)
	if err := errors.Join(failure, r.Close(failure), finish(stats)); err != nil {
		return err
	}
	return t.driftShow(ctx, book, name, id)
}

// login is the person at the terminal, for the record.
func login() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

// driftStatus prints what the record has, whoever owns the data directory.
func (t *terminal) driftStatus(ctx context.Context, name string) (err error) {
	conf, _, err := t.load()
	if err != nil {
		return err
	}
	s, err := store.OpenReadOnly(ctx, conf.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return t.driftShow(ctx, record.Reader(s), name, "")
}

func driftAccept(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use: "accept PLAYBOOK DIFFERENCE", Short: "Let a difference stay for a time, for a reason", Args: args(2, 2, "a playbook and the name of a difference"),
		Long: "Let a difference stay for a time, for a reason. Its name is what goodstate drift prints before it; the first 6 characters are enough where they are unique.",
	}
	reason := c.Flags().String("why", "", "the reason")
	length := c.Flags().Duration("for", 7*24*time.Hour, "for how long")
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		name, err := t.driftKnown(args[0])
		if err != nil {
			return err
		}
		until := time.Now().Add(*length)
		cause, err := client.AcceptDrift(ctx, api.Accept{Playbook: name, Difference: args[1], Why: *reason, Until: until})
		if err != nil {
			return err
		}
		t.say("%s may stay until %s: %s", cause[:8], until.Format("2006-01-02 15:04"), *reason)
		return nil
	})
	return c
}
