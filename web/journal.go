package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/core/journal"
)

const entriesShown = 100

type journalData struct {
	Entries  []journal.Entry
	Filter   journal.Filter
	Older    string // address of the next page; empty: no older ones
	Checked  bool
	Report   journal.Report
	Verify   string // address of this page with the proof
	Service  string
	Services []string
}

// journal is what happened, newest first, by pages.
func (s *site) journal(r *http.Request) (view, error) {
	q := r.URL.Query()
	d := journalData{Service: q.Get("service"), Services: s.Rollouts.Services.Keys()}
	d.Filter = journal.Filter{
		Run: q.Get("run"), Event: q.Get("event"), Actor: strings.TrimSpace(q.Get("actor")), Before: number(q.Get("before")),
		Limit: entriesShown + 1, Newest: true,
	}
	if d.Service != "" {
		d.Filter.Target = targetOf(d.Service)
	}
	var err error
	if d.Entries, err = s.Journal.List(r.Context(), d.Filter); err != nil {
		return view{}, err
	}
	if len(d.Entries) > entriesShown {
		d.Entries = d.Entries[:entriesShown]
		d.Older = with(q, "before", strconv.FormatInt(d.Entries[entriesShown-1].Seq, 10))
	}
	d.Verify = with(q, "verify", "yes")
	if q.Get("verify") != "" {
		if d.Report, err = s.Journal.Verify(r.Context()); err != nil {
			return view{}, err
		}
		d.Checked = true
	}
	command := "goodstate history"
	if d.Checked {
		command += " --verify"
	}
	return view{Page: "journal", Title: "Journal", Command: command, Data: d}, nil
}

func with(q url.Values, name, value string) string {
	next := url.Values{}
	for k, v := range q {
		next[k] = v
	}
	next.Set(name, value)
	return "/journal?" + next.Encode()
}

// number reads the place to page from; what is no number is the first page.
func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}
