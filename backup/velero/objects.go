// Package velero reads what Velero keeps: its objects (schedules, storage locations, backups) from a cluster or from files, and the backups in its storage. It turns
// schedules into plans of goodstate, and the manifests of a backup into objects that a restore point can be made of. It never writes to a storage of Velero, and data of
// volumes, which lies there in the formats of restic and kopia or as a snapshot of a cloud, is only named.
//
// The formats are those that Velero documents: the kinds of velero.io/v1 and v2alpha1 as far as they are needed here, the output file format 1.x, and the names of
// objects below backups/NAME of a storage location.
package velero

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Group is the API group of Velero's objects.
const Group = "velero.io"

type named struct {
	Metadata struct {
		Name        string            `json:"name"`
		Namespace   string            `json:"namespace"`
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
}

func (n named) label(name string) string { return n.Metadata.Labels[Group+"/"+name] }

// Schedule makes backups again and again.
type Schedule struct {
	named
	Spec struct {
		Schedule string   `json:"schedule"` // a cron expression
		Template Template `json:"template"`
		Paused   bool     `json:"paused"`
	} `json:"spec"`
}

// Template says what a backup takes.
type Template struct {
	IncludedNamespaces         []string               `json:"includedNamespaces"`
	ExcludedNamespaces         []string               `json:"excludedNamespaces"`
	IncludedResources          []string               `json:"includedResources"`
	ExcludedResources          []string               `json:"excludedResources"`
	IncludedClusterResources   []string               `json:"includedClusterScopedResources"`
	ExcludedClusterResources   []string               `json:"excludedClusterScopedResources"`
	IncludedNamespaceResources []string               `json:"includedNamespaceScopedResources"`
	ExcludedNamespaceResources []string               `json:"excludedNamespaceScopedResources"`
	LabelSelector              *metav1.LabelSelector  `json:"labelSelector"`
	OrLabelSelectors           []metav1.LabelSelector `json:"orLabelSelectors"`
	IncludeClusterResources    *bool                  `json:"includeClusterResources"`
	SnapshotVolumes            *bool                  `json:"snapshotVolumes"`
	FilesOfVolumes             *bool                  `json:"defaultVolumesToFsBackup"`
	FilesOfVolumesOld          *bool                  `json:"defaultVolumesToRestic"` // its name until Velero 1.10
	MoveSnapshots              *bool                  `json:"snapshotMoveData"`
	TTL                        metav1.Duration        `json:"ttl"`
	StorageLocation            string                 `json:"storageLocation"`
	SnapshotLocations          []string               `json:"volumeSnapshotLocations"`
	ResourcePolicy             *struct {
		Name string `json:"name"`
	} `json:"resourcePolicy"`
	Hooks struct {
		Resources []struct {
			Name string `json:"name"`
		} `json:"resources"`
	} `json:"hooks"`
}

// Backup is one backup, in a cluster or as velero-backup.json of a storage location.
type Backup struct {
	named
	Spec   Template `json:"spec"`
	Status struct {
		Phase    string       `json:"phase"`
		Started  *metav1.Time `json:"startTimestamp"`
		Ended    *metav1.Time `json:"completionTimestamp"`
		Errors   int          `json:"errors"`
		Warnings int          `json:"warnings"`
		Format   string       `json:"formatVersion"`
	} `json:"status"`
}

// Name of the backup.
func (b Backup) Name() string { return b.Metadata.Name }

// At is the moment that the backup shows, or zero where it says none.
func (b Backup) At() time.Time {
	if b.Status.Started == nil {
		return time.Time{}
	}
	return b.Status.Started.UTC()
}

// OfSchedule is the schedule that made it; empty where a person did.
func (b Backup) OfSchedule() string { return b.label("schedule-name") }

// Location is where Velero keeps backups (BackupStorageLocation), or snapshots of volumes (VolumeSnapshotLocation).
type Location struct {
	named
	Kind string `json:"kind"`
	Spec struct {
		Provider string            `json:"provider"` // aws, azure, gcp or the name of a plugin
		Config   map[string]string `json:"config"`
		Mode     string            `json:"accessMode"`
		Default  bool              `json:"default"`
		Object   *struct {
			Bucket string `json:"bucket"`
			Prefix string `json:"prefix"`
			CACert []byte `json:"caCert"`
		} `json:"objectStorage"`
		Credential *struct {
			Name string `json:"name"`
			Key  string `json:"key"`
		} `json:"credential"`
	} `json:"spec"`
}

// volume is what says where data of a volume is: a PodVolumeBackup, a DataUpload, a VolumeSnapshot of the CSI, or a snapshot of a provider.
type volume struct {
	named
	Kind string `json:"kind"`
	Spec struct {
		Pod struct {
			Namespace string `json:"namespace"`
			Name      string `json:"name"`
		} `json:"pod"`
		Volume          string `json:"volume"`
		Uploader        string `json:"uploaderType"`
		SourceNamespace string `json:"sourceNamespace"`
		SourcePVC       string `json:"sourcePVC"`
		Source          struct {
			PVC string `json:"persistentVolumeClaimName"`
		} `json:"source"`
		PersistentVolume string `json:"persistentVolumeName"`
		Location         string `json:"location"`
	} `json:"spec"`
	Status struct {
		SnapshotID       string `json:"snapshotID"`
		ProviderSnapshot string `json:"providerSnapshotID"`
	} `json:"status"`
}
