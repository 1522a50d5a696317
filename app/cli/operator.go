package cli

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/app"
	"goodstate.dev/goodstate/backup/operator"
	"goodstate.dev/goodstate/core/kube"
	"goodstate.dev/goodstate/packaging/chart"
)

func init() { register(operatorCommand) }

func operatorCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use: "operator", Short: "Backups as custom resources of a cluster",
		Long: "The operator carries out what custom resources of backup.goodstate.dev say: Repository, BackupPlan, Backup, Restore and Drill.\n" +
			"Install it with Helm from packaging/chart, or with goodstate operator install; both apply the same manifests.",
	}
	c.AddCommand(operatorRun(t), operatorInstall(t), operatorUninstall(t), operatorRender(t))
	return c
}

func operatorRun(t *terminal) *cobra.Command {
	o := app.OperatorOptions{}
	c := &cobra.Command{Use: "run", Short: "Be the operator until told to end; of several one works and the others wait", Args: cobra.NoArgs}
	f := c.Flags()
	f.StringVar(&o.Data, "data", "", "`FOLDER` of what goodstate remembers")
	f.StringVar(&o.Folders, "repositories", "", "`FOLDER` that repositories in folders are below (default: there are none)")
	f.StringVar(&o.Kubeconfig, "kubeconfig", "", "`FILE` to reach the cluster with, where it runs outside of it")
	f.StringVar(&o.Namespace, "namespace", cmp.Or(os.Getenv("NAMESPACE"), "goodstate"), "its own namespace")
	f.StringVar(&o.Metrics, "metrics", "127.0.0.1:8080", "`ADDRESS` of /metrics, 0 for none")
	f.StringVar(&o.Probes, "probes", "0", "`ADDRESS` of /healthz and /readyz, 0 for none")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		if o.Data == "" {
			return usage("say where goodstate keeps what it remembers: --data FOLDER")
		}
		ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT)
		defer stop()
		if err := os.MkdirAll(o.Data, 0o700); err != nil {
			return fmt.Errorf("folder of the data: %w", err)
		}
		var err error
		if o.Self, err = self(); err != nil {
			return err
		}
		o.Log = slog.New(slog.NewTextHandler(t.err, &slog.HandlerOptions{Level: level(t.verbose)}))
		o.Elected = func() { t.say("the operator works; its namespace is %s", o.Namespace) }
		err = app.Operate(ctx, o)
		if ctx.Err() != nil && err == nil {
			return nil
		}
		return err
	}
	return c
}

func level(verbose bool) slog.Level {
	if verbose {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}

// chartFlags are those of the commands that render.
type chartFlags struct {
	namespace, kubeconfig, context string
	values                         map[string]string
}

func (f *chartFlags) add(c *cobra.Command, cluster bool) {
	c.Flags().StringVarP(&f.namespace, "namespace", "n", "goodstate", "namespace of the operator")
	c.Flags().StringToStringVar(&f.values, "set", nil, "values of the chart, `NAME=VALUE`: image.name=registry.example/goodstate")
	if cluster {
		c.Flags().StringVar(&f.kubeconfig, "kubeconfig", os.Getenv("KUBECONFIG"), "`FILE` to reach the cluster with")
		c.Flags().StringVar(&f.context, "context", "", "context of the kubeconfig, if not its current one")
	}
}

func (f *chartFlags) render() (crds, rest []string, err error) {
	values, err := chart.Defaults()
	if err != nil {
		return nil, nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(f.values)) {
		if err := values.Set(name, f.values[name]); err != nil {
			return nil, nil, usage("--set %s: %w", name, err)
		}
	}
	crds, err = chart.CRDs()
	if err != nil {
		return nil, nil, err
	}
	rest, err = chart.Render(f.namespace, values)
	return crds, rest, err
}

func (f *chartFlags) installer(t *terminal) (*operator.Installer, error) {
	if f.kubeconfig == "" {
		return nil, usage("say how to reach the cluster: --kubeconfig FILE, or KUBECONFIG in the environment")
	}
	c, err := kube.Connect(kube.Access{File: f.kubeconfig, Context: f.context})
	return &operator.Installer{Cluster: c, Namespace: f.namespace, Say: func(text string) { t.say("%s", text) }}, err
}

func operatorRender(t *terminal) *cobra.Command {
	f := &chartFlags{}
	c := &cobra.Command{Use: "render", Short: "Print the manifests that install would apply", Args: cobra.NoArgs}
	f.add(c, false)
	c.RunE = func(*cobra.Command, []string) error {
		crds, rest, err := f.render()
		if err != nil {
			return err
		}
		fmt.Fprint(t.out, strings.Join(append(crds, rest...), "---\n"))
		return nil
	}
	return c
}

func operatorInstall(t *terminal) *cobra.Command {
	f := &chartFlags{}
	c := &cobra.Command{Use: "install", Short: "Install the operator, or bring it to this version", Args: cobra.NoArgs}
	f.add(c, true)
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		crds, rest, err := f.render()
		if err != nil {
			return err
		}
		i, err := f.installer(t)
		if err != nil {
			return err
		}
		return i.Install(cmd.Context(), crds, rest)
	}
	return c
}

func operatorUninstall(t *terminal) *cobra.Command {
	f := &chartFlags{}
	c := &cobra.Command{
		Use: "uninstall", Short: "Take the operator away; plans, Backups and its data stay", Args: cobra.NoArgs,
		Long: "Take the operator away. Plans, Backups and what goodstate remembers stay, and so do all copies. --purge deletes the definitions too, and refuses while objects of them are left;\n" +
			"--release ends the operator's finalizers on objects that are being deleted, for when the operator is gone already. Restore points are never deleted by it.",
	}
	f.add(c, true)
	purge := c.Flags().Bool("purge", false, "also the definitions of the custom resources and the claim of its data")
	release := c.Flags().Bool("release", false, "only end the finalizers of Repositories and Backups that are being deleted")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		crds, rest, err := f.render()
		if err != nil {
			return err
		}
		i, err := f.installer(t)
		if err != nil {
			return err
		}
		if *release {
			n, err := i.Release(cmd.Context())
			t.say("%s let go", plural(n, "object"))
			return err
		}
		return errors.Join(i.Uninstall(cmd.Context(), crds, rest, *purge))
	}
	return c
}
