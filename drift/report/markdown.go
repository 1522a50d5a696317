package report

import (
	"fmt"
	"strings"

	"goodstate.dev/goodstate/drift/record"
	"goodstate.dev/goodstate/drift/state"
)

// plain is text that Markdown shows as it is, on one line.
var plain = strings.NewReplacer(`\`, `\\`, "|", `\|`, "<", "&lt;", ">", "&gt;", "&", "&amp;", "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "#", `\#`, "\r", " ", "\n", " ")

// fence encloses text in which there may be fences.
func fence(text string) string {
	mark := "```"
	for strings.Contains(text, mark) {
		mark += "`"
	}
	return mark + "diff\n" + strings.TrimRight(text, "\r\n") + "\n" + mark + "\n"
}

// Markdown is the report as a document.
func (r Report) Markdown() string {
	var b strings.Builder
	say := func(form string, args ...any) { fmt.Fprintf(&b, form, args...) }
	say("# Drift report\n\n%s, %s\n\n", clock(r.At), plain.Replace(r.scope()))
	c := r.Fleet.Resources
	say("%s; %d %% looked at.\n\n", counts(c), r.Fleet.Coverage)
	say("## What differs\n\n")
	if len(r.Differences) == 0 {
		say("Nothing that was looked at.\n\n")
	}
	for _, d := range r.Differences {
		what := d.Task
		if d.Item != "" {
			what += " (" + d.Item + ")"
		}
		say("### %s: %s\n\n%d hosts, %s; %s. %s, line %d.\n\n", plain.Replace(d.Hosts), plain.Replace(what), d.Count, counts(d.States), since(d), plain.Replace(d.Playbook), d.Line)
		if d.Hint != "" {
			say("Hint, a guess: %s\n\n", plain.Replace(d.Hint))
		}
		if d.Ignored != "" {
			say("May stay until %s: %s\n\n", clock(d.Until), plain.Replace(d.Ignored))
		}
		if d.Diff != "" {
			say("%s\n", fence(d.Diff))
		}
	}
	r.proofs(say)
	say("## What was checked\n\n| Task | Playbook | Good | Differ | Cannot be checked | Unknown | Oldest look | Newest look | Relapses |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, x := range r.Controls {
		say("| %s | %s | %d | %d | %d | %d | %s | %s | %d |\n", plain.Replace(x.Task), plain.Replace(x.Playbook), x.Counts.Good, x.Counts.Differing(), x.Counts.Uncheckable, x.Counts.Unknown,
			clock(x.Oldest), clock(x.Newest), x.Relapses)
	}
	say("\n## Hosts\n\n| Host | Playbook | State | Looked at | Seen | Trouble |\n|---|---|---|---|---|---|\n")
	for _, h := range r.Hosts {
		say("| %s | %s | %s | %d %% | %s | %s |\n", plain.Replace(h.Host), plain.Replace(h.Playbook), h.State.Word(), h.Coverage, clock(h.SeenAt), plain.Replace(h.Trouble))
	}
	say("\n## Last runs\n\n| Started | Run | Playbook | What | Who | Why | Hosts | Not gone through | Corrected | Error |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, x := range r.Runs {
		say("| %s | %s | %s | %s | %s | %s | %d | %d | %d | %s |\n", clock(x.Started), plain.Replace(x.ID), plain.Replace(x.Playbook), x.Mode, plain.Replace(x.Who), plain.Replace(x.Why),
			x.Hosts, x.Unreached, x.Corrected, plain.Replace(x.Error))
	}
	return b.String()
}

// proofs are the controls and the exceptions, where there are any.
func (r Report) proofs(say func(form string, args ...any)) {
	if len(r.Proofs) > 0 {
		say("## Controls\n\n| Control | Result | Tasks | Hosts | Failed on | Not known on | Oldest look | Newest look |\n|---|---|---|---|---|---|---|---|\n")
		for _, p := range r.Proofs {
			say("| %s | %s | %s | %d | %s | %s | %s | %s |\n", plain.Replace(p.Control), p.Result, plain.Replace(strings.Join(p.Tasks, "; ")), p.Hosts, plain.Replace(p.Failed), plain.Replace(p.Unknown), clock(p.Oldest), clock(p.Newest))
		}
		say("\n")
	}
	if len(r.Exceptions) > 0 {
		say("## Exceptions\n\n| Made | Who | What may stay | Until | Why |\n|---|---|---|---|---|\n")
		for _, e := range r.Exceptions {
			say("| %s | %s | %s | %s | %s |\n", clock(e.At), plain.Replace(e.Who), plain.Replace(subject(e)), clock(e.Until), plain.Replace(e.Reason))
		}
		say("\n")
	}
}

func (r Report) scope() string {
	text := "all playbooks"
	if r.Playbook != "" {
		text = "playbook " + r.Playbook
	}
	if r.Hosted != "" {
		text += ", " + r.Hosted
	}
	return text
}

// subject is what an exception is about.
func subject(e record.Exception) string {
	name := e.Cause[:min(8, len(e.Cause))] + " of " + e.Playbook
	if e.Task != "" {
		return e.Task + ", " + name
	}
	return name
}

// counts are the states that there are, the worst first.
func counts(c state.Counts) string {
	var words []string
	for _, p := range []struct {
		n    int
		word string
	}{{c.Flapping, "flapping"}, {c.Drifted, "drifted"}, {c.Pending, "pending"}, {c.Unknown, "unknown"}, {c.Uncheckable, "cannot be checked"}, {c.Good, "good"}} {
		if p.n > 0 {
			words = append(words, fmt.Sprintf("%d %s", p.n, p.word))
		}
	}
	if len(words) == 0 {
		return "nothing was looked at"
	}
	return strings.Join(words, ", ")
}
