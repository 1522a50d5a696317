package engine

import (
	"strings"

	"goodstate.dev/goodstate/core/py"
)

// Held is the key of a result of a task that was only allowed to say what it would change; it is never shown.
const Held = "_ansible_held"

// About is the key of a result that says what on the host the task is about: a path, or "package NAME" and its like; it is never shown.
const About = "_ansible_about"

// Want is a task that is about to act.
type Want struct {
	Host, Play, Task string
	File             string // of the playbook
	Line             int
	Tags             []string
	About            string // as in About
}

// hold asks whether the task may act. A task that is held looks only, and tells no handler.
func (e *executor) hold(args *py.Dict) bool {
	ask := e.p.r.opt.Hold
	if ask == nil || e.fields.check || e.info.local && !needsHost(e.task.Short()) {
		return false
	}
	w := Want{Host: e.host.Name, Play: e.p.info.Name, Task: e.shown.Name, File: e.shown.Path, Line: e.shown.Line, Tags: e.shown.Tags, About: aboutWhat(e.task.Short(), args)}
	if !ask(w) {
		return false
	}
	e.fields.check, e.fields.notify = true, nil
	return true
}

// things are modules whose name is about a thing that is no path.
var things = map[string]string{
	"apt": "package", "dnf": "package", "yum": "package", "package": "package", "pip": "package", "service": "service", "systemd": "service", "systemd_service": "service",
	"user": "user", "group": "group", "cron": "cron", "hostname": "hostname", "sysctl": "sysctl", "mount": "mount", "authorized_key": "user",
}

// aboutWhat names what a task is about on the host; empty: nothing that has a name.
func aboutWhat(module string, args *py.Dict) string {
	text := func(keys ...string) string {
		for _, key := range keys {
			switch v, _ := args.Get(key); x := v.(type) {
			case *py.List:
				var all []string
				for _, one := range x.Items {
					all = append(all, py.Str(one))
				}
				return strings.Join(all, ",")
			case nil:
			default:
				return py.Str(x)
			}
		}
		return ""
	}
	if kind := things[module]; kind != "" {
		if name := text("name", "pkg", "package", "user", "path"); name != "" {
			return kind + " " + name
		}
		return ""
	}
	if path := text("path", "dest", "destfile", "name"); strings.HasPrefix(path, "/") {
		return path
	}
	return ""
}
