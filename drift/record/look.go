package record

import (
	"slices"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/drift/action"
	"goodstate.dev/goodstate/drift/engine"
	"goodstate.dev/goodstate/drift/output"
	"goodstate.dev/goodstate/drift/state"
)

// Bounds of what one row keeps, in bytes.
const (
	maxDiff = 16 << 10
	maxText = 1 << 10
	maxItem = 200
)

// asks are modules that only ask or steer: they want nothing of a host, so there is nothing that could drift.
var asks = []string{
	"add_host", "assert", "async_status", "debug", "fail", "fetch", "find", "gather_facts", "getent", "group_by", "import_playbook", "import_role", "import_tasks",
	"include_role", "include_tasks", "include_vars", "meta", "package_facts", "pause", "ping", "service_facts", "set_fact", "set_stats", "setup", "slurp", "stat",
	"validate_argument_spec", "wait_for", "wait_for_connection",
}

// commands do what nobody can tell without doing it, unless creates or removes says when it is done.
var commands = []string{"command", "shell", "raw", "script", "expect"}

// look is one result of a task for one item on a host.
type look struct {
	host, play, role, task, action, path, item, id string
	line                                           int
	outcome                                        string // as drift_results has it
	text, diff                                     string
	tags, about                                    string // tags with a comma before and after each
	acted                                          int    // 1: yes
	resource                                       bool
	observed                                       state.Observation
}

func short(name string) string {
	for _, p := range []string{"ansible.builtin.", "ansible.legacy."} {
		name = strings.TrimPrefix(name, p)
	}
	return name
}

// looks are what the end of a task on a host says: one for each item.
func (r *Recorder) looks(e engine.Event) []look {
	t := e.Task
	base := look{host: e.Host, role: t.Role, task: t.Name, action: short(t.Action), path: r.file(t.Path), line: t.Line}
	if e.Play != nil {
		base.play = e.Play.Name
	}
	if len(t.Tags) > 0 {
		base.tags = "," + strings.Join(t.Tags, ",") + ","
	}
	base.resource = !slices.Contains(asks, base.action) && !t.Include && !t.Handler
	parts := []any{e.Result}
	if v, ok := e.Result.Get("results"); ok && t.Loop {
		if list, ok := v.(*py.List); ok && len(list.Items) > 0 {
			parts = list.Items
		}
	}
	var out []look
	for i, part := range parts {
		if res, ok := part.(*py.Dict); ok {
			out = append(out, r.look(base, e, res, i))
		}
	}
	return out
}

func (r *Recorder) look(l look, e engine.Event, res *py.Dict, i int) look {
	hidden := e.Task.NoLog || action.Is(res, "_ansible_no_log") || action.Is(e.Result, "_ansible_no_log")
	item := ""
	if e.Task.Loop {
		item, l.item = r.item(res, hidden, i)
	}
	l.id = r.book.hash("resource", l.play, l.path, l.role, unnamed(l.task, l.host), l.action, strconv.Itoa(r.ordinal(e)), unnamed(item, l.host))
	want, _ := res.Get(engine.Desired)
	l.observed.Fingerprint, l.observed.Again = text(want), r.start.Again
	about, _ := res.Get(engine.About)
	if l.about = r.public(text(about), hidden, maxItem); l.about == notShown {
		l.about = ""
	}
	if !looksOnly(e, res) {
		l.acted = 1
	}
	l.outcome, l.observed.Outcome = outcome(e, res, l.action)
	msg, _ := res.Get("msg")
	said := r.public(text(msg), hidden, maxText)
	l.text = r.public(spoken(res), hidden, maxText)
	switch l.observed.Outcome {
	case state.Nothing, state.NotCheckable:
		l.observed.Reason = said
		if said == "" {
			l.observed.Reason = l.outcome
		}
	case state.Differs, state.Corrected:
		raw, _ := res.Get("diff")
		diff := output.Differences(raw)
		if diff == "" {
			diff = text(msg)
		}
		diff = unnamed(diff, l.host)
		l.observed.Cause = r.book.hash("cause", l.id, diff)
		l.diff = r.public(diff, hidden, maxDiff)
	}
	return l
}

// spoken is what a result says in words: its message, and what a command wrote.
func spoken(res *py.Dict) string {
	var parts []string
	for _, name := range []string{"msg", "stderr", "stdout"} {
		v, _ := res.Get(name)
		if said := strings.TrimSpace(text(v)); said != "" && !slices.Contains(parts, said) {
			parts = append(parts, said)
		}
	}
	return strings.Join(parts, "\n")
}

// item is what tells an item from the others, and how it is shown.
func (r *Recorder) item(res *py.Dict, hidden bool, i int) (key, label string) {
	name, _ := res.Get("ansible_loop_var")
	v, _ := res.Get(text(name))
	key = py.Str(v)
	shown, ok := res.Get("_ansible_item_label")
	if !ok {
		shown = v
	}
	if label = r.public(py.Str(shown), hidden, maxItem); label == notShown {
		label = "item " + strconv.Itoa(i+1) + " (not shown)"
	}
	return key, label
}

func text(v any) string {
	if v == nil {
		return ""
	}
	return py.Str(v)
}

// outcome says what a result means, for the list of results and for the resource.
func outcome(e engine.Event, res *py.Dict, module string) (string, state.Outcome) {
	changed := action.Is(res, "changed")
	_, conditional := res.Get("skip_reason")
	_, empty := res.Get("skipped_reason")
	switch {
	case action.Is(res, "unreachable"):
		return "unreachable", state.Nothing
	case action.Is(res, "failed") && e.Ignored:
		return "ignored", state.Nothing
	case action.Is(res, "failed") && e.Rescued && slices.Contains(commands, module): // that it fails is what the block is for
		return "failed", state.NotCheckable
	case action.Is(res, "failed"):
		return "failed", state.Nothing
	case action.Is(res, "skipped") && (conditional || empty):
		return "skipped", notWanted
	case action.Is(res, "skipped"):
		return "uncheckable", state.NotCheckable
	case slices.Contains(commands, module) && !(e.Task.Args != nil && (e.Task.Args.Has("creates") || e.Task.Args.Has("removes"))):
		if changed {
			return "changed", state.NotCheckable
		}
		return "ok", state.NotCheckable
	case changed && looksOnly(e, res):
		return "changed", state.Differs
	case changed:
		return "changed", state.Corrected
	}
	return "ok", state.Equal
}

// notWanted says that the playbook wants nothing of the host here.
const notWanted state.Outcome = "not wanted"

// looksOnly says that the task could not act: in check mode, or because it was held.
func looksOnly(e engine.Event, res *py.Dict) bool { return e.Task.Check || action.Is(res, engine.Held) }
