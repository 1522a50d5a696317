// Package backup copies applications so that they can be brought back: into encrypted repositories in restic's format, on time for their RPO, proven by restoring
// them in drills and timed against their RTO. What was copied, verified and restored last is in the journal.
package backup

import (
	"fmt"
	"time"

	"goodstate.dev/goodstate/backup/plan"
	"goodstate.dev/goodstate/backup/source"
	"goodstate.dev/goodstate/backup/storage"
	"goodstate.dev/goodstate/core/check"
	"goodstate.dev/goodstate/core/config"
)

// Config is `backup:` of goodstate.yaml.
type Config struct {
	Repositories config.Map[Repository]  `yaml:"repositories" json:"repositories,omitempty" help:"where copies are kept, by name"`
	Applications config.Map[Application] `yaml:"applications" json:"applications,omitempty" help:"what is copied, by name"`
	Velero       config.Map[Velero]      `yaml:"velero" json:"velero,omitempty" help:"storage locations of Velero, of which backups can be imported, by name; they are only read" example:"{old: {folder: /mnt/velero}}"`
	Roles        Roles                   `yaml:"roles" json:"roles,omitzero" help:"who may do what with backups"`
	Runbook      Runbook                 `yaml:"runbook" json:"runbook,omitzero" help:"the recovery document that goodstate writes after each drill"`
}

// Velero is a storage location of Velero: the place that has the folder backups.
type Velero struct {
	config.Choice[storage.Place] `yaml:",inline"`
}

// Runbook says where the recovery document is kept, and who is in it.
type Runbook struct {
	Folders  []string `yaml:"folders" json:"folders,omitempty" help:"folders in which it is kept too, so that it can be read when goodstate is gone; the data directory and repositories in folders have it always" example:"[/mnt/elsewhere]"`
	Contacts []string `yaml:"contacts" json:"contacts,omitempty" help:"who is called, a line each" example:"[\"Ann, operations: 555 0100\"]"`
}

// Repository is one place for copies.
type Repository struct {
	config.Choice[storage.Place] `yaml:",inline"`
	Password                     config.Secret                `yaml:"password" json:"password" required:"true" help:"secret that encrypts the repository; without it nothing can be restored, so keep it in a second place too" example:"{secret: backup}"`
	Escrow                       config.Secret                `yaml:"escrow" json:"escrow,omitzero" help:"secret with a second password, as it lies in escrow; each verification proves that it opens the repository" example:"{secret: backup-escrow}"`
	Upload                       config.Size                  `yaml:"upload" json:"upload,omitempty" help:"bytes that go up in a second at most" example:"5MiB"`
	Download                     config.Size                  `yaml:"download" json:"download,omitempty" help:"bytes that come down in a second at most" example:"20MiB"`
	Kept                         string                       `yaml:"kept" json:"kept,omitempty" help:"where else the password is kept, in words for the runbook; never the password" example:"envelope in the safe, second floor"`
	Verify                       plan.When                    `yaml:"verify" json:"verify,omitzero" help:"how often goodstate serve reads the repository to its last byte: a time, or a cron expression" default:"7d" example:"\"0 4 * * sun\""`
	Prune                        plan.When                    `yaml:"prune" json:"prune,omitzero" help:"how often goodstate serve deletes what no restore point needs: a time, or a cron expression; without it only people do" example:"\"0 5 * * sun\""`
	Maintenance                  config.Choice[storage.Place] `yaml:"maintenance" json:"maintenance,omitzero" help:"the same place with credentials that may delete, where those of the repository itself may not: forget, prune and keys go by it" example:"s3: {endpoint: \"https://s3.example.com\", bucket: backup, access_key: {secret: keeper-id}, secret_key: {secret: keeper-key}}"`
	TwoPersons                   *TwoPersons                  `yaml:"two_persons" json:"two_persons,omitempty" help:"what a person deletes waits until another one, with the role approver, agrees: forget, prune, keys, a frozen repository, and a keep that keeps less; what the policy lets go by itself goes on" example:"{within: 24h}"`
}

