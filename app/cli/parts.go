package cli

import (
	"errors"
	"fmt"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/rollout/runtime/process"
	"goodstate.dev/goodstate/rollout/traffic/proxy"
)

func init() {
	register(proxyCommand)
	register(keepCommand)
	register(instancesCommand)
	register(validateCommand)
	register(serveCommand)
	register(initCommand)
}

// proxyCommand is the body of the proxy process; goodstate starts it by itself.
func proxyCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "proxy", Short: "The proxy process, which goodstate starts by itself", Args: cobra.NoArgs}
	dir := c.Flags().String("dir", "", "its folder")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		if *dir == "" {
			return usage("proxy needs --dir")
		}
		t.verbose = true
		return proxy.Main(cmd.Context(), proxy.Options{Dir: *dir, Logger: t.logger()})
	}
	return c
}

// keepCommand is the body of an instance's keeper; goodstate starts it by itself.
func keepCommand(*terminal) *cobra.Command {
	c := &cobra.Command{Use: "keep", Short: "Keep one instance running", Args: cobra.NoArgs, Hidden: true}
	dir := c.Flags().String("dir", "", "its folder")
	c.RunE = func(cmd *cobra.Command, _ []string) error { return process.Keep(cmd.Context(), *dir) }
	return c
}

// instancesCommand answers a controller on another machine about the instances of this one.
func instancesCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "instances", Short: "Answer about the instances of this machine", Args: cobra.NoArgs, Hidden: true}
	dir := c.Flags().String("dir", "", "folder of the instances")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		me, err := self()
		if err != nil {
			return err
		}
		return process.Serve(cmd.Context(), process.Options{Dir: *dir, Keeper: append(me, "keep")}, t.in, t.out)
	}
	return c
}

func validateCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "validate", Short: "Check the configuration file", Args: cobra.NoArgs}
	c.RunE = func(*cobra.Command, []string) error {
		conf, _, err := t.load()
		if err != nil {
			return err
		}
		if t.json {
			t.document(map[string]any{"valid": true, "services": conf.Services.Keys()})
			return nil
		}
		t.say("valid: %s", plural(conf.Services.Len(), "service"))
		return nil
	}
	return c
}

// serveCommand owns the data directory until it is told to end, so that rollouts go on without a terminal.
func serveCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "serve", Short: "Own the data directory, carry out runs and offer the dashboard until told to end", Args: cobra.NoArgs}
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT)
		defer stop()
		a, err := t.open(ctx)
		if err != nil {
			return err
		}
		if err := a.Rollouts.Restore(ctx); err != nil {
			return errors.Join(err, a.Close())
		}
		address, err := a.Listen(ctx)
		if err != nil {
			return errors.Join(err, a.Close())
		}
		fmt.Fprintf(t.out, "goodstate serves %s; other goodstate commands talk to it\n", a.Config.Data)
		if address != "" {
			fmt.Fprintf(t.out, "dashboard: %s\n", address)
			t.firstUser(ctx, a)
		}
		a.Watch(ctx)
		return a.Close()
	}
	return c
}
