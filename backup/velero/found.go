package velero

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"

	"goodstate.dev/goodstate/core/kube"
)

// Found is what was found of Velero.
type Found struct {
	Schedules []Schedule
	Storage   []Location // BackupStorageLocations
	Snapshots []Location // VolumeSnapshotLocations
	Backups   []Backup
	volumes   []volume // PodVolumeBackups and DataUploads
}

// Empty says that there is nothing of Velero.
func (f Found) Empty() bool {
	return len(f.Schedules)+len(f.Storage)+len(f.Snapshots)+len(f.Backups) == 0
}

// add takes one object, if it is one of Velero's.
func (f *Found) add(o *unstructured.Unstructured) error {
	if o.GroupVersionKind().Group != Group {
		return nil
	}
	var err error
	switch o.GetKind() {
	case "Schedule":
		f.Schedules, err = into(f.Schedules, o)
	case "BackupStorageLocation":
		f.Storage, err = into(f.Storage, o)
	case "VolumeSnapshotLocation":
		f.Snapshots, err = into(f.Snapshots, o)
	case "Backup":
		f.Backups, err = into(f.Backups, o)
	case "PodVolumeBackup", "DataUpload":
		f.volumes, err = into(f.volumes, o)
	}
	return err
}

func into[T any](all []T, o *unstructured.Unstructured) ([]T, error) {
	var v T
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &v); err != nil {
		return all, fmt.Errorf("%s %s of Velero: %w", o.GetKind(), o.GetName(), err)
	}
	return append(all, v), nil
}

// kinds are those that are read from a cluster, with the version of their API.
var kinds = []schema.GroupVersionResource{
	{Group: Group, Version: "v1", Resource: "schedules"},
	{Group: Group, Version: "v1", Resource: "backupstoragelocations"},
	{Group: Group, Version: "v1", Resource: "volumesnapshotlocations"},
	{Group: Group, Version: "v1", Resource: "backups"},
	{Group: Group, Version: "v1", Resource: "podvolumebackups"},
	{Group: Group, Version: "v2alpha1", Resource: "datauploads"},
}

// FromCluster reads Velero's objects from a cluster, of one namespace or with "" of all.
func FromCluster(ctx context.Context, c *kube.Cluster, namespace string) (Found, error) {
	var f Found
	for _, k := range kinds {
		next := ""
		for {
			list, err := c.Objects.Resource(k).Namespace(namespace).List(ctx, metav1.ListOptions{Limit: 500, Continue: next})
			if apierrors.IsNotFound(err) {
				break // an older Velero, or none
			}
			if err != nil {
				return f, fmt.Errorf("list %s of Velero: %w", k.Resource, kube.Explain(err))
			}
			for i := range list.Items {
				if err := f.add(&list.Items[i]); err != nil {
					return f, err
				}
			}
			if next = list.GetContinue(); next == "" {
				break
			}
		}
	}
	return f, nil
}

// fileLimit bounds a file of manifests.
const fileLimit = 64 << 20

// FromFolder reads manifests from the files of a folder (*.yaml, *.yml, *.json), as kubectl get -o yaml prints them. Links are not followed.
func FromFolder(dir string) (Found, error) {
	var f Found
	root, err := os.OpenRoot(dir)
	if err != nil {
		return f, fmt.Errorf("manifests of Velero: %w", err)
	}
	defer root.Close()
	err = fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(path)) {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Size() > fileLimit {
			return fmt.Errorf("%s has %d MB, want at most %d", path, info.Size()>>20, fileLimit>>20)
		}
		text, err := root.ReadFile(path)
		if err != nil {
			return err
		}
		if err := f.manifests(text); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	})
	return f, err
}

// manifests reads documents and the lists in them.
func (f *Found) manifests(text []byte) error {
	in := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		var o unstructured.Unstructured
		err := in.Decode(&o.Object)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case o.Object == nil || o.GetKind() == "":
			continue
		case strings.HasSuffix(o.GetKind(), "List"):
			err = o.EachListItem(func(inside runtime.Object) error {
				one, ok := inside.(*unstructured.Unstructured)
				if !ok {
					return nil
				}
				return f.add(one)
			})
		default:
			err = f.add(&o)
		}
		if err != nil {
			return err
		}
	}
}

// FromStore takes the newest backup of each schedule for the schedule itself: a storage has no schedules.
func FromStore(ctx context.Context, s Store) (Found, error) {
	var f Found
	all, err := s.Backups(ctx)
	if err != nil {
		return f, err
	}
	f.Backups = all
	newest := map[string]Backup{}
	for _, b := range all {
		if b.OfSchedule() != "" {
			newest[b.OfSchedule()] = b // the oldest come first
		}
	}
	for _, b := range all {
		if b.OfSchedule() == "" || newest[b.OfSchedule()].Name() != b.Name() {
			continue
		}
		var made Schedule
		made.Metadata.Name, made.Spec.Template = b.OfSchedule(), b.Spec
		f.Schedules = append(f.Schedules, made)
	}
	return f, nil
}
