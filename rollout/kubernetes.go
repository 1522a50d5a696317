package rollout

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/rollout/runtime"
	"goodstate.dev/goodstate/rollout/runtime/kubernetes"
)

// Kubernetes says which cluster a service runs in, and from which manifest of the release its pods are made.
type Kubernetes struct {
	Kubeconfig  string       `yaml:"kubeconfig" json:"kubeconfig,omitempty" help:"path of a kubeconfig, from the folder of goodstate.yaml; without it and without credentials the cluster that goodstate runs in" example:"rollout.kubeconfig"`
	Credentials config.Value `yaml:"credentials" json:"credentials,omitzero" help:"secret with the text of a kubeconfig, instead of a file" example:"{secret: cluster}"`
	Context     string       `yaml:"context" json:"context,omitempty" help:"context of the kubeconfig, if not its current one" example:"production"`
	Namespace   string       `yaml:"namespace" json:"namespace,omitempty" default:"default" help:"namespace that the pods run in" example:"shop"`
	Manifest    string       `yaml:"manifest" json:"manifest" required:"true" help:"file in the release's own tree, or made by its build: a Deployment with the ConfigMaps and Secrets of its pods; {{.NAME}} stands for a value of values:, and {{.service}}, {{.version}} and {{.commit}} for the release" example:"deploy/shop.yaml"`
	AsIs        bool         `yaml:"as_is" json:"as_is,omitempty" help:"take the manifest as it is, without filling in values"`
	GitOps      *GitOps      `yaml:"gitops" json:"gitops,omitempty" help:"Argo CD or Flux beside goodstate: its sync is paused during a rollout and while a release is held" example:"{argocd: shop}"`
	Container   string       `yaml:"container" json:"container,omitempty" help:"container of the pod that is the instance (default: the first)" example:"shop"`
}

func (s *Service) validateKubernetes(report func(path, message string)) {
	k := s.Kubernetes
	if k == nil {
		return
	}
	if s.Hosts != nil {
		report("kubernetes", "hosts and kubernetes are both given, and a service runs in one place")
	}
	if k.Kubeconfig != "" && !k.Credentials.IsZero() {
		report("kubernetes", "kubeconfig and credentials are both given, want one of them")
	}
	if _, isSecret := k.Credentials.Secret(); !isSecret && !k.Credentials.IsZero() {
		report("kubernetes.credentials", "want {secret: name}: a kubeconfig has credentials in it")
	}
	if k.Manifest != "" && !filepath.IsLocal(k.Manifest) {
		report("kubernetes.manifest", fmt.Sprintf("%q is not in the release's tree", k.Manifest))
	}
	k.validateGitOps(report)
	if k.Namespace == "" {
		report("kubernetes.namespace", "is empty, want the name of a namespace")
	}
}

// collector is a runtime that keeps something of releases without instances.
type collector interface {
	Collect(ctx context.Context, p runtime.Place, service string, keep []string, newest int) error
}

// place is where the pods run.
func (k *Kubernetes) place() *runtime.Place {
	name := k.Namespace
	if k.Context != "" {
		name = k.Context + "/" + name
	}
	credentials, _ := k.Credentials.Secret()
	return &runtime.Place{Name: "cluster " + name, Cluster: &runtime.Cluster{
		Kubeconfig: k.Kubeconfig, Credentials: credentials.Name(), Context: k.Context, Namespace: k.Namespace, Container: k.Container,
	}}
}

// manifestFile is the name under which the manifest is rendered with the other files of a release.
func (k *Kubernetes) manifestFile() string { return "manifest " + k.Manifest }

// withManifest are the files of the service's configuration, with the manifest among them.
func (s *Service) withManifest() map[string]File {
	if s.Kubernetes == nil {
		return s.Files
	}
	all := maps.Clone(s.Files)
	if all == nil {
		all = map[string]File{}
	}
	all[s.Kubernetes.manifestFile()] = File{From: s.Kubernetes.Manifest, AsIs: s.Kubernetes.AsIs}
	return all
}

// onCluster turns the spec of an instance into that of a pod.
func (k *Kubernetes) onCluster(spec *runtime.Spec, conf Service) {
	name := k.manifestFile()
	spec.Place, spec.Manifest, spec.Files, spec.Port, spec.Within = k.place(), spec.Files[name], maps.Clone(spec.Files), conf.Port, time.Duration(conf.Start)
	delete(spec.Files, name)
	if conf.Run == "" {
		spec.Command = nil // the manifest's, or the image's
	}
}

