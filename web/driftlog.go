package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"goodstate.dev/goodstate/drift/log"
)

// logShown is how many results a page of the log has.
const logShown = 60

type driftLogData struct {
	Filter       log.Filter
	Since, Until string // as they are in the form
	Playbooks    []string
	Statuses     []string
	Page         log.Page
	Problem      string // the search cannot be understood
	Older        string // address of the next page
}

// driftLog is what tasks said on hosts, newest first, by pages.
func (s *site) driftLog(r *http.Request) (v view, err error) {
	ctx, q := r.Context(), r.URL.Query()
	d := driftLogData{Statuses: log.Statuses, Since: q.Get("since"), Until: q.Get("until"), Filter: log.Filter{
		Query: strings.TrimSpace(q.Get("q")), Host: strings.TrimSpace(q.Get("host")), Playbook: q.Get("playbook"), Run: q.Get("run"), Task: strings.TrimSpace(q.Get("task")), Status: q.Get("status"),
		Before: number(q.Get("before")), Limit: logShown,
	}}
	if d.Playbooks, err = s.Drift.Playbooks(ctx); err != nil {
		return v, err
	}
	for _, t := range []struct {
		text string
		into *time.Time
	}{{d.Since, &d.Filter.Since}, {d.Until, &d.Filter.Until}} {
		if t.text == "" {
			continue
		}
		if *t.into, err = time.ParseInLocation("2006-01-02T15:04", t.text, time.Local); err != nil {
			d.Problem = fmt.Sprintf("%q is no time, want for example 2026-03-04T05:06", t.text)
		}
	}
	if d.Filter.Query != "" && d.Problem == "" {
		if _, err := log.Match(d.Filter.Query); err != nil {
			d.Problem = err.Error()
		}
	}
	command := "goodstate drift log"
	if d.Problem == "" {
		if d.Page, err = s.Results.Search(ctx, d.Filter); err != nil {
			return v, err
		}
		command = logCommand(d.Filter, d.Since, d.Until)
	}
	if d.Page.Before > 0 {
		next := url.Values{}
		for k, v := range q {
			next[k] = v
		}
		next.Set("before", strconv.FormatInt(d.Page.Before, 10))
		d.Older = "/drift/log?" + next.Encode()
	}
	return view{Page: "driftlog", Title: "Log of results", Command: command, Data: d}, nil
}

// logCommand is the same search in a terminal.
func logCommand(f log.Filter, since, until string) string {
	words := []string{"goodstate drift log"}
	for _, flag := range [][2]string{{"--host", f.Host}, {"--playbook", f.Playbook}, {"--run", f.Run}, {"--task", f.Task}, {"--status", f.Status}, {"--since", since}, {"--until", until}} {
		if flag[1] != "" {
			words = append(words, flag[0], shellWord(flag[1]))
		}
	}
	if f.Query != "" {
		words = append(words, "--", shellWord(f.Query))
	}
	return strings.Join(words, " ")
}

// shellWord is a word for a shell.
func shellWord(word string) string {
	if strings.IndexFunc(word, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_./:@", r)
	}) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
