package cli

import (
	"context"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/hooks/client"
	"goodstate.dev/goodstate/hooks/report"
	"goodstate.dev/goodstate/hooks/rule"
	"goodstate.dev/goodstate/hooks/server"
)

// judgeJobs runs the jobs of the work tree's configuration on a range, and adds what they say to the report.
func judgeJobs(ctx context.Context, r *report.Run, from, to string) error {
	bases, tip, err := ends(ctx, server.Repository{}, from, to)
	if err != nil {
		return err
	}
	repo, err := client.Open()
	if err != nil {
		return err
	}
	for _, stage := range []string{"pre-commit", "pre-push"} {
		done, err := client.Between(ctx, repo, stage, bases, tip)
		if err != nil {
			return err
		}
		for _, res := range done.Jobs {
			for _, f := range ofJob(res) {
				found := server.Finding{Finding: f}
				if !slices.Contains(r.Findings, found) { // a job of both stages says it twice
					r.Findings = append(r.Findings, found)
				}
			}
		}
	}
	return nil
}

// placed is a line in which a tool says what is wrong where, as compilers do.
var placed = regexp.MustCompile(`^([^\s:][^:]*):(\d+)(?::(\d+))?:?\s+(.*)$`)

const (
	mostOfJob  = 100 // findings that are taken from the output of one job
	lastOfJob  = 10  // lines that are shown of an output that names no files
	longOfLine = 400 // bytes of a line
)

// ofJob is what a job found: the lines of its output that name one of its files, or the end of the output.
func ofJob(res client.Result) []rule.Finding {
	if res.Good {
		return nil
	}
	var found []rule.Finding
	lines := strings.Split(strings.TrimSpace(res.Output), "\n")
	for _, line := range lines {
		m := placed.FindStringSubmatch(line)
		if m == nil || len(found) == mostOfJob {
			continue
		}
		name := path.Clean(m[1])
		if !slices.Contains(res.Files, name) {
			continue
		}
		row, _ := strconv.Atoi(m[2]) // digits; one that is too large is as good as none
		column, _ := strconv.Atoi(m[3])
		found = append(found, rule.Finding{Rule: res.Job, Path: name, Line: row, Column: column, Message: cut(m[4])})
	}
	if len(found) > 0 {
		return found
	}
	said := res.Why
	if strings.TrimSpace(res.Output) != "" {
		said += ": " + cut(strings.Join(lines[max(0, len(lines)-lastOfJob):], "; "))
	}
	return []rule.Finding{{Rule: res.Job, Message: said}}
}

func cut(text string) string {
	if len(text) > longOfLine {
		text = strings.ToValidUTF8(text[:longOfLine], "") + "..."
	}
	return text
}
