package operator

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"goodstate.dev/goodstate/backup"
	"goodstate.dev/goodstate/backup/plan"
	"goodstate.dev/goodstate/backup/source"
	"goodstate.dev/goodstate/backup/storage"
	"goodstate.dev/goodstate/core/config"
)

// Account is the name of the service account that a namespace's objects act as. The operator may impersonate accounts of this name only.
const Account = "goodstate-backup"

// DrillRole is the ClusterRole that it has in scratch namespaces.
const DrillRole = "goodstate-drill"

// World is what decides how objects become a configuration.
type World struct {
	Home       string // the operator's namespace
	Kubeconfig string // path, where the operator runs outside of the cluster
	Folders    string // folder that repositories in folders are below; empty: there are none
}

// nameOf is the name of an application or repository: namespaces have no dots, so it is one object's only.
func nameOf(namespace, name string) string { return namespace + "." + name }

// secretOf is how a value of a Secret is called; names in a cluster have no underscores.
func secretOf(namespace string, k SecretKey) config.Secret {
	return config.SecretNamed(namespace + "_" + k.Name + "_" + k.Key)
}

// errForbidden marks what a namespace may not.
var errForbidden = errors.New("not allowed")

// Repository turns an object into the repository that it describes.
func (w World) Repository(o *Repository) (backup.Repository, error) {
	var r backup.Repository
	var err error
	switch {
	case o.Spec.S3 != nil && o.Spec.Folder != "" || o.Spec.S3 == nil && o.Spec.Folder == "":
		return r, errors.New("want exactly one of s3 and folder")
	case o.Spec.Folder != "":
		r.Choice, err = w.folder(o)
	default:
		r.Choice, err = bucket(o.Namespace, o.Spec.S3)
	}
	if err != nil {
		return r, err
	}
	if _, err := r.New(); err != nil {
		return r, err
	}
	r.Password = secretOf(o.Namespace, o.Spec.Password)
	verify := o.Spec.Verify
	if verify == "" {
		verify = "7d"
	}
	if err := r.Verify.UnmarshalText([]byte(verify)); err != nil {
		return r, fmt.Errorf("verify: %w", err)
	}
	return r, nil
}

func (w World) folder(o *Repository) (c config.Choice[storage.Place], err error) {
	switch {
	case o.Namespace != w.Home:
		return c, fmt.Errorf("%w: a folder belongs to the operator; only a Repository in its namespace %s may name one", errForbidden, w.Home)
	case w.Folders == "":
		return c, errors.New("this operator keeps no repositories in folders; use s3")
	case !filepath.IsLocal(o.Spec.Folder):
		return c, fmt.Errorf("folder %q leads out of the operator's folder of repositories", o.Spec.Folder)
	}
	return config.Choose[storage.Place]("folder", filepath.Join(w.Folders, o.Spec.Folder))
}

func bucket(namespace string, s *S3) (c config.Choice[storage.Place], err error) {
	if !strings.HasPrefix(s.Endpoint, "https://") {
		return c, fmt.Errorf("endpoint %q, want an address that begins with https://", s.Endpoint)
	}
	settings := map[string]any{
		"endpoint": s.Endpoint, "bucket": s.Bucket,
		"access_key": map[string]any{"secret": secretOf(namespace, s.AccessKey).Name()}, "secret_key": map[string]any{"secret": secretOf(namespace, s.SecretKey).Name()},
	}
	for name, value := range map[string]string{"prefix": s.Prefix, "region": s.Region, "lock": s.Lock} {
		if value != "" {
			settings[name] = value
		}
	}
	if s.PathStyle {
		settings["path_style"] = true
	}
	return config.Choose[storage.Place]("s3", settings)
}

// Application turns a plan into the application that it describes. Repositories are those of the cluster, by nameOf.
func (w World) Application(o *BackupPlan, repositories map[string]*Repository) (a backup.Application, err error) {
	if a.Repository, err = w.mayUse(o.Namespace, o.Spec.Repository, repositories); err != nil {
		return a, err
	}
	for _, c := range o.Spec.Copies {
		name, err := w.mayUse(o.Namespace, c, repositories)
		if err != nil {
			return a, err
		}
		if name == a.Repository {
			return a, errors.New("a copy in the same repository is none")
		}
		a.Copies = append(a.Copies, name)
	}
	if a.Source, err = w.source(o); err != nil {
		return a, err
	}
	if _, err := a.Source.New(); err != nil {
		return a, err
	}
	for _, d := range []struct {
		name, text string
		into       interface{ UnmarshalText([]byte) error }
	}{{"rpo", o.Spec.RPO, &a.RPO}, {"rto", o.Spec.RTO, &a.RTO}, {"schedule", o.Spec.Schedule, &a.Schedule}, {"drill", o.Spec.Drill, &a.Drill}} {
		if d.text == "" {
			continue
		}
		if err := d.into.UnmarshalText([]byte(d.text)); err != nil {
			return a, fmt.Errorf("%s: %w", d.name, err)
		}
	}
	a.Suspend = o.Spec.Suspend
	if a.Keep, err = keep(o.Spec.Keep); err != nil {
		return a, err
	}
	return a, alone(a)
}

