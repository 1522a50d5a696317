package volume

import (
	"encoding/json"
	"time"
)

// File is where a restore point says what volumes it has, at its root. Their files are below Folder, in NAMESPACE/CLAIM.
const (
	File   = "volumes.json"
	Folder = "volumes"
)

// Record is the content of File.
type Record struct {
	Copy    string   `json:"copy"`              // mark of what belongs to it in the cluster
	Cluster string   `json:"cluster,omitempty"` // uid of its namespace kube-system; snapshots can be used in that one only
	Volumes []Volume `json:"volumes"`
}

// Volume is one volume in a restore point.
type Volume struct {
	Namespace string    `json:"namespace"`
	Claim     string    `json:"claim"`
	Way       string    `json:"way"` // how it was copied: group snapshot, snapshot, or files
	Held      bool      `json:"held,omitempty"`
	Driver    string    `json:"driver,omitempty"`
	Snapshot  *Snapshot `json:"snapshot,omitempty"` // that is kept in the storage
	Moved     bool      `json:"moved,omitempty"`    // its files are in the restore point
	Files     int64     `json:"files,omitempty"`
	Bytes     int64     `json:"bytes,omitempty"`
	Unchanged int64     `json:"unchanged,omitempty"` // files that were not read again
	Problem   string    `json:"problem,omitempty"`   // why it is not whole
}

// Snapshot is one of the storage.
type Snapshot struct {
	Handle  string    `json:"handle"`          // the storage's own name
	Content string    `json:"content"`         // VolumeSnapshotContent that keeps it
	Class   string    `json:"class,omitempty"` // VolumeSnapshotClass
	Group   string    `json:"group,omitempty"` // VolumeGroupSnapshotContent that it is part of
	At      time.Time `json:"at,omitzero"`     // when the storage took it
	Size    string    `json:"size,omitempty"`  // that a volume made of it needs
}

// How a volume was copied.
const (
	byGroup    = "group snapshot"
	bySnapshot = "snapshot"
	byFiles    = "files"
)

func (v Volume) String() string { return v.Namespace + "/" + v.Claim }

// Read understands the content of File.
func Read(text []byte) (Record, error) {
	var r Record
	err := json.Unmarshal(text, &r)
	return r, err
}
