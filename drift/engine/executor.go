package engine

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"time"

	"goodstate.dev/goodstate/core/inventory"
	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/drift/action"
	"goodstate.dev/goodstate/drift/jinja"
	"goodstate.dev/goodstate/drift/playbook"
)

// executor does one task on one host: the loop, the conditions and the tries around what is done.
type executor struct {
	p     *playRun
	host  *inventory.Host
	task  *playbook.Task
	scope *scope
	out   chan<- message
	info  *taskInfo
	shown *TaskInfo

	loopErr error
	fields  *fields
}

// fields are keywords of the task as they were resolved last.
type fields struct {
	ignoreErrors, ignoreUnreachable, noLog, diff, check, runOnce bool
	delegate                                                     string
	address                                                      string
	notify                                                       []string
	title                                                        string
}

func (e *executor) env() *jinja.Env { return e.info.env }

// run never panics the run: what goes wrong is the result.
func (e *executor) run() (d *done) {
	e.fields = &fields{noLog: e.p.r.opt.Settings.NoLog}
	d = &done{host: e.host, task: e.task}
	defer func() {
		if p := recover(); p != nil {
			d.result = e.failure(fmt.Errorf("goodstate itself failed in this task, please report it: %v\n%s", p, debug.Stack()))
		}
		d.fields = e.fields
	}()
	_ = e.keywords(e.scope) // what is wrong with them is told when the task runs
	items, looped, err := e.items()
	if err != nil {
		if !jinja.IsUndefined(err) {
			d.result = e.failure(err)
			return d
		}
		e.loopErr = err
	}
	switch {
	case err != nil || !looped:
		d.result, err = e.once(e.scope)
	case len(items) == 0:
		d.result, err = py.DictOf("skipped", true, "skipped_reason", "No items in the list", "results", py.NewList()), nil
	default:
		d.result, err = e.loop(items)
	}
	if err != nil {
		d.result = e.failure(err)
	} else if !d.result.Has("changed") {
		d.result.Set("changed", false)
	}
	return d
}

// failure is the result of an error.
func (e *executor) failure(err error) *py.Dict {
	var gone *action.Unreachable
	if errors.As(err, &gone) {
		return py.DictOf("unreachable", true, "msg", py.Unsafe(gone.Error()), "changed", false)
	}
	res := py.DictOf("failed", true, "msg", py.Unsafe(err.Error()))
	if e.fields.noLog {
		res.Set("_ansible_no_log", true)
	}
	return res
}

// items works out what the task goes over.
func (e *executor) items() (items []any, looped bool, err error) {
	t := e.task
	switch {
	case t.LoopWith != "":
		items, err = e.withItems()
		return items, true, err
	case t.Loop == nil:
		return nil, false, nil
	}
	v, err := e.env().Value(e.p.r.ctx, t.Loop, e.scope)
	if err != nil {
		return nil, true, err
	}
	list, ok := asLists(v).(*py.List)
	if !ok {
		return nil, true, fmt.Errorf("Invalid data passed to 'loop', it requires a list, got this instead: %s. Hint: If you passed a list/dict of just one element, "+
			"try adding wantlist=True to your lookup invocation or use q/query instead of lookup.", py.Str(v))
	}
	return list.Items, true, nil
}

// withItems asks the lookup of with_.
func (e *executor) withItems() ([]any, error) {
	var terms []any
	if e.task.LoopWith == "first_found" {
		terms = e.firstFound(e.task.Loop)
	} else {
		v, err := e.env().Value(e.p.r.ctx, e.task.Loop, e.scope)
		if err != nil {
			return nil, err
		}
		if list, ok := v.(*py.List); ok {
			terms = list.Items
		} else {
			terms = []any{v}
		}
	}
	items, err := e.env().Lookup(e.p.r.ctx, e.task.LoopWith, terms, nil, e.scope)
	if err != nil {
		return nil, err
	}
	return asLists(py.MarkUnsafe(py.NewList(items...))).(*py.List).Items, nil
}

// asLists makes lists of tuples.
func asLists(v any) any {
	switch x := v.(type) {
	case *py.List:
		for i, item := range x.Items {
			x.Items[i] = asLists(item)
		}
	case py.Tuple:
		out := &py.List{Items: make([]any, len(x))}
		for i, item := range x {
			out.Items[i] = asLists(item)
		}
		return out
	}
	return v
}

