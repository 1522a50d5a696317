package source

import (
	"maps"
	"slices"
	"strings"
)

// Place is where something is brought back to.
type Place struct {
	Folder  string   `json:"folder,omitempty"`   // for files
	URL     string   `json:"-"`                  // for databases; it may hold a password
	Name    string   `json:"database,omitempty"` // of the database
	Replace bool     `json:"replace,omitempty"`  // what is in the way is replaced
	Cluster *Cluster `json:"cluster,omitempty"`
	Bucket  *Bucket  `json:"bucket,omitempty"`
	Until   Until    `json:"until,omitzero"`   // moment to recover to; zero: the end of what there is
	Onward  bool     `json:"onward,omitempty"` // what was streamed since the restore point is replayed too
}

// Bucket is a bucket on the server that was copied from, or what of it begins with a prefix.
type Bucket struct {
	Name   string `json:"name"`
	Prefix string `json:"prefix,omitempty"`
	Plan   bool   `json:"plan,omitempty"`  // nothing is changed
	Drill  bool   `json:"drill,omitempty"` // what was put is read back and compared
}

// Cluster is the place of a cluster's objects, and under which names they come there.
type Cluster struct {
	Kubeconfig     string            `json:"-"`                         // text of one; empty is the cluster that was copied
	Namespaces     map[string]string `json:"namespaces,omitempty"`      // old to new
	StorageClasses map[string]string `json:"storage_classes,omitempty"` // old to new
	Images         map[string]string `json:"images,omitempty"`          // beginnings of names, old to new
	Existing       string            `json:"existing,omitempty"`        // what happens to objects that are there and different: fail, skip or update
	Plan           bool              `json:"plan,omitempty"`            // nothing is changed
	As             string            `json:"as,omitempty"`              // service account that makes them, NAMESPACE:NAME; empty is the source's
	Only           []string          `json:"only,omitempty"`            // namespaces that come back, and nothing of the cluster itself
	Drill          bool              `json:"drill,omitempty"`           // the namespaces are scratch ones
}

// String names the place without secrets.
func (p Place) String() string {
	switch {
	case p.Cluster != nil:
		return p.Cluster.String()
	case p.Bucket != nil && p.Bucket.Prefix != "":
		return "bucket " + p.Bucket.Name + ", below " + p.Bucket.Prefix
	case p.Bucket != nil:
		return "bucket " + p.Bucket.Name
	case p.Folder != "":
		return p.Folder
	}
	return "database " + p.Name
}

// String names the cluster and the namespaces that are called otherwise in it.
func (c Cluster) String() string {
	name := "the cluster that was copied"
	if c.Kubeconfig != "" {
		name = "another cluster"
	}
	if len(c.Namespaces) > 0 {
		name += ", in " + strings.Join(slices.Sorted(maps.Values(c.Namespaces)), ", ")
	}
	return name
}
