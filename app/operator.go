package app

import (
	"context"
	"fmt"
	"log/slog"

	"goodstate.dev/goodstate/backup"
	"goodstate.dev/goodstate/backup/operator"
	"goodstate.dev/goodstate/core/kube"
)

// OperatorOptions say how an operator runs.
type OperatorOptions struct {
	Data       string // folder of the data directory
	Folders    string // folder that repositories in folders are below; empty: there are none
	Kubeconfig string // path, where it runs outside of the cluster
	Namespace  string // its own
	Metrics    string // address, "0" for none
	Probes     string // address, "0" for none
	Self       []string
	Log        *slog.Logger
	Elected    func()
}

// Operate runs the operator for backups until ctx ends. It opens the data directory when it is its turn, so that two may wait for each other.
func Operate(ctx context.Context, o OperatorOptions) error {
	c, err := kube.Connect(kube.Access{File: o.Kubeconfig})
	if err != nil {
		return err
	}
	return operator.Run(ctx, operator.Options{
		World: operator.World{Home: o.Namespace, Kubeconfig: o.Kubeconfig, Folders: o.Folders}, Cluster: c.Config, Metrics: o.Metrics, Probes: o.Probes, Log: o.Log, Elected: o.Elected,
		Open: func(ctx context.Context, elsewhere func(context.Context, string) (string, error)) (*backup.Backups, func(context.Context), func() error, error) {
			a, err := Open(ctx, Options{Config: &Config{Data: o.Data, Server: Server{Listen: noServer}}, Base: o.Data, Self: o.Self, Log: o.Log, Elsewhere: elsewhere})
			if err != nil {
				return nil, nil, nil, fmt.Errorf("data directory of the operator: %w", err)
			}
			return a.Backups, a.Backups.Clock, a.Close, nil
		},
	})
}
