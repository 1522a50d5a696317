package analysis

import (
	"fmt"
	"strings"
	"time"
)

const clock = "15:04:05"

// Markdown is the report as a document that can be put into an issue or a wiki.
func (r Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s: %s was rolled back to %s\n\n%s\n\n", r.Service, r.New.Version, r.Old.Version, r.Summary)
	fmt.Fprintf(&b, "Rollout `%s`, %s, started %s by %s", r.Run, r.Strategy, r.Started.Local().Format("2006-01-02 15:04:05"), r.Who)
	if r.Why != "" {
		fmt.Fprintf(&b, " (%s)", r.Why)
	}
	b.WriteString(".\n\n## What was seen first\n\n")
	if r.Signal != nil {
		fmt.Fprintf(&b, "- first sign at %s: %s\n", r.Signal.At.Local().Format(clock), r.Signal.What)
	}
	if r.First != nil {
		fmt.Fprintf(&b, "- first error on %s at %s, %s after its first traffic\n", r.New.Version, r.First.At.Local().Format(clock), round(r.First.AfterShift))
		fmt.Fprintf(&b, "- the way back began after %s, the last traffic left it after %s\n", round(r.First.Detected), round(r.First.Reversed))
	}
	fmt.Fprintf(&b, "- trigger at %s in %s, by %s: %s\n", r.Trigger.At.Local().Format(clock), r.Trigger.Stage, r.Trigger.By, r.Trigger.Why)
	for _, f := range r.Trigger.Findings {
		fmt.Fprintf(&b, "- %s\n", f)
		if f.Detail != "" {
			fmt.Fprintf(&b, "\n%s\n\n", indent(f.Detail))
		}
	}
	r.users(&b)
	r.suspected(&b)
	r.metrics(&b)
	r.changes(&b)
	r.after(&b)
	return b.String()
}

func (r Report) metrics(b *strings.Builder) {
	b.WriteString("\n## Metrics\n\n| when | release | requests | errors | p50 | p99 |\n|---|---|---:|---:|---:|---:|\n")
	for _, p := range r.Periods {
		name := r.versionOf(p.Release)
		if p.Requests == 0 {
			fmt.Fprintf(b, "| %s | %s | 0 | no traffic | | |\n", p.Name, name)
			continue
		}
		fmt.Fprintf(b, "| %s | %s | %d | %.2f%% | %s | %s |\n", p.Name, name, p.Requests, 100*p.ErrorShare(), round(p.P50), round(p.P99))
	}
}

func (r Report) changes(b *strings.Builder) {
	b.WriteString("\n## What was different\n\n")
	for _, c := range r.Commits {
		fmt.Fprintf(b, "- commit %s, %s, %s: %s\n", c.ID[:min(10, len(c.ID))], c.When.Local().Format("2006-01-02 15:04"), c.Author, c.Subject)
	}
	for _, f := range r.Files {
		fmt.Fprintf(b, "- file %s: +%d -%d\n", f.Path, f.Added, f.Removed)
	}
	for _, c := range r.Config {
		fmt.Fprintf(b, "- configuration %s: %s -> %s\n", c.Path, c.Old, c.New)
	}
	for _, line := range r.Database {
		fmt.Fprintf(b, "- schema: %s\n", line)
	}
	for _, h := range r.Hosts {
		fmt.Fprintf(b, "- host: %s\n", h)
	}
	for _, o := range r.Others {
		fmt.Fprintf(b, "- other run: %s\n", o)
	}
	for _, g := range r.Gaps {
		fmt.Fprintf(b, "- not known: %s\n", g)
	}
	if len(r.Commits)+len(r.Files)+len(r.Config)+len(r.Database)+len(r.Others)+len(r.Gaps) == 0 {
		b.WriteString("- nothing that is recorded: same commit, same configuration\n")
	}
	r.seen(b)
	if len(r.Logs) > 0 {
		b.WriteString("\n## Log lines that only the new release wrote\n\n")
		for _, p := range r.Logs {
			fmt.Fprintf(b, "- %dx `%s`\n", p.Count, strings.ReplaceAll(p.Example, "`", "'"))
		}
	}
}

// suspected is the ranking of what was different, each with what speaks for it.
func (r Report) suspected(b *strings.Builder) {
	if len(r.Suspects) == 0 {
		return
	}
	b.WriteString("\n## Where to look first\n\nWhat was different, by what speaks for it. This is evidence, not a cause.\n\n")
	for i, s := range r.Suspects {
		fmt.Fprintf(b, "%d. %s `%s`\n", i+1, s.Kind, plainText(s.Name))
		for _, e := range s.Evidence {
			fmt.Fprintf(b, "   - %s\n", e)
		}
	}
}

// seen is what failed, and what others saw.
func (r Report) seen(b *strings.Builder) {
	if len(r.Failing) > 0 {
		b.WriteString("\n## Requests that failed\n\n")
		for _, w := range r.Failing {
			fmt.Fprintf(b, "- %dx on %s: `%s`\n", w.Count, r.versionOf(w.Release), plainText(asked(w)))
		}
	}
	if len(r.Evidence) > 0 {
		b.WriteString("\n## What else was seen\n\n")
		for _, e := range r.Evidence {
			fmt.Fprintf(b, "- %s %s: %s", e.At.Local().Format(clock), e.Kind, e.Text)
			if e.Count > 1 {
				fmt.Fprintf(b, " (%d times)", e.Count)
			}
			b.WriteString("\n")
			for _, x := range e.Examples {
				fmt.Fprintf(b, "   - `%s`\n", plainText(x))
			}
		}
	}
}

// plainText fits between back ticks on one line.
func plainText(s string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "`", "'")
}

func (r Report) versionOf(release string) string {
	if release == r.New.ID() {
		return r.New.Version
	}
	return r.Old.Version
}

func (r Report) after(b *strings.Builder) {
	fmt.Fprintf(b, "\n## After the way back: %s\n\n", r.Verdict)
	for _, f := range r.After {
		fmt.Fprintf(b, "- %s\n", f)
	}
	b.WriteString("\n## Time line\n\n")
	for _, e := range r.Timeline {
		fmt.Fprintf(b, "- %s %s", e.At.Local().Format(clock), e.Text)
		if e.By != "" && e.By != "goodstate" {
			fmt.Fprintf(b, " (%s)", e.By)
		}
		b.WriteString("\n")
	}
}

func indent(s string) string {
	return "    " + strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n    ")
}

func round(d time.Duration) time.Duration {
	switch {
	case d >= 10*time.Second:
		return d.Round(time.Second)
	case d >= time.Second:
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(100 * time.Microsecond)
}
