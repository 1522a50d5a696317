// Package output tells what a run does: in the words and columns of ansible-playbook for people, as JSON lines for programs, and as JUnit for CI.
package output

import (
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/drift/action"
	"goodstate.dev/goodstate/drift/engine"
)

// Text writes as Ansible's default callback does.
type Text struct {
	Out, Err  io.Writer
	Verbosity int
	Color     bool
	Columns   int // of the terminal
	Check     bool
	Diff      bool
	// The settings of the callback.
	HideSkipped, HideOK, ShowStats, Markers, FailuresToErr, PerHostStart, ArgsToo bool
	DiffContext                                                                   int

	banner   int // task whose banner is printed
	cached   map[int]string
	strategy string
	wrapped  map[string]bool
}

// Colours of the terminal.
const (
	red, green, yellow, cyan, blue, purple, magenta, darkGray = "0;31", "0;32", "0;33", "0;36", "0;34", "0;35", "1;35", "1;30"
	brightPurple                                              = "1;35"
)

var _ engine.Reporter = (*Text)(nil)

// Event prints one thing.
func (t *Text) Event(e engine.Event) {
	if show, ok := shows[e.Kind]; ok {
		show(t, e)
	}
}

var shows = map[engine.Kind]func(*Text, engine.Event){}

func init() {
	shows = map[engine.Kind]func(*Text, engine.Event){
		engine.PlaybookStart: (*Text).playbookStart, engine.PlayStart: (*Text).playStart,
		engine.NoHostsMatched: func(t *Text, _ engine.Event) { t.line("skipping: no hosts matched", cyan) },
		engine.NoHostsLeft:    func(t *Text, _ engine.Event) { t.title("NO MORE HOSTS LEFT") },
		engine.TaskStart:      func(t *Text, e engine.Event) { t.taskStart(e, "TASK") },
		engine.HandlerStart:   func(t *Text, e engine.Event) { t.taskStart(e, "RUNNING HANDLER") },
		engine.RunnerStart: func(t *Text, e engine.Event) {
			if t.PerHostStart {
				t.line(fmt.Sprintf(" [started TASK: %s on %s]", e.Task.Name, e.Host), green)
			}
		},
		engine.OK: (*Text).ok, engine.FailedTask: (*Text).failed, engine.Skipped: (*Text).skipped, engine.UnreachableHost: (*Text).unreachable,
		engine.ItemOK: (*Text).itemOK, engine.ItemFailed: (*Text).itemFailed, engine.ItemSkipped: (*Text).itemSkipped, engine.Diffed: (*Text).diffed,
		engine.Retry: (*Text).retry, engine.AsyncPoll: (*Text).asyncPoll, engine.AsyncOK: (*Text).asyncOK, engine.AsyncFailed: (*Text).asyncFailed,
		engine.Included: (*Text).included, engine.Recap: (*Text).recap,
		engine.Notified: func(t *Text, e engine.Event) {
			if t.Verbosity > 1 {
				t.line(fmt.Sprintf("NOTIFIED HANDLER %s for %s", e.Task.Name, e.Host), blue)
			}
		},
		engine.Imported: func(t *Text, e engine.Event) { t.verbose(2, "statically imported: "+e.Text) },
		engine.Meta: func(t *Text, e engine.Event) {
			if strings.HasPrefix(e.Text, "META: ") {
				t.verbose(2, e.Text)
				return
			}
			t.line(e.Text, "")
		},
		engine.Warning:     func(t *Text, e engine.Event) { t.Warn(e.Text) },
		engine.Deprecation: func(t *Text, e engine.Event) { t.note("[DEPRECATION WARNING]: "+e.Text, purple) },
		engine.Problem:     func(t *Text, e engine.Event) { fmt.Fprintln(t.Err, t.paint("ERROR! "+e.Text, red)) },
	}
}

func (t *Text) paint(text, color string) string {
	if !t.Color || color == "" {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		lines[i] = "\033[" + color + "m" + l + "\033[0m"
	}
	return strings.Join(lines, "\n")
}

