package velero

import (
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"goodstate.dev/goodstate/backup/storage"
)

// volumeFiles are the lists that Velero leaves beside a backup, of which each entry is the data of one volume.
var volumeFiles = []string{"-podvolumebackups.json.gz", "-volumesnapshots.json.gz", "-csi-volumesnapshots.json.gz"}

// volumeInfo is an entry of NAME-volumeinfo.json.gz, which Velero writes since 1.13 and which has all kinds in one list.
type volumeInfo struct {
	PVC       string `json:"pvcName"`
	Namespace string `json:"pvcNamespace"`
	PV        string `json:"pvName"`
	Method    string `json:"backupMethod"` // NativeSnapshot, PodVolumeBackup, CSISnapshot
	Moved     bool   `json:"snapshotDataMoved"`
	Skipped   bool   `json:"skipped"`
	Pod       *struct {
		Uploader string `json:"uploaderType"`
		Volume   string `json:"volumeName"`
		Pod      string `json:"podName"`
		Space    string `json:"podNamespace"`
	} `json:"pvbInfo"`
	Native *struct {
		Handle string `json:"snapshotHandle"`
	} `json:"nativeSnapshotInfo"`
	CSI *struct {
		Handle string `json:"snapshotHandle"`
		Driver string `json:"driver"`
	} `json:"csiSnapshotInfo"`
}

func (v volumeInfo) String() string {
	name := v.Namespace + "/" + v.PVC
	if v.PVC == "" {
		name = cmp.Or(v.PV, "without a name")
	}
	switch {
	case v.Pod != nil:
		if v.PVC == "" {
			name = fmt.Sprintf("%s of pod %s/%s", v.Pod.Volume, v.Pod.Space, v.Pod.Pod)
		}
		return fmt.Sprintf("volume %s: its files are in Velero's repository (%s)", name, cmp.Or(v.Pod.Uploader, "restic"))
	case v.Moved:
		return fmt.Sprintf("volume %s: its data was moved to Velero's repository (kopia)", name)
	case v.Native != nil:
		return fmt.Sprintf("volume %s: it is snapshot %s of the provider", name, v.Native.Handle)
	case v.CSI != nil:
		return fmt.Sprintf("volume %s: it is snapshot %s of driver %s", name, v.CSI.Handle, v.CSI.Driver)
	}
	return fmt.Sprintf("volume %s: %s", name, cmp.Or(v.Method, "its data is elsewhere"))
}

func (v volume) String() string {
	switch {
	case v.Spec.Pod.Name != "":
		return fmt.Sprintf("volume %s of pod %s/%s: its files are in Velero's repository (%s)", v.Spec.Volume, v.Spec.Pod.Namespace, v.Spec.Pod.Name, cmp.Or(v.Spec.Uploader, "restic"))
	case v.Spec.SourcePVC != "":
		return fmt.Sprintf("volume %s/%s: its data was moved to Velero's repository (kopia)", v.Spec.SourceNamespace, v.Spec.SourcePVC)
	case v.Spec.Source.PVC != "":
		return fmt.Sprintf("volume %s/%s: it is VolumeSnapshot %s of the cluster", v.Metadata.Namespace, v.Spec.Source.PVC, v.Metadata.Name)
	case v.Spec.PersistentVolume != "":
		return fmt.Sprintf("volume %s: it is snapshot %s of the provider, at %s", v.Spec.PersistentVolume, v.Status.ProviderSnapshot, v.Spec.Location)
	}
	return "a volume without a name: its data is elsewhere"
}

// volumes names the volumes of a backup whose data is not in its manifests.
func (s Store) volumes(ctx context.Context, name string) ([]string, error) {
	var infos []volumeInfo
	err := s.list(ctx, name, "-volumeinfo.json.gz", &infos)
	if err == nil {
		var all []string
		for _, v := range infos {
			if !v.Skipped {
				all = append(all, v.String())
			}
		}
		slices.Sort(all)
		return slices.Compact(all), nil
	}
	if !errors.Is(err, storage.ErrNotFound) {
		return nil, err
	}
	var all []string
	for _, file := range volumeFiles {
		var some []volume
		if err := s.list(ctx, name, file, &some); err != nil && !errors.Is(err, storage.ErrNotFound) {
			return nil, err
		}
		for _, v := range some {
			all = append(all, v.String())
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// listLimit bounds such a list, unpacked. An entry has about one KiB, so this is for some 60,000 volumes.
const listLimit = 64 << 20

func (s Store) list(ctx context.Context, name, suffix string, into any) error {
	file := s.file(name, name+suffix)
	r, err := s.Storage.Open(ctx, file, 0, -1)
	if err != nil {
		return err
	}
	defer r.Close()
	z, err := gzip.NewReader(r)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	text, err := io.ReadAll(io.LimitReader(z, listLimit+1))
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", file, err)
	case len(text) > listLimit:
		return fmt.Errorf("%s: more than %d MB when unpacked, which no list of volumes has; it is refused", file, listLimit>>20)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}
