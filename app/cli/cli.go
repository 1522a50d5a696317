// Package cli is the command line: it turns words into calls of the API and answers into text. Each command is one file.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"goodstate.dev/goodstate/app"
	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/store"
	"goodstate.dev/goodstate/web/api"
)

// The exit codes.
const (
	exitGood        = 0
	exitCouldNot    = 1
	exitDifferences = 2
	exitIncomplete  = 3
	exitRolledBack  = 4
	exitUndecided   = 5
	exitUsage       = 64
	exitInterrupted = 130
)

// exitError ends the program with a code. Its text is printed unless it is empty.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func usage(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// terminal is where a command reads and writes, and what was said for all commands.
type terminal struct {
	in       io.Reader
	out, err io.Writer
	file     string
	json     bool
	verbose  bool
}

// Main runs the program and returns its exit code.
func Main(args []string, in io.Reader, out, errs io.Writer) int {
	t := &terminal{in: in, out: out, err: errs}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	root := t.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	return t.code(ctx, root.ExecuteContext(ctx))
}

// code prints what went wrong and chooses the exit code.
func (t *terminal) code(ctx context.Context, err error) int {
	if err == nil {
		return exitGood
	}
	code := exitCouldNot
	var chosen *exitError
	var invalid *config.Errors
	var refused *api.Problem
	switch {
	case errors.As(err, &chosen):
		code = chosen.code
	case errors.As(err, &invalid):
		code = exitUsage
	case errors.As(err, &refused) && refused.Code == api.CodeUnknown:
		code = exitUsage
	case errors.As(err, &refused) && refused.Code == api.CodeSecond:
		code = exitUndecided
	case errors.Is(err, context.Canceled) || ctx.Err() != nil:
		code = exitInterrupted
	}
	text := err.Error()
	if text == "" {
		return code
	}
	if t.json {
		t.document(map[string]any{"error": text, "exit_code": code})
		return code
	}
	fmt.Fprintln(t.err, text)
	hint := ""
	var hinted interface{ Hint() string }
	if errors.As(err, &refused) {
		hint = refused.Hint
	} else if errors.As(err, &hinted) {
		hint = hinted.Hint()
	}
	if hint != "" {
		fmt.Fprintln(t.err, "hint: "+hint)
	}
	return code
}

func (t *terminal) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "goodstate",
		Short: "keeps software at its last known good state",
		Long: "goodstate releases services step by step and goes back by itself when a release turns out bad.\n" +
			"See it work: goodstate demo. Begin with your own: goodstate init.",
		SilenceUsage: true, SilenceErrors: true, Version: app.Version(),
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: false},
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage("%w; see %s --help", err, c.CommandPath())
	})
	root.PersistentFlags().StringVarP(&t.file, "file", "f", "", "configuration file (default: goodstate.yaml here or in a folder above)")
	root.PersistentFlags().BoolVar(&t.json, "json", false, "print JSON")
	root.PersistentFlags().BoolVarP(&t.verbose, "verbose", "v", false, "log what goodstate itself does, to standard error")
	for _, add := range commands {
		root.AddCommand(add(t))
	}
	return root
}

// commands are the verbs; each file adds its own.
var commands []func(t *terminal) *cobra.Command

func register(add func(t *terminal) *cobra.Command) { commands = append(commands, add) }

// args demands a number of arguments and says which ones.
func args(least, most int, names string) cobra.PositionalArgs {
	return func(c *cobra.Command, got []string) error {
		if len(got) < least || len(got) > most {
			return usage("%s takes %s, got %q; see %s --help", c.CommandPath(), names, got, c.CommandPath())
		}
		return nil
	}
}

// document prints one JSON document on a line.
func (t *terminal) document(v any) {
	text, err := json.Marshal(v)
	if err != nil {
		text = []byte(fmt.Sprintf(`{"error":%q}`, err.Error()))
	}
	fmt.Fprintf(t.out, "%s\n", text)
}

func (t *terminal) say(format string, args ...any) { fmt.Fprintf(t.out, format+"\n", args...) }

// interactive is true when a person sits at the terminal.
func (t *terminal) interactive() bool {
	in, ok := t.in.(*os.File)
	return ok && term.IsTerminal(int(in.Fd()))
}

// configFile finds the configuration: the one that was named, or goodstate.yaml here or above.
func (t *terminal) configFile() (string, error) {
	if t.file != "" {
		return t.file, nil
	}
	here, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("where am I: %w", err)
	}
	for dir := here; ; dir = filepath.Dir(dir) {
		path := filepath.Join(dir, app.ConfigName)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
		if dir == filepath.Dir(dir) {
			return "", usage("no %s in %s or a folder above it; goodstate init writes one", app.ConfigName, here)
		}
	}
}

func (t *terminal) load() (*app.Config, string, error) {
	path, err := t.configFile()
	if err != nil {
		return nil, "", err
	}
	c, err := app.Load(path)
	if err != nil {
		return nil, "", err
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, "", fmt.Errorf("folder of %s: %w", path, err)
	}
	return c, filepath.Dir(abs), nil
}

func (t *terminal) logger() *slog.Logger {
	if !t.verbose {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(t.err, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// self is the argv that starts this program again.
func self() ([]string, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("path of this program: %w", err)
	}
	return []string{path}, nil
}

// mode says what a command needs of the process that owns the data directory.
type mode int

const (
	reads   mode = iota // the record is read, or changed by a row
	carries             // runs are carried out
)

// open builds goodstate in this process, which then owns the data directory.
func (t *terminal) open(ctx context.Context) (*app.App, error) {
	conf, base, err := t.load()
	if err != nil {
		return nil, err
	}
	me, err := self()
	if err != nil {
		return nil, err
	}
	return app.Open(ctx, app.Options{Config: conf, Base: base, Self: me, Log: t.logger()})
}

// connect gives a client: of the process that owns the data directory, or of this one, which then owns it until done.
func (t *terminal) connect(ctx context.Context, m mode) (client *api.Client, done func() error, err error) {
	conf, base, err := t.load()
	if err != nil {
		return nil, nil, err
	}
	me, err := self()
	if err != nil {
		return nil, nil, err
	}
	a, err := app.Open(ctx, app.Options{Config: conf, Base: base, Self: me, Log: t.logger(), Idle: m == reads})
	var taken *store.InUseError
	if errors.As(err, &taken) {
		owner := api.OverSocket(app.SocketPath(conf.Data))
		if err := answers(ctx, owner); err != nil {
			return nil, nil, fmt.Errorf("%w; it does not answer: %w", taken, err)
		}
		return owner, func() error { return nil }, nil
	}
	if err != nil {
		return nil, nil, err
	}
	return a.Client(), a.Close, nil
}

// answers waits a moment for the process that has just taken the data directory, and does not listen yet.
func answers(ctx context.Context, owner *api.Client) error {
	limited, stop := context.WithTimeout(ctx, 5*time.Second)
	defer stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := owner.Services(limited)
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED) {
			return nil // also an error of its own is an answer
		}
		select {
		case <-limited.Done():
			return err
		case <-tick.C:
		}
	}
}

// with runs a command with a client.
func (t *terminal) with(m mode, do func(ctx context.Context, c *api.Client, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		client, done, err := t.connect(cmd.Context(), m)
		if err != nil {
			return err
		}
		return errors.Join(do(cmd.Context(), client, args), done())
	}
}

// why joins the words of a reason.
func whyFlag(c *cobra.Command) *string {
	return c.Flags().StringP("why", "m", "", "reason, for the record")
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