func (t *Text) line(text, color string) {
	text = t.paint(text, color)
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	_, _ = io.WriteString(t.Out, text) // a closed terminal must not end the run
}

func (t *Text) verbose(least int, text string) {
	if t.Verbosity >= least {
		t.line(text, blue)
	}
}

// title prints a line with stars to the end of the terminal.
func (t *Text) title(text string) {
	text = strings.TrimSpace(text)
	stars := max(3, t.columns()-utf8.RuneCountInString(text))
	t.line("\n"+text+" "+strings.Repeat("*", stars), "")
}

func (t *Text) columns() int {
	if t.Columns > 0 {
		return t.Columns
	}
	return 79
}

// Warn prints a warning, once.
func (t *Text) Warn(text string) { t.note("[WARNING]: "+text, brightPurple) }

func (t *Text) note(text, color string) {
	if t.wrapped == nil {
		t.wrapped = map[string]bool{}
	}
	text = wrap(text, t.columns())
	if t.wrapped[text] {
		return
	}
	t.wrapped[text] = true
	fmt.Fprintln(t.Err, t.paint(text, color))
}

// wrap breaks text at spaces, as Python's textwrap does for one paragraph.
func wrap(text string, width int) string {
	var out []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
			line += " " + word
		default:
			out = append(out, line)
			line = word
		}
	}
	return strings.Join(append(out, line), "\n")
}

func (t *Text) playbookStart(e engine.Event) {
	if t.Verbosity > 1 {
		t.title("PLAYBOOK: " + filepath.Base(e.Playbook))
		t.line(e.Text, "")
	}
	if t.Check && t.Markers {
		t.title("DRY RUN")
	}
}

func (t *Text) marker(check bool) string {
	if check && t.Markers {
		return " [CHECK MODE]"
	}
	return ""
}

func (t *Text) playStart(e engine.Event) {
	t.strategy = e.Play.Strategy
	name := strings.TrimSpace(e.Play.Name)
	if name == "" {
		t.title("PLAY" + t.marker(e.Play.Check))
		return
	}
	t.title("PLAY [" + name + "]" + t.marker(e.Play.Check))
}

func (t *Text) free() bool { return t.strategy == "free" || t.strategy == "host_pinned" }

func (t *Text) taskStart(e engine.Event, prefix string) {
	if t.cached == nil {
		t.cached = map[int]string{}
	}
	t.cached[e.Task.ID] = prefix
	if t.free() {
		return
	}
	if !t.HideSkipped && !t.HideOK {
		t.taskBanner(e.Task)
	}
}

// taskBanner prints the task's title unless it is the last one that was printed.
func (t *Text) need(task *engine.TaskInfo) {
	if t.banner != task.ID {
		t.taskBanner(task)
	}
}

func (t *Text) taskBanner(task *engine.TaskInfo) {
	prefix := t.cached[task.ID]
	if prefix == "" {
		prefix = "TASK"
	}
	args := ""
	if t.ArgsToo && !task.NoLog && task.Args != nil {
		var parts []string
		for k, v := range task.Args.All() {
			parts = append(parts, py.Str(k)+"="+py.Str(v))
		}
		args = " " + strings.Join(parts, ", ")
	}
	t.title(prefix + " [" + strings.TrimSpace(task.Name) + args + "]" + t.marker(task.Check))
	if t.Verbosity >= 2 {
		t.path(task)
	}
	t.banner = task.ID
}

func (t *Text) path(task *engine.TaskInfo) {
	if task.Path != "" {
		t.line("task path: "+task.Path+":"+strconv.Itoa(task.Line), darkGray)
	}
}

// label is the host, with the one that did it.
func label(e engine.Event) string {
	if e.Delegated == "" || e.Delegated == e.Host {
		return e.Host
	}
	text := e.Host + " -> " + e.Delegated
	if e.Address != "" && e.Address != e.Delegated {
		text += "(" + e.Address + ")"
	}
	return text
}

