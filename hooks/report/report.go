// Package report writes what was found in a range of commits in the forms that people and CI systems read. It decides nothing.
package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"goodstate.dev/goodstate/hooks/server"
)

// Run is what was looked at.
type Run struct {
	Version  string // of goodstate
	From, To string
	*server.Judgement
}

// writers are the forms, by name.
var writers = map[string]func(w io.Writer, r Run) error{
	"text": text, "json": document, "sarif": sarif, "junit": junit, "github": github, "gitlab": gitlab,
}

// Formats are the names of the forms.
func Formats() []string { return slices.Sorted(maps.Keys(writers)) }

// Write writes the run in a form.
func Write(w io.Writer, format string, r Run) error {
	write, ok := writers[format]
	if !ok {
		return fmt.Errorf("unknown format %q, want one of %s", format, strings.Join(Formats(), ", "))
	}
	if err := write(w, r); err != nil {
		return fmt.Errorf("write the report as %s: %w", format, err)
	}
	return nil
}

func text(w io.Writer, r Run) error {
	for _, f := range r.Findings {
		if _, err := fmt.Fprintln(w, f); err != nil {
			return err
		}
	}
	if r.Further > 0 {
		if _, err := fmt.Fprintf(w, "and %d more\n", r.Further); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%s, %s, %s\n", count(r.Commits, "commit"), count(r.Files, "changed file"), count(len(r.Findings)+r.Further, "finding"))
	return err
}

func count(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// rules are the names of the rules that found something.
func rules(r Run) []string {
	var names []string
	for _, f := range r.Findings {
		if !slices.Contains(names, f.Rule) {
			names = append(names, f.Rule)
		}
	}
	slices.SortFunc(names, cmp.Compare[string])
	return names
}
