package backup

import (
	"time"

	"goodstate.dev/goodstate/backup/runbook"
	"goodstate.dev/goodstate/backup/source"
	"goodstate.dev/goodstate/backup/storage"
)

// recoverBy are the commands that bring an application back, with goodstate and without.
func (b *Backups) recoverBy(name string, a Application, c *runbook.Application) (with, without []runbook.Command) {
	took := ""
	for _, p := range c.Phases {
		if p.Name == "restore" {
			took = p.Took.Round(time.Millisecond).String()
		}
	}
	with = []runbook.Command{{What: "In the folder of the configuration, see which restore points there are", Line: "cd " + source.ShellQuoted(b.Base) + "\ngoodstate backup list " + name}}
	restic, without := b.restic(a, c)
	tag := " --tag " + source.ShellQuoted(source.Tag(name))
	without = append(without, runbook.Command{What: "See which restore points there are", Line: restic + " snapshots" + tag})
	restore := "goodstate backup restore " + name + " --in-place"
	byGoodstate := []source.Step{
		{What: "See what would be overwritten", Lines: restore + " --plan"},
		{What: "Bring the youngest back over the original, or an older one with --point", Lines: restore, Restores: true},
	}
	byRestic := plainSteps(a.Source.Name(), restic, " latest"+tag)
	if src, err := a.Source.New(); err == nil {
		if h, ok := src.(source.Handbook); ok {
			byGoodstate, byRestic = h.Recovery(name), h.ByRestic(restic, " latest"+tag)
		}
	}
	for _, s := range byGoodstate {
		command := runbook.Command{What: s.What, Line: s.Lines}
		if s.Restores {
			command.Took = took
		}
		with = append(with, command)
	}
	for _, s := range byRestic {
		without = append(without, runbook.Command{What: s.What, Line: s.Lines})
	}
	return with, without
}

// restic is the program with the options that open the repository of an application, and what it needs before.
func (b *Backups) restic(a Application, c *runbook.Application) (line string, before []runbook.Command) {
	r, _ := b.Configured().Repositories.Get(a.Repository)
	line = "restic --no-cache"
	if place, err := r.New(); err == nil {
		by, _ := storage.ByRestic(place, b.Base)
		for _, arg := range by.Args {
			line += " " + source.ShellQuoted(arg)
		}
		for _, need := range by.Secrets {
			where := b.whereabouts(need.Secret.Name())
			c.Secrets = append(c.Secrets, "the "+need.What+" of "+a.Repository+": "+where.Words)
			before = append(before, runbook.Command{What: "Give restic the " + need.What + " of the storage", Line: exported(need.Env, need.What, where)})
		}
	}
	key := b.whereabouts(r.Password.Name())
	if key.File != "" {
		return line + " --password-file " + source.ShellQuoted(key.File), before
	}
	return line, append(before, runbook.Command{What: "Give restic the password of the repository", Line: exported("RESTIC_PASSWORD", "password", key)})
}

// exported is the line that sets a variable to a secret without having it in the document.
func exported(variable, what string, at Whereabouts) string {
	switch {
	case at.File != "":
		return "export " + variable + `="$(cat ` + source.ShellQuoted(at.File) + `)"`
	case at.Env != "":
		return "export " + variable + `="$` + at.Env + `"`
	}
	return "export " + variable + "='the " + what + ", from where this document says it is'"
}

// plainSteps are for sources that have no handbook of their own.
func plainSteps(kind, restic, point string) []source.Step {
	switch kind {
	case "postgres":
		return []source.Step{{What: "Bring the youngest back into an empty database that PGHOST, PGUSER, PGPASSWORD and PGDATABASE name", Lines: restic + " dump" + point + ` /database.dump | pg_restore --exit-on-error --single-transaction --no-owner --dbname="$PGDATABASE"`}}
	case "files":
		return []source.Step{{What: "Bring the youngest back to where it was (as root, to have its owners too)", Lines: restic + " restore" + point + " --target /"}}
	}
	return []source.Step{{What: "Take the youngest copy out into a folder, from where the application's own tools read it", Lines: restic + " restore" + point + " --target recovered"}}
}
