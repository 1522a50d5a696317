// Package operator makes backups part of a cluster: it watches custom resources of backup.goodstate.dev and has the same engine carry them out that works from outside. One
// process owns the data directory at a time, the others wait for its lease.
//
// Whose objects may do what is decided by namespaces: an object acts on its own namespace only, as the service account goodstate-backup of that namespace, so that the
// cluster's own RBAC says what a team may copy and bring back. Only objects in the operator's namespace may speak of others.
package operator

import (
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Version is the group and version of the custom resources.
var Version = schema.GroupVersion{Group: "backup.goodstate.dev", Version: "v1alpha1"}

// SecretKey is one value of a Secret in the object's own namespace, which must have the label backup.goodstate.dev/use: "true".
type SecretKey struct {
	Name string `json:"name"`
	Key  string `json:"key"`
}

// Reference names an object, of the own namespace where it says none.
type Reference struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace,omitempty"`
}

// S3 is a bucket.
type S3 struct {
	Endpoint  string    `json:"endpoint"`
	Bucket    string    `json:"bucket"`
	Prefix    string    `json:"prefix,omitempty"`
	Region    string    `json:"region,omitempty"`
	PathStyle bool      `json:"pathStyle,omitempty"`
	Lock      string    `json:"lock,omitempty"`
	AccessKey SecretKey `json:"accessKey"`
	SecretKey SecretKey `json:"secretKey"`
}

// RepositorySpec says where copies lie.
type RepositorySpec struct {
	S3         *S3       `json:"s3,omitempty"`
	Folder     string    `json:"folder,omitempty"` // of the operator, below its folder for repositories
	Password   SecretKey `json:"password"`
	Namespaces []string  `json:"namespaces,omitempty"` // whose plans may use it besides the own one
	Verify     string    `json:"verify,omitempty"`
}

// State is what the status of every kind has.
type State struct {
	ObservedGeneration int64              `json:"observedGeneration,omitempty"`
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
}

// RepositoryStatus tells of a repository.
type RepositoryStatus struct {
	State `json:",inline"`
	ID    string `json:"id,omitempty"`
	Plans int    `json:"plans"` // that use it
}

// Repository is a place for copies.
type Repository struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              RepositorySpec   `json:"spec"`
	Status            RepositoryStatus `json:"status,omitzero"`
}

// KeepSpec says which restore points stay.
type KeepSpec struct {
	Last    int    `json:"last,omitempty"`
	Within  string `json:"within,omitempty"`
	Hourly  int    `json:"hourly,omitempty"`
	Daily   int    `json:"daily,omitempty"`
	Weekly  int    `json:"weekly,omitempty"`
	Monthly int    `json:"monthly,omitempty"`
	Yearly  int    `json:"yearly,omitempty"`
}

// BackupPlanSpec says what is copied, where to, and when.
type BackupPlanSpec struct {
	Repository        Reference   `json:"repository"`
	Copies            []Reference `json:"copies,omitempty"`
	Namespaces        []string    `json:"namespaces,omitempty"` // in the operator's namespace only
	ExcludeNamespaces []string    `json:"excludeNamespaces,omitempty"`
	WholeCluster      bool        `json:"wholeCluster,omitempty"` // in the operator's namespace only
	Kinds             []string    `json:"kinds,omitempty"`
	ExcludeKinds      []string    `json:"excludeKinds,omitempty"`
	Labels            string      `json:"labels,omitempty"`
	RPO               string      `json:"rpo,omitempty"`
	RTO               string      `json:"rto,omitempty"`
	Schedule          string      `json:"schedule,omitempty"`
	Drill             string      `json:"drill,omitempty"`
	Keep              *KeepSpec   `json:"keep,omitempty"`
	Suspend           bool        `json:"suspend,omitempty"`
	RestorableBy      []string    `json:"restorableBy,omitempty"` // namespaces that may restore its restore points into themselves
	DeletionPolicy    string      `json:"deletionPolicy,omitempty"`
}

// BackupPlanStatus tells how a plan stands.
type BackupPlanStatus struct {
	State        `json:",inline"`
	Standing     string       `json:"state,omitempty"`
	Why          string       `json:"why,omitempty"`
	LastCopied   *metav1.Time `json:"lastCopied,omitempty"`
	LastRestored *metav1.Time `json:"lastRestored,omitempty"`
	NextCopy     *metav1.Time `json:"nextCopy,omitempty"`
	Recovery     string       `json:"recovery,omitempty"`
	Points       int          `json:"points"`
}

// BackupPlan is a plan.
type BackupPlan struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              BackupPlanSpec   `json:"spec"`
	Status            BackupPlanStatus `json:"status,omitzero"`
}

