package operator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"goodstate.dev/goodstate/backup"
	"goodstate.dev/goodstate/core/kube"
)

// UseLabel must be "true" on Secrets that the operator may read: else who may make a Repository could have any Secret of the namespace sent to an address of his.
const UseLabel = "backup.goodstate.dev/use"

// Options are the parts that an operator stands on.
type Options struct {
	World
	Cluster *rest.Config
	// Open takes the data directory, once this process is the one that works. Elsewhere finds the values of Secrets. Work carries on until its context ends.
	Open    func(ctx context.Context, elsewhere func(ctx context.Context, name string) (string, error)) (b *backup.Backups, work func(context.Context), done func() error, err error)
	Metrics string // address, "0" for none
	Probes  string // address of /healthz and /readyz, "0" for none
	Log     *slog.Logger
	Elected func() // is called when this process has become the one that works; may be nil
}

// Operator watches custom resources. One at a time works.
type Operator struct {
	Options
	client  client.Client
	events  events.EventRecorder
	backups *backup.Backups // since this process works

	mu    sync.Mutex
	wrong map[string]error // by kind and nameOf
}

// Lease is the name of the lease that the working operator holds, in its namespace.
const Lease = "goodstate-operator"

// Run works until ctx ends, or until the lease is lost: then it returns an error, and the process has to be started again.
func Run(ctx context.Context, o Options) error {
	ctrl.SetLogger(logr.FromSlogHandler(o.Log.Handler()))
	scheme := runtime.NewScheme()
	register(scheme)
	if err := corev1.AddToScheme(scheme); err != nil {
		return err
	}
	metav1.AddToGroupVersion(scheme, corev1.SchemeGroupVersion)
	m, err := ctrl.NewManager(o.Cluster, ctrl.Options{
		Scheme: scheme, Metrics: server.Options{BindAddress: o.Metrics}, HealthProbeBindAddress: o.Probes,
		LeaderElection: true, LeaderElectionID: Lease, LeaderElectionNamespace: o.Home, LeaderElectionReleaseOnCancel: true,
		// Secrets and namespaces are read one by one when they are needed, and never kept.
		Client: client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}, &corev1.Namespace{}}}},
	})
	if err != nil {
		return fmt.Errorf("operator: %w", kube.Explain(err))
	}
	w := &Operator{Options: o, client: m.GetClient(), events: m.GetEventRecorder("goodstate")}
	opened, failed := make(chan struct{}), make(chan error, 1)
	if err := m.Add(&leader{w, opened, failed}); err != nil {
		return err
	}
	if err := w.controllers(m, opened); err != nil {
		return fmt.Errorf("operator: %w", err)
	}
	if err := errors.Join(m.AddHealthzCheck("alive", healthz.Ping), m.AddReadyzCheck("ready", healthz.Ping)); err != nil {
		return err
	}
	if err := m.Start(ctx); err != nil {
		return fmt.Errorf("operator: %w", kube.Explain(err))
	}
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// leader owns the data directory for as long as this process works.
type leader struct {
	*Operator
	opened chan struct{}
	failed chan error
}

// NeedLeaderElection says that only the elected one starts it.
func (*leader) NeedLeaderElection() bool { return true }

// Start opens the data directory and works.
func (l *leader) Start(ctx context.Context) error {
	b, work, done, err := l.Open(ctx, l.secret)
	if err != nil {
		return fmt.Errorf("operator: %w", err)
	}
	l.backups = b
	if err := l.rebuild(ctx); err != nil {
		return errors.Join(err, done())
	}
	close(l.opened)
	if l.Elected != nil {
		l.Elected()
	}
	work(ctx)
	if err := done(); err != nil {
		l.failed <- err
	}
	return nil
}

// rebuild puts what all objects say in force.
func (o *Operator) rebuild(ctx context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	var repositories List[Repository]
	var plans List[BackupPlan]
	if err := o.client.List(ctx, &repositories); err != nil {
		return fmt.Errorf("list repositories: %w", kube.Explain(err))
	}
	if err := o.client.List(ctx, &plans); err != nil {
		return fmt.Errorf("list plans: %w", kube.Explain(err))
	}
	var c backup.Config
	c, o.wrong = o.Configuration(repositories.Items, plans.Items)
	o.backups.Configure(c)
	return nil
}

// problem is what is wrong with an object, as the last rebuild saw it.
func (o *Operator) problem(kind, name string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.wrong[kind+" "+name]
}

// secret reads one value of a Secret: NAMESPACE_NAME_KEY.
func (o *Operator) secret(ctx context.Context, name string) (string, error) {
	parts := strings.SplitN(name, "_", 3)
	if len(parts) != 3 {
		return "", fmt.Errorf("%q is no secret of a namespace", name)
	}
	var s corev1.Secret
	if err := o.client.Get(ctx, client.ObjectKey{Namespace: parts[0], Name: parts[1]}, &s); err != nil {
		return "", fmt.Errorf("secret %s in namespace %s: %w", parts[1], parts[0], kube.Explain(err))
	}
	if s.Labels[UseLabel] != "true" {
		return "", fmt.Errorf("secret %s in namespace %s is not for the operator: label it %s=true", parts[1], parts[0], UseLabel)
	}
	value := strings.TrimRight(string(s.Data[parts[2]]), "\r\n")
	if value == "" {
		return "", fmt.Errorf("secret %s in namespace %s has no key %q, or it is empty", parts[1], parts[0], parts[2])
	}
	return value, nil
}

// said puts a condition, with the generation that it is about.
func (s *State) said(generation int64, kind string, good bool, reason, message string) {
	status := metav1.ConditionFalse
	if good {
		status = metav1.ConditionTrue
	}
	s.ObservedGeneration = generation
	for i := range s.Conditions {
		c := &s.Conditions[i]
		if c.Type != kind {
			continue
		}
		if c.Status != status {
			c.LastTransitionTime = metav1.Now()
		}
		c.Status, c.Reason, c.Message, c.ObservedGeneration = status, reason, message, generation
		return
	}
	s.Conditions = append(s.Conditions, metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message, ObservedGeneration: generation, LastTransitionTime: metav1.Now()})
}

// How often things are looked at again.
const (
	lookAgain = 30 * time.Second
	soon      = time.Second
	later     = 5 * time.Second
)
