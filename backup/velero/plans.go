package velero

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"goodstate.dev/goodstate/backup/plan"
	"goodstate.dev/goodstate/core/config"
)

// Plans are what schedules and storage locations become.
type Plans struct {
	Backup  string   // the section backup of goodstate.yaml
	Secrets string   // the section secrets
	Needed  []string // names of the secrets
	Notes   []string // what was not moved, by name
}

// Plans turns what was found into the sections of a configuration. Kubeconfig is the path that goodstate reaches the cluster with, empty for the one that it runs in.
func (f Found) Plans(kubeconfig string) Plans {
	w := &writer{kubeconfig: kubeconfig, secrets: map[string]string{"backup": `{file: "backup.key"}`}}
	w.line(0, "backup:")
	if len(f.Schedules) == 0 {
		w.note("there is no schedule of Velero, so there is no plan to make")
	} else {
		w.repositories(f)
		w.line(1, "applications:")
	}
	for _, s := range f.Schedules {
		w.application(s, f.locationOf(s.Spec.Template))
	}
	if !w.locations(f) && len(f.Schedules) == 0 {
		return Plans{Notes: w.notes}
	}
	w.rest(f)
	p := Plans{Backup: w.b.String(), Notes: w.notes}
	var text strings.Builder
	text.WriteString("secrets:\n")
	for _, name := range sorted(w.secrets) {
		fmt.Fprintf(&text, "  %s: %s\n", name, w.secrets[name])
	}
	p.Secrets, p.Needed = text.String(), sorted(w.secrets)
	return p
}

func sorted(m map[string]string) []string {
	all := make([]string, 0, len(m))
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

type writer struct {
	b          strings.Builder
	kubeconfig string
	secrets    map[string]string
	notes      []string
}

func (w *writer) line(indent int, format string, values ...any) {
	w.b.WriteString(strings.Repeat("  ", indent) + fmt.Sprintf(format, values...) + "\n")
}

func (w *writer) note(format string, values ...any) {
	w.notes = append(w.notes, fmt.Sprintf(format, values...))
}

// q is a value in flow style: JSON is YAML.
func q(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return `""`
	}
	return string(text)
}

// usual is the storage location of schedules that name none.
const usual = "default"

// repositories writes one repository of our own for each storage location that a schedule uses, beside Velero's and never in it.
func (w *writer) repositories(f Found) {
	w.line(1, "repositories:")
	for _, name := range f.used() {
		at := slices.IndexFunc(f.Storage, func(l Location) bool { return l.Metadata.Name == name })
		if at < 0 {
			w.note("storage location %s: it was not found, so repository %s is a folder; choose a better place", name, name)
			w.line(2, "%s: {folder: %s, password: {secret: backup}}", q(name), q("copies/"+name))
			continue
		}
		w.repository(f.Storage[at])
	}
}