func (t *Text) isVerbose(e engine.Event, least int) bool {
	return (t.Verbosity > least || action.Is(e.Result, "_ansible_verbose_always")) && !action.Is(e.Result, "_ansible_verbose_override")
}

func isLoop(e engine.Event) bool { return e.Task.Loop && e.Result.Has("results") && !hidden(e) }

func hidden(e engine.Event) bool { return e.Task.NoLog || action.Is(e.Result, "_ansible_no_log") }

func (t *Text) ok(e engine.Event) {
	if e.Task.Include {
		t.need(e.Task)
		return
	}
	word, color := "ok", green
	if changed(e.Result) {
		word, color = "changed", yellow
	} else if t.HideOK {
		return
	}
	t.need(e.Task)
	t.warnings(e)
	if isLoop(e) {
		return
	}
	text := word + ": [" + label(e) + "]"
	if t.isVerbose(e, 0) {
		text += " => " + t.dump(e)
	}
	t.line(text, color)
}

func changed(res *py.Dict) bool { return action.Is(res, "changed") }

func (t *Text) failed(e engine.Event) {
	t.need(e.Task)
	t.exception(e)
	t.warnings(e)
	if !isLoop(e) {
		t.error("fatal: [" + label(e) + "]: FAILED! => " + t.dump(e))
	}
	if e.Ignored {
		t.line("...ignoring", cyan)
	}
}

func (t *Text) error(text string) {
	if t.FailuresToErr {
		fmt.Fprintln(t.Err, t.paint(text, red))
		return
	}
	t.line(text, red)
}

func (t *Text) unreachable(e engine.Event) {
	t.need(e.Task)
	text := "fatal: [" + label(e) + "]: UNREACHABLE! => " + t.dump(e)
	t.line(text, "1;31")
	if e.Ignored {
		t.line("...ignoring", cyan)
	}
}

func (t *Text) skipped(e engine.Event) {
	if t.HideSkipped {
		return
	}
	t.need(e.Task)
	text := "skipping: [" + e.Host + "]"
	if t.isVerbose(e, 0) {
		if isLoop(e) {
			e.Result = e.Result.Copy()
			e.Result.Delete("results")
		}
		text += " => " + t.dump(e)
	}
	t.line(text, cyan)
}

// item is what is shown of the item of a loop.
func item(e engine.Event) string {
	if hidden(e) {
		return "None"
	}
	v, ok := e.Result.Get("_ansible_item_label")
	if !ok {
		v, _ = e.Result.Get("item")
	}
	return py.Str(v)
}

func (t *Text) itemOK(e engine.Event) {
	word, color := "ok", green
	if changed(e.Result) {
		word, color = "changed", yellow
	} else if t.HideOK {
		return
	}
	t.need(e.Task)
	text := fmt.Sprintf("%s: [%s] => (item=%s)", word, label(e), item(e))
	if t.isVerbose(e, 0) {
		text += " => " + t.dump(e)
	}
	t.line(text, color)
}

func (t *Text) itemFailed(e engine.Event) {
	t.need(e.Task)
	t.exception(e)
	t.warnings(e)
	t.error(fmt.Sprintf("failed: [%s] (item=%s) => %s", label(e), item(e), t.dump(e)))
}

func (t *Text) itemSkipped(e engine.Event) {
	if t.HideSkipped {
		return
	}
	t.need(e.Task)
	text := fmt.Sprintf("skipping: [%s] => (item=%s) ", e.Host, item(e))
	if t.isVerbose(e, 0) {
		text += " => " + t.dump(e)
	}
	t.line(text, cyan)
}

func (t *Text) retry(e engine.Event) {
	retries, _ := e.Result.Get("retries")
	attempts, _ := e.Result.Get("attempts")
	n, _ := retries.(int64)
	m, _ := attempts.(int64)
	text := fmt.Sprintf("FAILED - RETRYING: [%s]: %s (%d retries left).", label(e), e.Text, n-m)
	if t.isVerbose(e, 2) {
		text += "Result was: " + t.dump(e)
	}
	t.line(text, darkGray)
}

