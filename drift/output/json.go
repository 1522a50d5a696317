package output

import (
	"fmt"
	"io"
	"sync"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/drift/engine"
)

// All hands events on to several reporters.
type All []engine.Reporter

// Event tells everybody.
func (a All) Event(e engine.Event) {
	for _, r := range a {
		r.Event(e)
	}
}

// JSON writes one document a line for everything that happens, and the recap at the end.
type JSON struct {
	Out io.Writer
	mu  sync.Mutex
}

var kindNames = map[engine.Kind]string{
	engine.PlaybookStart: "playbook", engine.PlayStart: "play", engine.NoHostsMatched: "no_hosts_matched", engine.NoHostsLeft: "no_hosts_left", engine.TaskStart: "task",
	engine.HandlerStart: "handler", engine.OK: "ok", engine.FailedTask: "failed", engine.Skipped: "skipped", engine.UnreachableHost: "unreachable", engine.ItemOK: "item_ok",
	engine.ItemFailed: "item_failed", engine.ItemSkipped: "item_skipped", engine.Retry: "retry", engine.Included: "included", engine.Warning: "warning",
	engine.Deprecation: "deprecation", engine.Problem: "error", engine.Recap: "recap", engine.Notified: "notified", engine.AsyncOK: "async_ok", engine.AsyncFailed: "async_failed",
}

// Event writes a document.
func (j *JSON) Event(e engine.Event) {
	name, ok := kindNames[e.Kind]
	if !ok {
		return
	}
	d := py.DictOf("event", name)
	add := func(key, value string) {
		if value != "" {
			d.Set(key, value)
		}
	}
	add("playbook", e.Playbook)
	if e.Play != nil {
		add("play", e.Play.Name)
	}
	if e.Task != nil {
		add("task", e.Task.Name)
		add("action", e.Task.Action)
		if e.Task.Path != "" {
			add("path", fmt.Sprintf("%s:%d", e.Task.Path, e.Task.Line))
		}
	}
	add("host", e.Host)
	if e.Delegated != e.Host {
		add("delegated_to", e.Delegated)
	}
	if len(e.Hosts) > 0 {
		list := py.NewList()
		for _, h := range e.Hosts {
			list.Items = append(list.Items, h)
		}
		d.Set("hosts", list)
	}
	if e.Ignored {
		d.Set("ignored", true)
	}
	if e.Kind >= engine.Included && e.Kind != engine.Recap || e.Task == nil {
		add("text", e.Text)
	}
	if e.Result != nil && e.Task != nil && e.Kind != engine.Included {
		d.Set("result", Shown(e))
	}
	if e.Stats != nil {
		d.Set("hosts", counts(e.Stats))
		if e.Stats.Custom.Len() > 0 {
			d.Set("custom_stats", e.Stats.Custom)
		}
	}
	text, err := py.ToJSON(d)
	if err != nil {
		text, _ = py.ToJSON(py.DictOf("event", name, "host", e.Host, "error", err.Error()))
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	_, _ = j.Out.Write(append(text, '\n')) // a reader that has gone must not end the run
}

func counts(s *engine.Stats) *py.Dict {
	out := py.NewDict()
	for _, h := range s.Hosts() {
		c := s.Count(h)
		out.Set(h, py.DictOf("ok", c.OK, "changed", c.Changed, "unreachable", c.Unreachable, "failed", c.Failed, "skipped", c.Skipped, "rescued", c.Rescued, "ignored", c.Ignored))
	}
	return out
}