// firstFound resolves names of which some may be undefined; these are left out.
func (e *executor) firstFound(loop any) []any {
	var out []any
	for _, item := range itemsOf(loop) {
		v, err := e.env().Value(e.p.r.ctx, item, e.scope)
		if err != nil {
			continue
		}
		if list, ok := v.(*py.List); ok {
			out = append(out, list.Items...)
			continue
		}
		out = append(out, v)
	}
	return out
}

type loopNames struct {
	item, index, label string
	pause              time.Duration
	extended, all      bool
}

func (e *executor) loopNames() (loopNames, error) {
	n := loopNames{item: "item", all: true}
	c := e.task.Control
	if c == nil {
		n.label = "{{item}}"
		return n, nil
	}
	for _, field := range []struct {
		raw  any
		into *string
	}{{c.Var, &n.item}, {c.IndexVar, &n.index}} {
		if field.raw == nil {
			continue
		}
		v, err := e.env().Value(e.p.r.ctx, field.raw, e.scope)
		if err != nil {
			return n, err
		}
		*field.into = py.Str(v)
	}
	n.label = "{{" + n.item + "}}"
	if c.Label != nil {
		n.label = py.Str(c.Label)
	}
	if c.Pause != nil {
		v, err := e.env().Value(e.p.r.ctx, c.Pause, e.scope)
		if err != nil {
			return n, err
		}
		seconds, err := strconv.ParseFloat(py.Str(v), 64)
		if err != nil {
			return n, fmt.Errorf("the field 'pause' has an invalid value (%s), and could not be converted to an float.", py.Str(v))
		}
		n.pause = time.Duration(seconds * float64(time.Second))
	}
	var err error
	if n.extended, err = e.p.flagIn(c.Extended, false, "extended", e.scope); err != nil {
		return n, err
	}
	n.all, err = e.p.flagIn(c.ExtendedAll, true, "extended_allitems", e.scope)
	return n, err
}

// loop does the task for every item.
func (e *executor) loop(items []any) (*py.Dict, error) {
	n, err := e.loopNames()
	if err != nil {
		return nil, e.placed(err)
	}
	if _, taken := e.scope.Lookup(n.item); taken {
		e.warn(fmt.Sprintf("TASK: %s: The loop variable '%s' is already in use. You should set the `loop_var` value in the `loop_control` option for the task to something else to avoid variable collisions and unexpected behavior.", e.task.Title(), n.item))
	}
	results := make([]any, 0, len(items))
	registered := map[string]any{}
	noLog := false
	for i, item := range items {
		if i > 0 && n.pause > 0 && !e.sleep(n.pause) {
			return nil, e.p.r.ctx.Err()
		}
		local := map[string]any{"ansible_loop_var": n.item, n.item: item}
		if n.index != "" {
			local["ansible_index_var"], local[n.index] = n.index, int64(i)
		}
		if n.extended {
			local["ansible_loop"] = extended(items, i, n.all)
		}
		for k, v := range registered {
			local[k] = v
		}
		s := e.scope.with(local)
		res, err := e.once(s)
		if err != nil {
			return nil, err
		}
		noLog = noLog || e.fields.noLog
		e.itemDone(res, s, n, local)
		if e.task.Register != "" {
			registered[e.task.Register] = res
		}
		e.seen(res, s, registered)
		results = append(results, res)
	}
	e.fields.noLog = noLog
	return e.summary(results), nil
}

func extended(items []any, i int, all bool) *py.Dict {
	n := int64(len(items))
	at := int64(i)
	d := py.DictOf("index", at+1, "index0", at, "first", at == 0, "last", at+1 == n, "length", n, "revindex", n-at, "revindex0", n-at-1)
	if all {
		d.Set("allitems", py.NewList(items...))
	}
	if i+1 < len(items) {
		d.Set("nextitem", items[i+1])
	}
	if i > 0 {
		d.Set("previtem", items[i-1])
	}
	return d
}

