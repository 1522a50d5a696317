package source

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"goodstate.dev/goodstate/backup/repository"
)

// Until is the moment that a server is recovered to: one of them, or none for all that there is.
type Until struct {
	Time time.Time `json:"time,omitzero"`
	LSN  string    `json:"lsn,omitempty"`  // place in the log
	Name string    `json:"name,omitempty"` // restore point by pg_create_restore_point
}

var (
	lsn       = regexp.MustCompile(`^[0-9A-F]{1,8}/[0-9A-F]{1,8}$`)
	pointName = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,63}$`)
)

// ParseUntil reads a time (with its zone, or in the local one), a place in the log, or the name of a restore point.
func ParseUntil(text string) (Until, error) {
	if text == "" {
		return Until{}, nil
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return Until{Time: at}, nil
	}
	if at, err := time.ParseInLocation("2006-01-02 15:04:05.999999", text, time.Local); err == nil {
		return Until{Time: at}, nil
	}
	switch {
	case lsn.MatchString(text):
		return Until{LSN: text}, nil
	case pointName.MatchString(text):
		return Until{Name: text}, nil
	}
	return Until{}, fmt.Errorf("%q is no moment; want a time like 2026-05-04T12:30:00Z or \"2026-05-04 12:30:00\", a place in the log like 0/3000060, or the name of a restore point", text)
}

// IsZero says that no moment is given.
func (u Until) IsZero() bool { return u == Until{} }

// settings are those that PostgreSQL recovers by.
func (u Until) settings() map[string]string {
	// Only the target that is asked for: PostgreSQL refuses a second, also an empty one.
	all := map[string]string{"recovery_target_inclusive": "on", "recovery_target_action": "promote", "recovery_target_timeline": "latest"}
	switch {
	case !u.Time.IsZero():
		all["recovery_target_time"] = u.Time.UTC().Format("2006-01-02 15:04:05.000000+00")
	case u.LSN != "":
		all["recovery_target_lsn"] = u.LSN
	case u.Name != "":
		all["recovery_target_name"] = u.Name
	}
	return all
}

// Covering is the restore point that a moment is recovered from: the first whose log reaches it, or the youngest where the moment is no time. They are the oldest first.
func (u Until) Covering(all []repository.Snapshot) (repository.Snapshot, error) {
	if len(all) == 0 {
		return repository.Snapshot{}, fmt.Errorf("there is no restore point")
	}
	if u.Time.IsZero() {
		return all[len(all)-1], nil
	}
	i := slices.IndexFunc(all, func(s repository.Snapshot) bool { return !s.Time.Before(u.Time) })
	if i < 0 {
		return repository.Snapshot{}, fmt.Errorf("the log is here up to %s, which is before %s; make a copy first, where the server still runs", all[len(all)-1].Time.Format(time.RFC3339Nano), u.Time.Format(time.RFC3339Nano))
	}
	return all[i], nil
}

// Recoverer is a source that can be brought back to any moment between its restore points.
type Recoverer interface{ Recovers() }
