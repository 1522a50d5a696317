package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"goodstate.dev/goodstate/core/remote"
	"goodstate.dev/goodstate/drift/engine"
	"goodstate.dev/goodstate/drift/fallback"
	"goodstate.dev/goodstate/drift/jinja"
	"goodstate.dev/goodstate/drift/output"
	"goodstate.dev/goodstate/drift/playbook"
	"goodstate.dev/goodstate/drift/settings"
)

func init() { register(playbookCommand) }

// playFlags are those of ansible-playbook that the commands of drift share.
type playFlags struct {
	inventory, extra, tags, skipTags, vaultIDs, vaultFiles  []string
	limit, user, connection, keyFile                        string
	becomeUser, becomeMethod, sshCommon, sshExtra           string
	becomeFile, connectionFile, junit, startAt              string
	forks, timeout, verbose                                 int
	check, diff, become, askBecome, askPass, askVault, step bool
	listHosts, listTasks, listTags, syntax, flush, force    bool
	json                                                    bool
}

func (f *playFlags) inventoryFlags(s *pflag.FlagSet) {
	s.StringArrayVarP(&f.inventory, "inventory", "i", nil, "inventory: a file, a folder, a script, or hosts with commas")
	s.StringArrayVar(&f.inventory, "inventory-file", nil, "the same as --inventory")
	s.StringVarP(&f.limit, "limit", "l", "", "only these hosts of the plays; @file for a list")
	s.StringArrayVar(&f.vaultIDs, "vault-id", nil, "vault password: id@prompt, id@file or id@script")
	s.StringArrayVar(&f.vaultFiles, "vault-password-file", nil, "file or script with the vault password")
	s.StringArrayVar(&f.vaultFiles, "vault-pass-file", nil, "the same as --vault-password-file")
	s.BoolVarP(&f.askVault, "ask-vault-pass", "J", false, "ask for the vault password")
	s.BoolVar(&f.askVault, "ask-vault-password", false, "the same as --ask-vault-pass")
	s.CountVarP(&f.verbose, "verbose", "v", "say more; again for still more")
	s.StringArrayVarP(&f.extra, "extra-vars", "e", nil, "variables: key=value, JSON, YAML, or @file")
	s.BoolVar(&f.json, "json", false, "print JSON, one document a line")
}

func (f *playFlags) playFlags(s *pflag.FlagSet) {
	f.inventoryFlags(s)
	s.StringArrayVarP(&f.tags, "tags", "t", nil, "only tasks with these tags")
	s.StringArrayVar(&f.skipTags, "skip-tags", nil, "no tasks with these tags")
	s.BoolVarP(&f.check, "check", "C", false, "change nothing, say what would change")
	s.BoolVarP(&f.diff, "diff", "D", false, "show what changes in files")
	s.IntVarP(&f.forks, "forks", "f", 0, "hosts at a time")
	s.BoolVarP(&f.become, "become", "b", false, "run as another user")
	s.StringVar(&f.becomeUser, "become-user", "", "the other user (default root)")
	s.StringVar(&f.becomeMethod, "become-method", "", "how: sudo, su, doas (default sudo)")
	s.BoolVarP(&f.askBecome, "ask-become-pass", "K", false, "ask for the password of sudo and its kin")
	s.StringVar(&f.becomeFile, "become-password-file", "", "file with the password of sudo and its kin")
	s.StringVar(&f.becomeFile, "become-pass-file", "", "the same as --become-password-file")
	s.StringVarP(&f.user, "user", "u", "", "log in as this user")
	s.BoolVarP(&f.askPass, "ask-pass", "k", false, "ask for the password of the login")
	s.StringVar(&f.connectionFile, "connection-password-file", "", "file with the password of the login")
	s.StringVar(&f.connectionFile, "conn-pass-file", "", "the same as --connection-password-file")
	s.StringVar(&f.keyFile, "private-key", "", "private key of the login")
	s.StringVar(&f.keyFile, "key-file", "", "the same as --private-key")
	s.StringVarP(&f.connection, "connection", "c", "", "how hosts are reached: ssh, local")
	s.IntVarP(&f.timeout, "timeout", "T", 0, "seconds for connecting")
	s.StringVar(&f.sshCommon, "ssh-common-args", "", "arguments for ssh")
	s.StringVar(&f.sshExtra, "ssh-extra-args", "", "more arguments for ssh")
	s.StringVar(&f.startAt, "start-at-task", "", "begin at the task of this name")
	s.BoolVar(&f.step, "step", false, "ask before each task")
	s.BoolVar(&f.listHosts, "list-hosts", false, "list the hosts and do nothing")
	s.BoolVar(&f.listTasks, "list-tasks", false, "list the tasks and do nothing")
	s.BoolVar(&f.listTags, "list-tags", false, "list the tags and do nothing")
	s.BoolVar(&f.syntax, "syntax-check", false, "only read the playbooks")
	s.BoolVar(&f.flush, "flush-cache", false, "forget facts (a run always begins without any)")
	s.BoolVar(&f.force, "force-handlers", false, "run handlers also where a task has failed")
	s.StringVar(&f.junit, "junit", "", "write a JUnit report to this file too")
}

