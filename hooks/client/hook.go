package client

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// Main is goodstate-hook: STAGE [--before PATH] [--] [ARGUMENTS OF GIT]. It returns the exit code.
func Main(args []string, in io.Reader, out, errs io.Writer) int {
	if len(args) == 0 || !slices.Contains(Stages, args[0]) {
		fmt.Fprintf(errs, "goodstate-hook is started by Git, with the name of a hook: %s; see goodstate hooks --help\n", strings.Join(Stages, ", "))
		return 64
	}
	spendMemory()
	call := Call{Stage: args[0], Out: errs, JSON: os.Getenv("GOODSTATE_HOOK_JSON") != ""}
	rest, before := args[1:], ""
	if len(rest) > 1 && rest[0] == "--before" {
		before, rest = rest[1], rest[2:]
	}
	if len(rest) > 0 && rest[0] == "--" {
		rest = rest[1:]
	}
	call.Args = rest
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if call.Stage == "pre-push" || call.Stage == "post-rewrite" {
		var err error
		if call.Input, err = io.ReadAll(in); err != nil {
			fmt.Fprintf(errs, "goodstate: what Git says to %s: %v\n", call.Stage, err)
			return exitRefused
		}
	}
	if before != "" {
		code, err := Before(ctx, before, call.Args, call.Input, out, errs)
		if err != nil {
			fmt.Fprintf(errs, "goodstate: %v\n", err)
		}
		if code != 0 {
			return code
		}
	}
	repo, err := Open()
	if err != nil {
		fmt.Fprintf(errs, "goodstate: %v\n", err)
		return exitRefused
	}
	return Run(ctx, repo, call)
}