// revision is what of the cluster belongs to a release: where it runs, not how goodstate gets there.
func (k *Kubernetes) revision() *Kubernetes {
	if k == nil {
		return nil
	}
	return &Kubernetes{Context: k.Context, Namespace: k.Namespace, Manifest: k.Manifest, AsIs: k.AsIs, Container: k.Container} // and not what works beside it
}

// lookAtManifest refuses a manifest that no pod could be made from, before anything is moved.
func (ro *rollout) lookAtManifest(ctx context.Context, k Kept) error {
	if k.Config.Kubernetes == nil {
		return nil
	}
	files, err := ro.files(ctx, k)
	if err != nil {
		return err
	}
	m, err := kubernetes.ReadManifest(files[k.Config.Kubernetes.manifestFile()], k.Config.Kubernetes.Namespace)
	if err != nil {
		return fmt.Errorf("%s of %s: %w", k.Config.Kubernetes.Manifest, k.Release.Version, err)
	}
	if k.Config.Traffic != nil && k.Config.Port == 0 && !m.Listens(k.Config.Kubernetes.Container) {
		return fmt.Errorf("%s of %s: its container names no containerPort, and the service no port: where would traffic go", k.Config.Kubernetes.Manifest, k.Release.Version)
	}
	return nil
}

// LookAtCluster says what is missing for the service to be released into its cluster; nothing where it runs elsewhere.
func (s Service) LookAtCluster(ctx context.Context, look func(ctx context.Context, p runtime.Place) (string, error)) []good.Finding {
	if s.Kubernetes == nil {
		return nil
	}
	p := s.Kubernetes.place()
	f := good.Finding{Check: p.Name, Verdict: good.Pass}
	var err error
	if f.Observed, err = look(ctx, *p); err != nil {
		f.Verdict, f.Observed, f.Wanted = good.Fail, err.Error(), "a cluster that can be used"
		var hinted interface{ Hint() string }
		if errors.As(err, &hinted) {
			f.Hint = hinted.Hint()
		}
	}
	return []good.Finding{f}
}

// ready waits until the pod says itself that it is ready, and takes its address of then.
func (ro *rollout) ready(ctx context.Context, k Kept, in *runtime.Instance) good.Finding {
	f := good.Finding{Check: "readiness of " + in.ID, Release: k.Release.Version, Wanted: "a pod that is ready within " + k.Config.Start.String()}
	began := time.Now()
	tick := time.NewTicker(300 * time.Millisecond)
	defer tick.Stop()
	for {
		now, ok, err := ro.instance(ctx, in.Service, in.ID)
		f.At, f.Took = time.Now(), time.Since(began)
		switch {
		case err != nil:
			f.Observed = err.Error()
		case !ok:
			f.Observed = "it is gone"
		case now.State == runtime.Exited:
			f.Verdict, f.Observed, f.Detail = good.Fail, now.Exit, ro.lastLines(ctx, in.ID)
			return f
		case now.State == runtime.Lost:
			f.Observed = now.Exit
		case now.Unready == "":
			*in = now
			f.Verdict, f.Observed = good.Pass, "ready"
			return f
		default:
			f.Observed = strings.TrimRight("not ready: "+now.Unready+"; "+now.Exit, "; ")
		}
		late := time.Since(began) > k.Config.startLimit()
		if late && err == nil && now.State == runtime.Running {
			f.Verdict, f.Detail = good.Fail, ro.lastLines(ctx, in.ID)
		}
		if late {
			return f
		}
		select {
		case <-ctx.Done():
			f.Observed = "interrupted"
			return f
		case <-tick.C:
		}
	}
}

// readiness says what the pod says of itself now.
func (ro *rollout) readiness(in runtime.Instance) good.Finding {
	f := good.Finding{Check: "readiness of " + in.ID, Verdict: good.Pass, Observed: "ready", Wanted: "a pod that is ready", At: time.Now(), Release: ro.new.Release.Version}
	if in.Unready != "" {
		f.Verdict, f.Observed = good.Fail, "not ready: "+in.Unready
	}
	return f
}

// apart says what is known of an instance whose cluster cannot be asked: only what its own health check says.
func (ro *rollout) apart(in runtime.Instance) good.Finding {
	f := good.Finding{Check: exitCheck, Observed: "its cluster cannot be asked: " + in.Exit, Wanted: "a list of the instances", At: time.Now(), Release: ro.new.Release.Version}
	if _, ok := ro.new.Config.health(); ok {
		f.Verdict, f.Observed = good.Pass, f.Observed+"; its health is looked at meanwhile"
	}
	return f
}