// playbookCommand is ansible-playbook. Its flags have letters that other commands use for other things, so it reads them itself.
func playbookCommand(t *terminal) *cobra.Command {
	f := &playFlags{}
	c := &cobra.Command{
		Use: "playbook PLAYBOOK...", Short: "Run Ansible playbooks", DisableFlagParsing: true,
		Long: "Run Ansible playbooks. Flags, output and exit codes are those of ansible-playbook: 0 all good, 1 could not begin, 2 tasks failed, 4 hosts were not\nreachable, 250 an unexpected error.",
	}
	set := pflag.NewFlagSet("playbook", pflag.ContinueOnError)
	set.SortFlags = false
	f.playFlags(set)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		names, done, err := t.own(cmd, set, args)
		if done || err != nil {
			return err
		}
		if len(names) == 0 {
			return &exitError{2, fmt.Errorf("%s takes one or more playbooks; see %s --help", cmd.CommandPath(), cmd.CommandPath())}
		}
		return t.playbook(cmd.Context(), f, names)
	}
	return c
}

// own parses the flags of a command that reads them itself; done says that help was printed.
func (t *terminal) own(cmd *cobra.Command, set *pflag.FlagSet, args []string) (rest []string, done bool, err error) {
	set.BoolP("help", "h", false, "this help")
	set.SetOutput(t.err)
	set.Usage = func() {}
	err = set.Parse(args)
	if errors.Is(err, pflag.ErrHelp) || err == nil && set.Changed("help") {
		fmt.Fprintf(t.out, "%s\n\nUsage:\n  goodstate %s [flags]\n\nFlags:\n%s", orShort(cmd), cmd.Use, set.FlagUsages())
		return nil, true, nil
	}
	if err != nil {
		return nil, false, &exitError{2, fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
	}
	return set.Args(), false, nil
}

func orShort(cmd *cobra.Command) string {
	if cmd.Long != "" {
		return cmd.Long
	}
	return cmd.Short
}

// playbook runs, lists or only reads playbooks.
func (t *terminal) playbook(ctx context.Context, f *playFlags, names []string) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait for the hosts
	s, err := settings.Load(os.LookupEnv)
	if err != nil {
		return err
	}
	opt, text, finish, err := t.playOptions(ctx, f, s, names)
	if err != nil {
		return err
	}
	opt.Playbooks = names
	if f.listHosts || f.listTasks || f.listTags {
		listing, err := engine.List(ctx, opt, engine.Listing{Hosts: f.listHosts, Tasks: f.listTasks, Tags: f.listTags})
		if err != nil {
			return t.playError(err)
		}
		fmt.Fprint(t.out, listing)
		return nil
	}
	if opt.Verbosity > 0 && !t.json {
		if s.File == "" {
			t.say("No config file found; using defaults")
		} else {
			t.say("Using %s as config file", s.File)
		}
	}
	code, stats, err := engine.Run(ctx, opt)
	if ferr := finish(stats); err == nil {
		err = ferr
	}
	if ctx.Err() != nil {
		fmt.Fprintln(t.err, "[ERROR]: User interrupted execution")
		return &exitError{code: 99}
	}
	if err != nil {
		return t.playError(err)
	}
	if f.syntax && text != nil {
		for _, name := range names {
			fmt.Fprintf(t.out, "\nplaybook: %s\n", name)
		}
	}
	if code != engine.Good {
		return &exitError{code: code}
	}
	return nil
}

// playError is printed as Ansible prints what keeps a playbook from running.
func (t *terminal) playError(err error) error {
	code := 1
	var syntax interface{ Excerpt() string }
	told := strings.Contains(err.Error(), "The error appears to be in") || errors.As(err, &syntax)
	if told && !errors.Is(err, playbook.ErrNoRole) {
		code = 4
	}
	if t.json {
		return &exitError{code, err}
	}
	return &exitError{code, errors.New("ERROR! " + strings.TrimRight(err.Error(), "\n"))}
}

