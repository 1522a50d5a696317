package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/rest"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/source/kubernetes"
	"goodstate.dev/goodstate/backup/source/kubernetes/volume"
	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/kube"
)

func init() {
	register(Kind{
		Name:    "kubernetes",
		Help:    "the objects of a Kubernetes cluster, or of some of its namespaces with what they need of the rest: definitions, roles, webhooks",
		Example: "kubernetes: {kubeconfig: backup.kubeconfig, namespaces: [shop, \"shop-*\"]}",
		New: func(decode func(any) error) (Source, error) {
			s := &kubernetesSource{
				Drill:   clusterDrill{Replicas: 1, Ready: config.Duration(5 * time.Minute)},
				Volumes: clusterVolumes{Data: string(volume.Repository), Groups: true, Cut: config.Duration(2 * time.Minute), Ready: config.Duration(10 * time.Minute), Parallel: 2},
			}
			if err := decode(s); err != nil {
				return nil, err
			}
			if err := s.Volumes.check(); err != nil {
				return nil, err
			}
			_, err := s.filter()
			return s, err
		},
	})
}

type kubernetesSource struct {
	Kubeconfig  string         `yaml:"kubeconfig" help:"path of a kubeconfig, from the configuration's own folder; without it and without credentials the cluster that goodstate runs in" example:"backup.kubeconfig"`
	Credentials config.Secret  `yaml:"credentials" help:"secret with the text of a kubeconfig, instead of a file" example:"{secret: cluster}"`
	Context     string         `yaml:"context" help:"context of the kubeconfig, if not its current one" example:"production"`
	Namespaces  []string       `yaml:"namespaces" help:"namespaces, or patterns of them; without it the whole cluster but for kube-*" example:"[shop]"`
	Exclude     []string       `yaml:"exclude_namespaces" help:"namespaces, or patterns of them, that are left out" example:"[\"test-*\"]"`
	Kinds       []string       `yaml:"kinds" help:"kinds as kubectl names them; without it all" example:"[deployments.apps, configmaps]"`
	Without     []string       `yaml:"exclude_kinds" help:"kinds that are left out" example:"[replicasets.apps]"`
	Labels      string         `yaml:"labels" help:"selector of labels; only objects in namespaces that it selects are copied" example:"app=shop"`
	Inside      bool           `yaml:"inside" help:"only what is in namespaces, nothing of the cluster itself: for an account that has rights in its namespaces only"`
	As          string         `yaml:"as" help:"service account that everything is read and made as, NAMESPACE:NAME; goodstate's own account must be allowed to impersonate it" example:"shop:backup"`
	Volumes     clusterVolumes `yaml:"volumes" help:"what is in volumes is copied too" example:"{image: \"registry.example/goodstate:1\"}"`
	Drill       clusterDrill   `yaml:"drill" help:"what drills do in scratch namespaces of the same cluster" example:"{replicas: 1, ready: 3m}"`
}

type clusterDrill struct {
	Replicas int             `yaml:"replicas" help:"most replicas of a workload in a drill" example:"1"`
	Role     string          `yaml:"role" help:"ClusterRole that the account of as is given in scratch namespaces, which goodstate's own account makes" example:"goodstate-drill"`
	Ready    config.Duration `yaml:"ready" help:"how long a drill waits until all workloads are ready" example:"5m"`
}

func (s *kubernetesSource) filter() (kubernetes.Filter, error) {
	f := kubernetes.Filter{Namespaces: s.Namespaces, Exclude: s.Exclude, Kinds: s.Kinds, Without: s.Without, Inside: s.Inside}
	if s.Labels != "" {
		selector, err := labels.Parse(s.Labels)
		if err != nil {
			return f, fmt.Errorf("labels %q: %w; want a selector such as app=shop,tier!=cache", s.Labels, err)
		}
		f.Labels = selector
	}
	return f, nil
}

// Validate reports an account that is none.
func (s *kubernetesSource) Validate(report func(path, message string)) {
	if _, _, ok := strings.Cut(s.As, ":"); s.As != "" && !ok {
		report("as", fmt.Sprintf("%q, want NAMESPACE:NAME of a service account", s.As))
	}
	if s.Drill.Role != "" && s.As == "" {
		report("drill.role", "it is given to the account of as, and there is none")
	}
}

// connect reaches the cluster that is copied or, with the text of another kubeconfig, that one, as the account that was named.
func (s *kubernetesSource) connect(ctx context.Context, j Job, other, as string) (*kube.Cluster, error) {
	c, err := s.own(ctx, j, other)
	if as = cmp.Or(as, s.As); err != nil || as == "" {
		return c, err
	}
	account := rest.CopyConfig(c.Config)
	account.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:" + as}
	return kube.With(account)
}

// own reaches it as goodstate's own account.
func (s *kubernetesSource) own(ctx context.Context, j Job, other string) (*kube.Cluster, error) {
	if other != "" {
		return kube.Connect(kube.Access{Text: []byte(other)})
	}
	a := kube.Access{File: s.Kubeconfig, Context: s.Context}
	if a.File != "" && !filepath.IsAbs(a.File) {
		a.File = filepath.Join(j.Base, a.File)
	}
	if s.Credentials.Name() != "" {
		text, err := j.Secret(ctx, s.Credentials.Name())
		if err != nil {
			return nil, fmt.Errorf("credentials of the cluster: %w", err)
		}
		a.Text = []byte(text)
	}
	return kube.Connect(a)
}

