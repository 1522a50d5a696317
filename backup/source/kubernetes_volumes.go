package source

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/source/kubernetes"
	"goodstate.dev/goodstate/backup/source/kubernetes/volume"
	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/kube"
)

// clusterVolumes is `volumes:` of the source.
type clusterVolumes struct {
	Image        string            `yaml:"image" help:"image with goodstate in it, which movers run; without it no volume is copied" example:"registry.example/goodstate:1"`
	Data         string            `yaml:"data" help:"where the data lies: repository (moved there), snapshots (kept in the storage, for this cluster only) or both" default:"repository"`
	Classes      map[string]string `yaml:"snapshot_classes" help:"VolumeSnapshotClass by CSI driver; without it the driver's default or only one" example:"{ebs.csi.aws.com: backup}"`
	GroupClasses map[string]string `yaml:"group_snapshot_classes" help:"VolumeGroupSnapshotClass by CSI driver; without it the driver's default or only one"`
	Groups       bool              `yaml:"groups" help:"volumes of a namespace are taken at one moment where their driver can do that" default:"true"`
	Exclude      []string          `yaml:"exclude" help:"claims that are left out, NAME or NAMESPACE/NAME, or patterns of them" example:"[cache-*]"`
	ExcludeFiles []string          `yaml:"exclude_files" help:"patterns of files that are left out, in all volumes" example:"[\"*.tmp\"]"`
	Hold         []clusterHold     `yaml:"hold" help:"containers that are held for the moment of the snapshots"`
	Annotations  bool              `yaml:"annotations" help:"pods may say in annotations how they are held; whoever may change a pod can then run commands in it"`
	Cut          config.Duration   `yaml:"cut" help:"longest wait for the storage to take a snapshot" default:"2m"`
	Ready        config.Duration   `yaml:"ready" help:"longest wait for a snapshot, a volume or a mover to become usable" default:"10m"`
	Parallel     int               `yaml:"parallel" help:"volumes that are moved at the same time" default:"2"`
}

type clusterHold struct {
	Pods      string          `yaml:"pods" required:"true" help:"selector of labels" example:"app=ledger"`
	Namespace string          `yaml:"namespace" help:"namespace of the pods; without it all that are copied" example:"shop"`
	Container string          `yaml:"container" help:"container of the pods; without it the first" example:"ledger"`
	Before    string          `yaml:"before" required:"true" help:"command for the container's shell after which files are complete and do not change" example:"kill -STOP 1; sync"`
	After     string          `yaml:"after" required:"true" help:"command that lets it go on; it may run more than once" example:"kill -CONT 1"`
	Within    config.Duration `yaml:"within" help:"longest time that it is held; then the container goes on by itself" default:"30s"`
}

// check says what is wrong with the settings.
func (v clusterVolumes) check() error {
	switch volume.Data(v.Data) {
	case volume.Repository, volume.Snapshots, volume.Both:
	default:
		return fmt.Errorf("volumes.data %q: want repository, snapshots or both", v.Data)
	}
	if v.Image == "" && (len(v.Hold) > 0 || v.Annotations || v.Data != string(volume.Repository)) {
		return errors.New("volumes.image is missing: the image with goodstate in it, which reads and writes volumes")
	}
	for i, h := range v.Hold {
		if _, err := labels.Parse(h.Pods); err != nil {
			return fmt.Errorf("volumes.hold, entry %d: pods %q: %w; want a selector such as app=shop", i+1, h.Pods, err)
		}
		if h.Within < config.Duration(time.Second) {
			return fmt.Errorf("volumes.hold, entry %d: within %s, want 1s or more", i+1, h.Within)
		}
	}
	if v.Parallel < 1 {
		return fmt.Errorf("volumes.parallel %d: want 1 or more", v.Parallel)
	}
	return nil
}

func (v clusterVolumes) options(j Job) volume.Options {
	o := volume.Options{
		Data: volume.Data(v.Data), Image: v.Image, Classes: v.Classes, GroupClasses: v.GroupClasses, Alone: !v.Groups, Exclude: v.Exclude, ExcludeFiles: v.ExcludeFiles,
		Cut: time.Duration(v.Cut), Ready: time.Duration(v.Ready), Parallel: v.Parallel, Application: j.Application, State: j.State, Say: j.Say,
	}
	for _, h := range v.Hold {
		o.Hooks = append(o.Hooks, volume.Hook{Namespace: h.Namespace, Pods: h.Pods, Container: h.Container, Before: h.Before, After: h.After, Within: time.Duration(h.Within)})
	}
	if v.Annotations {
		o.Hooks = append(o.Hooks, volume.Hook{})
	}
	return o
}

// scope says which claims belong to the application. Namespaces that are named are asked one by one, so that an account in them is enough.
func (s *kubernetesSource) scope(f kubernetes.Filter) volume.Scope {
	sc := volume.Scope{Takes: func(o *unstructured.Unstructured) bool {
		return f.Namespace(o.GetNamespace()) && (f.Labels == nil || f.Labels.Matches(labels.Set(o.GetLabels())))
	}}
	if !slices.ContainsFunc(f.Namespaces, func(n string) bool { return strings.ContainsAny(n, `*?[\`) }) {
		sc.Namespaces = f.Namespaces
	}
	return sc
}

// withVolumes copies volumes and objects: snapshots first, then the objects of that time, then what is in the snapshots.
func (s *kubernetesSource) withVolumes(ctx context.Context, c *kube.Cluster, f kubernetes.Filter, j Job) (got kubernetes.Copied, data volume.Copied, end func(kept bool) error, err error) {
	scope := s.scope(f)
	if err := s.release(ctx, c, j, scope); err != nil {
		return got, data, nil, err
	}
	t, err := volume.Take(ctx, c, j.Repo, scope, s.Volumes.options(j))
	if err != nil {
		return got, data, nil, err
	}
	end = func(kept bool) error { return t.Done(ctx, kept) }
	got, err = kubernetes.Copy(ctx, c, j.Repo, f, j.Say, func(ctx context.Context) ([]repository.Node, []string, error) {
		data, err = t.Move(ctx, j.Parent)
		return data.Nodes, data.Problems, err
	})
	return got, data, end, err
}

// release takes away snapshots that no restore point needs any more.
func (s *kubernetesSource) release(ctx context.Context, c *kube.Cluster, j Job, scope volume.Scope) error {
	all, err := j.Repo.Snapshots(ctx)
	if err != nil {
		return err
	}
	points := slices.DeleteFunc(all, func(p repository.Snapshot) bool { return !slices.Contains(p.Tags, Tag(j.Application)) })
	return volume.Release(ctx, c, j.Repo, scope.Namespaces, points, s.Volumes.options(j))
}

// Forgot takes away the storage's snapshots of restore points that were let go.
func (s *kubernetesSource) Forgot(ctx context.Context, j Job) error {
	if s.Volumes.Image == "" {
		return nil
	}
	c, err := s.connect(ctx, j, "", "")
	if err != nil {
		return err
	}
	f, err := s.filter()
	if err != nil {
		return err
	}
	return s.release(ctx, c, j, s.scope(f))
}
