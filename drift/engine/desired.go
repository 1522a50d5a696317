package engine

import (
	"goodstate.dev/goodstate/core/py"
)

// Desired is the key of a result that holds the fingerprint of what the task wants; it is never shown.
const Desired = "_ansible_desired"

// desired notes what the task wants of the host. It is the same whatever the host is like: only what was resolved before anybody looked goes into it.
func (e *executor) desired(res, args *py.Dict, remote *reach) {
	if e.p.r.opt.Fingerprint == nil || res == nil {
		return
	}
	text, err := py.ToJSON(args)
	if err != nil {
		return // without one nobody can tell drift from a change, and says so
	}
	parts := [][]byte{[]byte(e.info.name), text}
	if remote != nil {
		for _, hash := range remote.sent {
			parts = append(parts, []byte(hash))
		}
	}
	res.Set(Desired, py.Unsafe(e.p.r.opt.Fingerprint(parts...)))
	if about := aboutWhat(e.task.Short(), args); about != "" {
		res.Set(About, py.Unsafe(about))
	}
}