// Backup copies the objects as they were at one moment.
func (s *kubernetesSource) Backup(ctx context.Context, j Job) (Copied, error) {
	c, err := s.connect(ctx, j, "", "")
	if err != nil {
		return Copied{}, err
	}
	f, err := s.filter()
	if err != nil {
		return Copied{}, err
	}
	var got kubernetes.Copied
	var data volume.Copied
	end := func(bool) error { return nil }
	if s.Volumes.Image == "" {
		got, err = kubernetes.Copy(ctx, c, j.Repo, f, j.Say)
	} else if got, data, end, err = s.withVolumes(ctx, c, f, j); end == nil {
		return Copied{}, err
	}
	if err != nil {
		return Copied{}, errors.Join(err, end(false))
	}
	paths := []string{"/cluster", "/namespaces"}
	if len(data.Nodes) > 0 {
		paths = append(paths, "/"+volume.Folder)
	}
	id, err := j.Repo.SaveSnapshot(ctx, repository.Snapshot{Time: time.Now(), Tree: got.Tree, Paths: paths, Tags: []string{Tag(j.Application)}})
	if err != nil {
		return Copied{}, errors.Join(err, end(false))
	}
	if err := end(true); err != nil { // the copy is made all the same
		got.Problems = append(got.Problems, err.Error())
	}
	return Copied{
		Snapshot: id, Files: got.Objects + data.Files, Bytes: got.Bytes + data.Bytes, Fresh: data.Saved.Plain, Written: got.Saved.Written + data.Saved.Written, Problems: got.Problems, Complete: len(got.Problems) == 0,
	}, nil
}

// Restore makes the objects again; in the namespaces of a drill, with what a drill may not do left out, until all is ready, and compared.
func (s *kubernetesSource) Restore(ctx context.Context, j Job, snap repository.Snapshot, to Place) (Restored, error) {
	if to.Cluster == nil {
		return Restored{}, errors.New("objects of a cluster come back in a cluster only: say --in-place, --cluster or --namespace")
	}
	where := *to.Cluster
	c, err := s.connect(ctx, j, where.Kubeconfig, where.As)
	if err != nil {
		return Restored{}, err
	}
	f, err := s.filter()
	if err != nil {
		return Restored{}, err
	}
	if len(where.Only) > 0 {
		f.Namespaces, f.Inside = where.Only, true
	}
	opt := kubernetes.Options{
		Filter: f, Conflict: kubernetes.Conflict(where.Existing), Dry: where.Plan, Say: j.Say,
		Mapping: kubernetes.Mapping{Namespaces: where.Namespaces, StorageClasses: where.StorageClasses, Images: where.Images},
	}
	if where.Drill {
		opt.Conflict, opt.Adapt = kubernetes.Skip, kubernetes.Tame(s.Drill.Replicas)
	}
	if s.Volumes.Image != "" {
		if opt.Volumes, err = volume.Restore(ctx, c, j.Repo, snap, s.Volumes.options(j), where.Drill); err != nil {
			return Restored{}, err
		}
	}
	back, err := kubernetes.Restore(ctx, c, j.Repo, snap, opt)
	if opt.Volumes != nil {
		if left := opt.Volumes.Done(ctx); left != nil {
			err = errors.Join(err, left)
		}
		back.Bytes += opt.Volumes.Bytes
	}
	res := Restored{Files: int64(back.Count(kubernetes.Created) + back.Count(kubernetes.Updated)), Bytes: back.Bytes, Problems: back.Problems()}
	res.Created, res.Updated, res.Kept = int64(back.Count(kubernetes.Created)), int64(back.Count(kubernetes.Updated)), int64(back.Count(kubernetes.Kept))
	res.Finalizers = back.Finalizers
	if where.Plan {
		res.Changes = back.Plan()
	}
	if err != nil || !where.Drill {
		return res, err
	}
	late, err := kubernetes.Ready(ctx, c, where.Namespaces, time.Duration(s.Drill.Ready))
	res.Problems = append(res.Problems, late...)
	if err != nil {
		return res, err
	}
	different, err := kubernetes.Compare(ctx, c, j.Repo, snap, opt)
	res.Problems = append(res.Problems, different...)
	return res, err
}

// Original is the cluster itself.
func (s *kubernetesSource) Original(context.Context, Job) (Place, error) {
	return Place{Cluster: &Cluster{}}, nil
}

// Scratch makes namespaces that may talk to nobody outside.
func (s *kubernetesSource) Scratch(ctx context.Context, j Job) (Place, func(context.Context) error, error) {
	c, err := s.connect(ctx, j, "", "")
	if err != nil {
		return Place{}, nil, err
	}
	f, err := s.filter()
	if err != nil {
		return Place{}, nil, err
	}
	var account *kubernetes.Account
	if s.Drill.Role != "" {
		if c, err = s.own(ctx, j, ""); err != nil {
			return Place{}, nil, err
		}
		space, name, _ := strings.Cut(s.As, ":")
		account = &kubernetes.Account{Namespace: space, Name: name, Role: s.Drill.Role}
	}
	names, done, err := kubernetes.Scratch(ctx, c, f, j.Application, j.mark(), account)
	return Place{Cluster: &Cluster{Namespaces: names, Drill: true}}, done, err
}