func (f Found) used() []string {
	var names []string
	for _, s := range f.Schedules {
		if name := f.locationOf(s.Spec.Template); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// locationOf is where a backup goes: where it says, to the one that is marked as default, or to the one with that name.
func (f Found) locationOf(t Template) string {
	if t.StorageLocation != "" {
		return t.StorageLocation
	}
	if at := slices.IndexFunc(f.Storage, func(l Location) bool { return l.Spec.Default }); at >= 0 {
		return f.Storage[at].Metadata.Name
	}
	return usual
}

func (w *writer) repository(l Location) {
	name := l.Metadata.Name
	if l.Spec.Object == nil || !isS3(l) {
		w.note("storage location %s: its provider is %s; repository %s is a folder until you choose a storage that goodstate has, see the reference", name, cmp.Or(l.Spec.Provider, "not said"), name)
		w.line(2, "%s: {folder: %s, password: {secret: backup}}", q(name), q("copies/"+name))
		return
	}
	bucket, prefix := l.Spec.Object.Bucket, "goodstate"
	if l.Spec.Object.Prefix == "" {
		bucket += "-goodstate"
		w.note("repository %s: Velero has the whole bucket %s and refuses strangers in it; make a bucket %s, or name another", name, l.Spec.Object.Bucket, bucket)
	}
	w.line(2, "%s: {s3: %s, password: {secret: backup}}", q(name), w.s3(l, bucket, prefix))
}

// isS3 says that a location is a bucket of S3 or of a server that speaks its protocol.
func isS3(l Location) bool {
	return l.Spec.Object != nil && (l.Spec.Provider == "aws" || l.Spec.Provider == "velero.io/aws")
}

func (w *writer) s3(l Location, bucket, prefix string) string {
	c := l.Spec.Config
	region := c["region"]
	endpoint := cmp.Or(c["s3Url"], "https://s3."+cmp.Or(region, "us-east-1")+".amazonaws.com")
	w.secrets["s3-id"], w.secrets["s3-key"] = `{env: "AWS_ACCESS_KEY_ID"}`, `{env: "AWS_SECRET_ACCESS_KEY"}`
	parts := []string{"endpoint: " + q(endpoint), "bucket: " + q(bucket), "prefix: " + q(prefix), "access_key: {secret: s3-id}", "secret_key: {secret: s3-key}"}
	if region != "" {
		parts = append(parts, "region: "+q(region))
	}
	if c["s3ForcePathStyle"] == "true" {
		parts = append(parts, "path_style: true")
	}
	if len(l.Spec.Object.CACert) > 0 {
		w.note("storage location %s has a certificate of its own: save it to a file and name that as ca", l.Metadata.Name)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// locations names the places with old backups, so that these can be imported.
func (w *writer) locations(f Found) (begun bool) {
	for _, l := range f.Storage {
		if !isS3(l) {
			continue
		}
		if !begun {
			w.line(1, "velero:")
			begun = true
		}
		prefix := l.Spec.Object.Prefix
		if prefix == "" {
			w.line(2, "%s: {s3: %s}", q(l.Metadata.Name), strings.Replace(w.s3(l, l.Spec.Object.Bucket, ""), `prefix: "", `, "", 1))
			continue
		}
		w.line(2, "%s: {s3: %s}", q(l.Metadata.Name), w.s3(l, l.Spec.Object.Bucket, prefix))
	}
	return begun
}

func (w *writer) application(s Schedule, repository string) {
	t, name := s.Spec.Template, s.Metadata.Name
	w.line(2, "%s:", q(name))
	w.line(3, "source: {kubernetes: {%s}}", strings.Join(w.source(name, t), ", "))
	w.line(3, "repository: %s", q(repository))
	w.when(s)
	if t.TTL.Duration > 0 {
		w.line(3, "keep: {last: 3, within: %s}", q(config.Duration(t.TTL.Duration).String()))
	}
	w.line(3, "drill: 7d")
}

// source says what is copied, in our words.
func (w *writer) source(name string, t Template) []string {
	var parts []string
	list := func(key string, values []string) {
		if values = slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "*" }); len(values) > 0 {
			parts = append(parts, key+": "+q(values))
		}
	}
	if w.kubeconfig != "" {
		parts = append(parts, "kubeconfig: "+q(w.kubeconfig))
	}
	list("namespaces", t.IncludedNamespaces)
	list("exclude_namespaces", t.ExcludedNamespaces)
	list("kinds", slices.Concat(t.IncludedResources, t.IncludedClusterResources, t.IncludedNamespaceResources))
	list("exclude_kinds", slices.Concat(t.ExcludedResources, t.ExcludedClusterResources, t.ExcludedNamespaceResources))
	if t.LabelSelector != nil {
		if text := metav1.FormatLabelSelector(t.LabelSelector); text != "<none>" && text != "<error>" {
			parts = append(parts, "labels: "+q(text))
		}
	}
	if len(t.OrLabelSelectors) > 0 {
		w.note("schedule %s: orLabelSelectors have no equal; make an application for each of its %d selectors, or copy without labels", name, len(t.OrLabelSelectors))
	}
	if t.IncludeClusterResources != nil && !*t.IncludeClusterResources {
		w.note("schedule %s: it leaves out objects of the whole cluster; goodstate also copies those that its namespaces need", name)
	}
	if t.ResourcePolicy != nil && t.ResourcePolicy.Name != "" {
		w.note("schedule %s: resource policy %s is not read", name, t.ResourcePolicy.Name)
	}
	for _, h := range t.Hooks.Resources {
		w.note("schedule %s: hook %s is not moved; before and after of the application run commands around a copy", name, cmp.Or(h.Name, "without a name"))
	}
	w.data(name, t)
	return parts
}

// data says that plans are for objects; what Velero did with volumes is named.
func (w *writer) data(name string, t Template) {
	on := func(b *bool) bool { return b != nil && *b }
	switch {
	case on(t.FilesOfVolumes) || on(t.FilesOfVolumesOld):
		w.note("schedule %s: it copies files of volumes; the plan copies the objects only, say for each volume how its data is copied", name)
	case on(t.MoveSnapshots):
		w.note("schedule %s: it moves snapshots of volumes into its repository; the plan copies the objects only, say for each volume how its data is copied", name)
	case t.SnapshotVolumes == nil || *t.SnapshotVolumes:
		w.note("schedule %s: it makes snapshots of volumes; the plan copies the objects only, say for each volume how its data is copied", name)
	}
	for _, l := range t.SnapshotLocations {
		w.note("schedule %s: its snapshots are in location %s", name, l)
	}
}

// when moves the times. A cron expression that goodstate cannot read is named.
func (w *writer) when(s Schedule) {
	text := strings.TrimSpace(s.Spec.Schedule)
	if every, ok := strings.CutPrefix(text, "@every "); ok {
		text = strings.TrimSpace(every)
		if d, err := time.ParseDuration(text); err == nil {
			text = config.Duration(d).String()
		}
	}
	if zone, rest, ok := strings.Cut(text, " "); ok && (strings.HasPrefix(zone, "CRON_TZ=") || strings.HasPrefix(zone, "TZ=")) {
		w.note("schedule %s: its zone %s is not moved; times are those of goodstate's own machine", s.Metadata.Name, zone)
		text = strings.TrimSpace(rest)
	}
	var at plan.When
	err := at.UnmarshalText([]byte(text))
	switch {
	case s.Spec.Paused:
		w.note("schedule %s is paused: its application has no times", s.Metadata.Name)
	case text == "":
		w.line(3, "rpo: 24h")
		w.note("schedule %s: a storage does not say when backups are made; its application has an RPO of 24h", s.Metadata.Name)
	case err != nil:
		w.line(3, "rpo: 24h")
		w.note("schedule %s: %q cannot be read (%v); its application has an RPO of 24h", s.Metadata.Name, s.Spec.Schedule, err)
	default:
		w.line(3, "schedule: %s", q(text))
		if longest := at.Longest(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)); longest > 0 {
			w.line(3, "rpo: %s", q(config.Duration(max(2*longest, 2*time.Minute)).String())) // one failed copy does not break it
		}
	}
}

// rest names what has no place in a configuration.
func (w *writer) rest(f Found) {
	for _, l := range f.Snapshots {
		w.note("snapshot location %s (%s): snapshots that Velero made at a provider cannot be read", l.Metadata.Name, l.Spec.Provider)
	}
	for _, l := range f.Storage {
		if !slices.Contains(f.used(), l.Metadata.Name) {
			w.note("storage location %s: no schedule uses it", l.Metadata.Name)
		}
	}
	for _, v := range f.volumes {
		w.note("%s", v)
	}
}