// playOptions brings flags and settings together.
func (t *terminal) playOptions(ctx context.Context, f *playFlags, s *settings.Settings, names []string) (engine.Options, *output.Text, func(*engine.Stats) error, error) {
	opt := engine.Options{
		Inventory: f.inventory, Limit: f.limit, Tags: splitTags(f.tags, s.Tags), SkipTags: splitTags(f.skipTags, s.SkipTags), Check: f.check, Diff: f.diff || s.Diff,
		Forks: orNumber(f.forks, s.Forks), Verbosity: max(f.verbose, s.Verbosity), StartAt: f.startAt, Step: f.step, Handlers: f.force, Syntax: f.syntax,
		Connection: orText(f.connection, s.Connection), RemoteUser: orText(f.user, s.RemoteUser), KeyFile: orText(f.keyFile, s.KeyFile),
		BecomeMethod: orText(f.becomeMethod, s.BecomeMethod), BecomeUser: orText(f.becomeUser, s.BecomeUser), Become: f.become || s.Become,
		Timeout: orNumber(f.timeout, s.Timeout), Settings: s.Engine, Console: t.console(),
	}
	if len(opt.Inventory) == 0 {
		opt.Inventory = s.Inventory
	}
	for _, args := range []string{f.sshCommon, f.sshExtra} {
		words, err := engine.ShellWords(args)
		if err != nil {
			return opt, nil, nil, err
		}
		opt.Settings.SSHArgs = append(opt.Settings.SSHArgs, words...)
	}
	t.json = t.json || f.json
	var err error
	if !f.listHosts && !f.listTasks && !f.listTags && !f.syntax {
		if opt.ConnectionPassword, opt.BecomePassword, err = t.passwords(ctx, f, s); err != nil {
			return opt, nil, nil, err
		}
	}
	if opt.Vault, err = t.vaultKeys(ctx, f, s); err != nil {
		return opt, nil, nil, err
	}
	if opt.Extra, err = extraVars(f.extra, opt.Vault); err != nil {
		return opt, nil, nil, err
	}
	ansible := fallback.New(fallback.Options{Bases: folders(names), Collections: s.Engine.CollectionPaths, Library: s.Library})
	opt.Knows, opt.Fallback, opt.Python = ansible.Knows, ansible.Call, ansible.Python
	opt.Plugin = func(kind, name string) (jinja.Function, bool) {
		f, ok := ansible.Plugin(kind, name)
		return f, ok
	}
	dialer := &engine.Dialer{Settings: opt.Settings, Keys: &remote.Keys{}, Ask: t.askRemote(opt.ConnectionPassword)}
	opt.Connect = dialer.Connect
	text, report := t.reporters(&opt, f, s)
	finish := func(stats *engine.Stats) error {
		return errors.Join(report(stats), t.byPython(ansible, opt), ansible.Close())
	}
	return opt, text, finish, nil
}

// byPython says what Ansible's own code did, since goodstate has none for it.
func (t *terminal) byPython(a *fallback.Ansible, opt engine.Options) error {
	used := a.Used()
	if len(used) == 0 || t.json || opt.Verbosity < 1 {
		return nil
	}
	var parts []string
	for name, n := range used {
		parts = append(parts, fmt.Sprintf("%s (%d times)", name, n))
	}
	slices.Sort(parts)
	_, err := fmt.Fprintf(t.err, "run by the installed Ansible: %s\n", strings.Join(parts, ", "))
	return err
}

// folders are those of the playbooks.
func folders(names []string) []string {
	var out []string
	for _, name := range names {
		if dir, err := filepath.Abs(filepath.Dir(name)); err == nil && !slices.Contains(out, dir) {
			out = append(out, dir)
		}
	}
	return out
}

// reporters are who hears of the run: the terminal, and a file for CI.
func (t *terminal) reporters(opt *engine.Options, f *playFlags, s *settings.Settings) (*output.Text, func(*engine.Stats) error) {
	var all output.All
	var text *output.Text
	if t.json {
		all = append(all, &output.JSON{Out: t.out})
	} else {
		columns, color := t.screen()
		text = &output.Text{
			Out: t.out, Err: t.err, Verbosity: opt.Verbosity, Columns: columns, Color: (color || s.ForceColor) && !s.NoColor, Check: opt.Check, Diff: opt.Diff,
			HideSkipped: s.HideSkipped, HideOK: s.HideOK, ShowStats: s.ShowStats, Markers: s.Markers, FailuresToErr: s.ToErr, PerHostStart: s.PerHostStart, ArgsToo: s.ArgsToo,
			DiffContext: s.DiffContext,
		}
		all = append(all, text)
	}
	var junit *output.JUnit
	if f.junit != "" {
		junit = output.NewJUnit()
		all = append(all, junit)
	}
	opt.Report = all
	return text, func(*engine.Stats) error {
		if junit == nil {
			return nil
		}
		file, err := os.Create(f.junit)
		if err != nil {
			return fmt.Errorf("--junit: %w", err)
		}
		return errors.Join(junit.Write(file), file.Close())
	}
}

func splitTags(flags, otherwise []string) []string {
	var out []string
	for _, f := range flags {
		for part := range strings.SplitSeq(f, ",") {
			if part = strings.TrimSpace(part); part != "" {
				out = append(out, part)
			}
		}
	}
	if out == nil {
		return otherwise
	}
	return out
}

func orText(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func orNumber(a, b int) int {
	if a != 0 {
		return a
	}
	return b
}