func of(e engine.Event, key string) string {
	v, ok := e.Result.Get(key)
	if !ok {
		return "None"
	}
	return py.Str(v)
}

func (t *Text) asyncPoll(e engine.Event) {
	t.line(fmt.Sprintf("ASYNC POLL on %s: jid=%s started=%s finished=%s", e.Host, of(e, "ansible_job_id"), of(e, "started"), of(e, "finished")), darkGray)
}

func (t *Text) asyncOK(e engine.Event) {
	t.line(fmt.Sprintf("ASYNC OK on %s: jid=%s", e.Host, of(e, "ansible_job_id")), darkGray)
}

func (t *Text) asyncFailed(e engine.Event) {
	t.line(fmt.Sprintf("ASYNC FAILED on %s: jid=%s", e.Host, of(e, "ansible_job_id")), darkGray)
}

func (t *Text) included(e engine.Event) {
	text := "included: " + e.Text + " for " + strings.Join(e.Hosts, ", ")
	if e.Result != nil {
		if v, ok := e.Result.Get("label"); ok {
			text += " => (item=" + py.Str(v) + ")"
		}
	}
	t.line(text, cyan)
}

func (t *Text) warnings(e engine.Event) {
	for key, prefix := range map[string]string{"warnings": "", "deprecations": "deprecated: "} {
		v, _ := e.Result.Get(key)
		list, ok := v.(*py.List)
		if !ok {
			continue
		}
		for _, w := range list.Items {
			if d, is := w.(*py.Dict); is {
				w, _ = d.Get("msg")
			}
			t.Warn(prefix + py.Str(w))
		}
		e.Result.Delete(key)
	}
}

func (t *Text) exception(e engine.Event) {
	v, ok := e.Result.Get("exception")
	if !ok || e.Task.NoLog {
		return
	}
	text := strings.TrimSpace(py.Str(v))
	if t.Verbosity < 3 {
		lines := strings.Split(text, "\n")
		t.error("An exception occurred during task execution. To see the full traceback, use -vvv. The error was: " + lines[len(lines)-1])
		return
	}
	t.error("The full traceback is:\n" + py.Str(v))
}

func (t *Text) recap(e engine.Event) {
	t.title("PLAY RECAP")
	for _, h := range e.Stats.Hosts() {
		c := e.Stats.Count(h)
		count := func(name string, n int, color string) string {
			text := fmt.Sprintf("%s=%-4d", name, n)
			if n == 0 {
				color = ""
			}
			return t.paint(text, color)
		}
		t.line(fmt.Sprintf("%s : %s %s %s %s %s %s %s", t.hostColumn(h, c), count("ok", c.OK, green), count("changed", c.Changed, yellow), count("unreachable", c.Unreachable, "1;31"),
			count("failed", c.Failed, red), count("skipped", c.Skipped, cyan), count("rescued", c.Rescued, green), count("ignored", c.Ignored, magenta)), "")
	}
	t.line("", "")
	if t.ShowStats && e.Stats.Custom.Len() > 0 {
		t.customStats(e.Stats.Custom)
	}
	if t.Check && t.Markers {
		t.title("DRY RUN")
	}
}

func (t *Text) hostColumn(host string, c engine.Count) string {
	if !t.Color {
		return fmt.Sprintf("%-26s", host)
	}
	color := green
	if c.Failed+c.Unreachable > 0 {
		color = red
	} else if c.Changed > 0 {
		color = yellow
	}
	return fmt.Sprintf("%-37s", t.paint(host, color))
}

func (t *Text) customStats(stats *py.Dict) {
	t.title("CUSTOM STATS: ")
	for _, key := range sortedKeys(stats) {
		if v, _ := stats.Get(key); key != "_run" {
			t.line("\t"+py.Str(key)+": "+strings.ReplaceAll(jsonText(v, 1), "\n", ""), "")
		}
	}
	if v, ok := stats.Get("_run"); ok {
		t.line("", "")
		t.line("\tRUN: "+strings.ReplaceAll(jsonText(v, 1), "\n", ""), "")
	}
	t.line("", "")
}