// itemDone adds what a loop adds to the result of an item, and tells it.
func (e *executor) itemDone(res *py.Dict, s *scope, n loopNames, local map[string]any) {
	res.Set(n.item, local[n.item])
	res.Set("ansible_loop_var", n.item)
	if n.index != "" {
		res.Set(n.index, local[n.index])
		res.Set("ansible_index_var", n.index)
	}
	if n.extended {
		res.Set("ansible_loop", local["ansible_loop"])
	}
	res.Set("_ansible_item_result", true)
	res.Set("_ansible_ignore_errors", e.fields.ignoreErrors)
	label, err := e.env().Value(e.p.r.ctx, n.label, s)
	if err != nil {
		res.Set("failed", true)
		res.Set("msg", py.Unsafe("Failed to template loop_control.label: "+err.Error()))
	} else {
		res.Set("_ansible_item_label", label)
	}
	kind := ItemOK
	switch {
	case isFailed(res) || isUnreachable(res):
		kind = ItemFailed
	case action.Is(res, "skipped"):
		kind = ItemSkipped
	case e.task.Short() == "add_host" || e.task.Short() == "group_by" || e.task.IsInclude():
		return
	default:
		if e.fields.diff {
			e.tell(Diffed, res)
		}
	}
	e.tell(kind, res)
}

// tell sends an event about this host.
func (e *executor) tell(kind Kind, res *py.Dict) {
	e.out <- message{event: &Event{
		Kind: kind, Host: e.host.Name, Task: e.shown, Play: e.p.info, Result: res.Copy(), Delegated: e.fields.delegate, Address: e.fields.address, Text: e.fields.title,
	}}
}

func (e *executor) warn(text string) {
	e.out <- message{event: &Event{Kind: Warning, Text: text}}
}

// summary is the result of a loop.
func (e *executor) summary(results []any) *py.Dict {
	out := py.DictOf("results", py.NewList(results...))
	skippedAll, failed, changed := true, false, false
	warnings, deprecations := []any{}, []any{}
	for _, item := range results {
		res := item.(*py.Dict)
		changed = changed || action.Is(res, "changed")
		skippedAll = skippedAll && action.Is(res, "skipped")
		if action.Is(res, "failed") {
			ignore := action.Is(res, "_ansible_ignore_errors")
			if !failed || e.fields.ignoreErrors && !ignore {
				e.fields.ignoreErrors = ignore
			}
			failed = true
		}
		res.Delete("_ansible_ignore_errors")
		for key, into := range map[string]*[]any{"warnings": &warnings, "deprecations": &deprecations} {
			if v, ok := res.Get(key); ok && v != nil {
				*into = append(*into, itemsOf(v)...)
				res.Delete(key)
			}
		}
	}
	if changed {
		out.Set("changed", true)
	}
	out.Set("skipped", skippedAll)
	if len(warnings) > 0 {
		out.Set("warnings", py.NewList(warnings...))
	}
	if len(deprecations) > 0 {
		out.Set("deprecations", py.NewList(deprecations...))
	}
	switch {
	case skippedAll:
		out.Set("msg", "All items skipped")
	case failed:
		out.Set("failed", true)
		out.Set("msg", "One or more items failed")
	default:
		out.Set("msg", "All items completed")
	}
	return out
}

// sleep waits, unless the run ends.
func (e *executor) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-e.p.r.ctx.Done():
		return false
	}
}

// isFailed judges a result, or the items of one.
func isFailed(res *py.Dict) bool {
	if res.Has("failed_when_result") {
		v, _ := res.Get("failed_when_result")
		return py.Truth(v) // it may be the text of an error
	}
	judged, failed := false, false
	for _, item := range resultsOf(res) {
		if d, ok := item.(*py.Dict); ok && d.Has("failed_when_result") {
			v, _ := d.Get("failed_when_result")
			judged, failed = true, failed || py.Truth(v)
		}
	}
	if judged {
		return failed
	}
	return any_(res, "failed")
}

func isUnreachable(res *py.Dict) bool { return any_(res, "unreachable") }

func isSkipped(res *py.Dict) bool {
	items := resultsOf(res)
	if len(items) > 0 {
		for _, item := range items {
			if d, ok := item.(*py.Dict); !ok || !action.Is(d, "skipped") {
				return action.Is(res, "skipped")
			}
		}
		return true
	}
	return action.Is(res, "skipped")
}

// any_ finds a key in a result, or in one of its items.
func any_(res *py.Dict, key string) bool {
	if res.Has(key) {
		return action.Is(res, key)
	}
	for _, item := range resultsOf(res) {
		if d, ok := item.(*py.Dict); ok && action.Is(d, key) {
			return true
		}
	}
	return false
}

func resultsOf(res *py.Dict) []any {
	v, _ := res.Get("results")
	if list, ok := v.(*py.List); ok {
		return list.Items
	}
	return nil
}
