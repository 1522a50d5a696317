package analysis

import (
	"fmt"
	"sort"
	"strings"
	"time"
)

// UserReport is what users said in the rollout's time, those who said the same on the same release together.
type UserReport struct {
	Group   int64     `json:"group"`
	Kind    string    `json:"kind"`
	Release string    `json:"release"`
	Text    string    `json:"text"`
	Count   int       `json:"count"`
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
}

const mostUserReports = 50

// userReports are the reports with those that many sent first.
func userReports(all []UserReport) []UserReport {
	sort.SliceStable(all, func(i, j int) bool { return all[i].Count > all[j].Count })
	return all[:min(len(all), mostUserReports)]
}

func (r Report) users(b *strings.Builder) {
	if len(r.Users) == 0 {
		return
	}
	b.WriteString("\n## What users reported\n\n")
	for _, u := range r.Users {
		release := u.Release
		if release == "" {
			release = "release not known"
		}
		fmt.Fprintf(b, "- %dx on %s, %s at %s: %s\n", u.Count, release, u.Kind, u.First.Local().Format(clock), quoted(u.Text))
	}
}

// quoted is what a user wrote, as one line of code in Markdown: nothing in it is markup.
func quoted(text string) string {
	return "`" + strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "`", "'") + "`"
}