func keep(k *KeepSpec) (out plan.Keep, err error) {
	if k == nil {
		return out, nil
	}
	out = plan.Keep{Last: k.Last, Hourly: k.Hourly, Daily: k.Daily, Weekly: k.Weekly, Monthly: k.Monthly, Yearly: k.Yearly}
	if k.Within != "" {
		err = out.Within.UnmarshalText([]byte(k.Within))
	}
	return out, err
}

// alone reports what is wrong with an application, as a configuration file with it would be told.
func alone(a backup.Application) error {
	var c backup.Config
	c.Applications.Set("plan", a)
	for _, r := range append([]string{a.Repository}, a.Copies...) {
		c.Repositories.Set(r, backup.Repository{})
	}
	var errs []error
	c.Validate(func(path, message string) {
		errs = append(errs, fmt.Errorf("%s: %s", strings.TrimPrefix(path, "applications.plan."), message))
	})
	return errors.Join(errs...)
}

// mayUse is the repository that a plan names, if the plan's namespace may use it.
func (w World) mayUse(namespace string, ref Reference, all map[string]*Repository) (string, error) {
	if ref.Namespace == "" {
		ref.Namespace = namespace
	}
	name := nameOf(ref.Namespace, ref.Name)
	r, ok := all[name]
	granted := ok && (ref.Namespace == namespace || slices.Contains(r.Spec.Namespaces, namespace))
	switch {
	case !granted && ref.Namespace != namespace: // which repositories others have is not told
		return "", fmt.Errorf("%w: there is no Repository %s/%s that names %s under namespaces", errForbidden, ref.Namespace, ref.Name, namespace)
	case !ok:
		return "", fmt.Errorf("there is no Repository %s in namespace %s", ref.Name, namespace)
	}
	return name, nil
}

// source is what a plan copies: its own namespace, and from the operator's namespace also others.
func (w World) source(o *BackupPlan) (c config.Choice[source.Source], err error) {
	settings := map[string]any{"as": o.Namespace + ":" + Account, "drill": map[string]any{"role": DrillRole}}
	if w.Kubeconfig != "" {
		settings["kubeconfig"] = w.Kubeconfig
	}
	wide := o.Spec.WholeCluster || len(o.Spec.Namespaces) > 0
	switch {
	case wide && o.Namespace != w.Home:
		return c, fmt.Errorf("%w: a plan copies its own namespace; only a plan in the operator's namespace %s may say namespaces or wholeCluster", errForbidden, w.Home)
	case o.Spec.WholeCluster && len(o.Spec.Namespaces) > 0:
		return c, errors.New("want one of namespaces and wholeCluster")
	case o.Spec.WholeCluster:
		list(settings, "exclude_namespaces", o.Spec.ExcludeNamespaces)
	case wide:
		list(settings, "namespaces", o.Spec.Namespaces)
		list(settings, "exclude_namespaces", o.Spec.ExcludeNamespaces)
	default:
		settings["namespaces"], settings["inside"] = []string{o.Namespace}, true
	}
	list(settings, "kinds", o.Spec.Kinds)
	list(settings, "exclude_kinds", o.Spec.ExcludeKinds)
	if o.Spec.Labels != "" {
		settings["labels"] = o.Spec.Labels
	}
	return config.Choose[source.Source]("kubernetes", settings)
}

func list(settings map[string]any, name string, values []string) {
	if len(values) > 0 {
		settings[name] = values
	}
}

// Configuration is what all objects together come to, and what is wrong with single ones, by kind and nameOf. An object that is wrong is left out, the others work on.
func (w World) Configuration(repositories []Repository, plans []BackupPlan) (c backup.Config, wrong map[string]error) {
	wrong = map[string]error{}
	there := map[string]*Repository{}
	for i := range repositories {
		o := &repositories[i]
		name := nameOf(o.Namespace, o.Name)
		r, err := w.Repository(o)
		if err != nil {
			wrong["Repository "+name] = err
			continue
		}
		there[name] = o
		c.Repositories.Set(name, r)
	}
	for i := range plans {
		o := &plans[i]
		name := nameOf(o.Namespace, o.Name)
		a, err := w.Application(o, there)
		if err != nil {
			wrong["BackupPlan "+name] = err
			continue
		}
		c.Applications.Set(name, a)
	}
	return c, wrong
}