// WorkStatus is what work that is done once tells.
type WorkStatus struct {
	State     `json:",inline"`
	Phase     string       `json:"phase,omitempty"` // Waiting, Running, Completed, Incomplete, Failed
	Message   string       `json:"message,omitempty"`
	Run       string       `json:"run,omitempty"`
	Point     string       `json:"point,omitempty"` // ID of the restore point
	Started   *metav1.Time `json:"started,omitempty"`
	Ended     *metav1.Time `json:"ended,omitempty"`
	Problems  []string     `json:"problems,omitempty"`
	More      int          `json:"moreProblems,omitempty"` // that are not listed
	Objects   int64        `json:"objects,omitempty"`
	Bytes     int64        `json:"bytes,omitempty"`
	Created   int64        `json:"created,omitempty"`
	Updated   int64        `json:"updated,omitempty"`
	Kept      int64        `json:"kept,omitempty"`
	Proof     string       `json:"proof,omitempty"`
	Verdict   string       `json:"verdict,omitempty"` // of a drill: Pass, Fail or Unknown
	Recovery  string       `json:"recovery,omitempty"`
	RTO       string       `json:"rto,omitempty"`
	Phases    []Took       `json:"phases,omitempty"`
	Finalizer []Held       `json:"finalizers,omitempty"`
}

// Took is a part of a drill and how long it took.
type Took struct {
	Name string `json:"name"`
	Took string `json:"took"`
}

// Held counts restored objects that a finalizer holds.
type Held struct {
	Finalizer string `json:"finalizer"`
	Objects   int    `json:"objects"`
}

// BackupSpec asks for a copy of a plan, now.
type BackupSpec struct {
	Plan           string `json:"plan"`
	DeletionPolicy string `json:"deletionPolicy,omitempty"` // Retain or Delete: what becomes of the restore point when this object is deleted
	Point          string `json:"point,omitempty"`          // of one that was made by the plan's clock
}

// Backup is a restore point.
type Backup struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              BackupSpec `json:"spec"`
	Status            WorkStatus `json:"status,omitzero"`
}

// RestoreSpec asks for a restore into the own namespace.
type RestoreSpec struct {
	Backup         string            `json:"backup,omitempty"`
	Plan           string            `json:"plan,omitempty"` // its youngest restore point
	From           string            `json:"from,omitempty"` // namespace of the backup or plan, which must grant it
	Existing       string            `json:"existing,omitempty"`
	DryRun         bool              `json:"dryRun,omitempty"`
	Namespaces     map[string]string `json:"namespaces,omitempty"` // in the operator's namespace only
	StorageClasses map[string]string `json:"storageClasses,omitempty"`
	Images         map[string]string `json:"images,omitempty"`
}

// Restore brings a restore point back, once.
type Restore struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              RestoreSpec `json:"spec"`
	Status            WorkStatus  `json:"status,omitzero"`
}

// DrillSpec asks for a drill, once.
type DrillSpec struct {
	Plan   string `json:"plan"`
	Backup string `json:"backup,omitempty"`
}

// Drill rehearses a restore.
type Drill struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              DrillSpec  `json:"spec"`
	Status            WorkStatus `json:"status,omitzero"`
}

// List is a list of one of the kinds.
type List[T any] struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`
	Items           []T `json:"items"`
}

// register makes the kinds known to a scheme.
func register(s *runtime.Scheme) {
	s.AddKnownTypes(Version, &Repository{}, &BackupPlan{}, &Backup{}, &Restore{}, &Drill{})
	s.AddKnownTypeWithName(Version.WithKind("RepositoryList"), &List[Repository]{})
	s.AddKnownTypeWithName(Version.WithKind("BackupPlanList"), &List[BackupPlan]{})
	s.AddKnownTypeWithName(Version.WithKind("BackupList"), &List[Backup]{})
	s.AddKnownTypeWithName(Version.WithKind("RestoreList"), &List[Restore]{})
	s.AddKnownTypeWithName(Version.WithKind("DrillList"), &List[Drill]{})
	metav1.AddToGroupVersion(s, Version)
}

// clone copies a value by its JSON, which is all that an API object is.
func clone[T any](in *T) *T {
	text, err := json.Marshal(in)
	if err != nil {
		panic(err) // the types have nothing that JSON cannot say
	}
	out := new(T)
	if err := json.Unmarshal(text, out); err != nil {
		panic(err) // it was just written
	}
	return out
}

// DeepCopyObject copies it.
func (o *Repository) DeepCopyObject() runtime.Object { return clone(o) }

// DeepCopyObject copies it.
func (o *BackupPlan) DeepCopyObject() runtime.Object { return clone(o) }

// DeepCopyObject copies it.
func (o *Backup) DeepCopyObject() runtime.Object { return clone(o) }

// DeepCopyObject copies it.
func (o *Restore) DeepCopyObject() runtime.Object { return clone(o) }

// DeepCopyObject copies it.
func (o *Drill) DeepCopyObject() runtime.Object { return clone(o) }

// DeepCopyObject copies it.
func (l *List[T]) DeepCopyObject() runtime.Object { return clone(l) }

// work is what Backup, Restore and Drill have in common.
type work interface {
	metav1.Object
	runtime.Object
	status() *WorkStatus
	kind() string
}

func (o *Backup) status() *WorkStatus  { return &o.Status }
func (o *Restore) status() *WorkStatus { return &o.Status }
func (o *Drill) status() *WorkStatus   { return &o.Status }
func (*Backup) kind() string           { return "Backup" }
func (*Restore) kind() string          { return "Restore" }
func (*Drill) kind() string            { return "Drill" }