// Application is something that is copied, and how soon it must be back.
type Application struct {
	Source     config.Choice[source.Source] `yaml:"source" json:"source" required:"true" help:"what is copied: files, postgres, postgres_server, mysql, etcd, kubernetes, bucket or command" example:"files: {paths: [uploads]}"`
	Repository string                       `yaml:"repository" json:"repository" required:"true" help:"name of the repository that it is copied to" example:"main"`
	Copies     []string                     `yaml:"copies" json:"copies,omitempty" help:"repositories that the restore points are copied on to" example:"[away]"`
	RPO        config.Duration              `yaml:"rpo" json:"rpo,omitempty" help:"how much work may be lost: goodstate serve copies twice in that time, and says so when the youngest copy is older" example:"1h"`
	RTO        config.Duration              `yaml:"rto" json:"rto,omitempty" help:"how long it may take to have it back; drills are measured against it" example:"15m"`
	Schedule   plan.When                    `yaml:"schedule" json:"schedule,omitzero" help:"when goodstate serve copies it, a time or a cron expression; without it twice in its RPO" example:"\"*/20 * * * *\""`
	Drill      plan.When                    `yaml:"drill" json:"drill,omitzero" help:"how often goodstate serve restores the youngest copy into a scratch place and checks it: a time, or a cron expression" example:"24h"`
	Suspend    bool                         `yaml:"suspend" json:"suspend,omitempty" help:"goodstate serve neither copies nor drills it until this is taken away; people still can"`
	Services   []string                     `yaml:"services" json:"services,omitempty" help:"services whose data it is: before a migration of theirs that cannot be undone it is copied" example:"[web]"`
	Contacts   []string                     `yaml:"contacts" json:"contacts,omitempty" help:"who knows it, for the runbook, a line each" example:"[\"Bo, shop: 555 0101\"]"`
	Keep       plan.Keep                    `yaml:"keep" json:"keep,omitempty" help:"which restore points stay; without it all do" example:"{within: 48h, daily: 14, monthly: 12}"`
	Before     string                       `yaml:"before" json:"before,omitempty" help:"command that is run before the copy, for example to freeze the application" example:"./freeze"`
	After      string                       `yaml:"after" json:"after,omitempty" help:"command that is run after the copy, whatever came of it" example:"./thaw"`
	Checks     config.Map[check.Spec]       `yaml:"checks" json:"checks,omitempty" help:"checks of what a drill has restored; commands run in its folder, and for databases GOODSTATE_DATABASE_URL names it"`
}

// Validate reports what the single values cannot know of each other.
func (c *Config) Validate(report func(path, message string)) {
	for name, a := range c.Applications.All() {
		for _, r := range append([]string{a.Repository}, a.Copies...) {
			if _, ok := c.Repositories.Get(r); !ok {
				report("applications."+name+".repository", fmt.Sprintf("there is no repository %q; backup.repositories has %v", r, c.Repositories.Keys()))
			}
		}
		a.validateTimes(func(key, message string) { report("applications."+name+"."+key, message) })
	}
	serves := map[string]string{}
	for name, a := range c.Applications.All() {
		for _, s := range a.Services {
			if other, taken := serves[s]; taken {
				report("applications."+name+".services", fmt.Sprintf("the data of service %s is application %s already", s, other))
			}
			serves[s] = name
		}
	}
}

// validateTimes reports a promise that the copies cannot keep. Where the log is streamed, it is the log that keeps it.
func (a Application) validateTimes(report func(key, message string)) {
	var stream time.Duration
	if src, err := a.Source.New(); err == nil {
		if s, ok := src.(source.Streamer); ok {
			stream = s.StreamEvery()
		}
	}
	rpo := time.Duration(a.RPO)
	switch {
	case rpo != 0 && rpo < 2*time.Minute && stream == 0:
		report("rpo", fmt.Sprintf("%s is shorter than 2m, the shortest that copies can keep", a.RPO))
	case rpo != 0 && rpo < 3*stream:
		report("rpo", fmt.Sprintf("%s is shorter than three times the %s after which the log is streamed", a.RPO, config.Duration(stream)))
	case rpo != 0 && rpo < 2*time.Minute && a.Schedule.IsZero():
		report("schedule", fmt.Sprintf("an RPO of %s is kept by the log, but would have the application copied every minute; say when it is, for example schedule: 6h", a.RPO))
	}
	if longest := a.Schedule.Longest(time.Now()); rpo > 0 && longest > rpo && stream == 0 {
		report("schedule", fmt.Sprintf("%s lies up to %s between two copies, which cannot keep an RPO of %s", a.Schedule, config.Duration(longest), a.RPO))
	}
}
