package app

import (
	"path/filepath"

	"goodstate.dev/goodstate/backup"
)

// whereabouts says where a secret lies, for the recovery document. It never reads one.
func (a *App) whereabouts(name string) backup.Whereabouts {
	s, ok := a.Config.Secrets[name]
	switch {
	case !ok:
		return backup.Whereabouts{Words: "secret " + name + ", which the configuration does not have"}
	case s.Env != "":
		return backup.Whereabouts{Words: "environment variable " + s.Env + " of goodstate", Env: s.Env}
	case s.File != "":
		path := absolute(a.base, s.File)
		return backup.Whereabouts{Words: "file " + path, File: path}
	}
	return backup.Whereabouts{Words: "file " + absolute(a.base, s.Age) + ", encrypted with age; it is opened by the identity in " + filepath.Clean(absolute(a.base, s.Identity))}
}
