package cli

import (
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/backup/source/kubernetes/mover"
)

func init() { register(moverCommand) }

// moverCommand is what runs in the pods that carry volumes; goodstate starts them by itself.
func moverCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "mover", Short: "Carry the files of a volume, in a pod that goodstate made", Args: cobra.NoArgs, Hidden: true}
	wait := &cobra.Command{Use: "wait", Short: "Keep the pod for as long as there is work", Args: cobra.NoArgs}
	idle := wait.Flags().Duration("idle", 15*time.Minute, "how long it stays without work")
	wait.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
		defer stop()
		return mover.Wait(ctx, *idle)
	}
	work := &cobra.Command{Use: "work", Short: "Do what the other end of standard input and output says", Args: cobra.NoArgs}
	work.RunE = func(cmd *cobra.Command, _ []string) error {
		return mover.Main(cmd.Context(), mover.Volume, t.in, t.out)
	}
	c.AddCommand(wait, work)
	return c
}
