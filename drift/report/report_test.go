package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/store"
	"goodstate.dev/goodstate/drift/record"
	"goodstate.dev/goodstate/drift/report"
)

// hostile is what a host may say.
const hostile = "=1+2|<img src=x onerror=alert(1)>\n```\n# heading"

func TestAReportSaysWhatWasCheckedAndIsNotBrokenByWhatHostsSay(t *testing.T) {
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // the folder goes with the test
	book, err := record.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	put := func(query string, args ...any) {
		t.Helper()
		if _, err := s.DB().ExecContext(t.Context(), query, args...); err != nil {
			t.Fatal(err)
		}
	}
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	ms := at.UnixMilli()
	put(`INSERT INTO drift_runs (id, playbook, mode, who, why, started_at, ended_at, error, hosts, unreached, good, drifted, pending, flapping, uncheckable, unknown, corrected)
		VALUES ('look', 'site.yml', 'detect', 'ann', 'audit', ?, ?, '', 3, 1, 1, 2, 0, 0, 1, 1, 0)`, ms, ms+1)
	put(`INSERT INTO drift_causes (cause, diff, first_at) VALUES ('greeting-differs', ?, ?)`, hostile, ms)
	for i, host := range []string{"web1", "web2", "web3"} {
		trouble, good, drifted, unknown := "", 0, 1, 0
		if i == 2 {
			trouble, drifted, unknown = hostile, 0, 1
		}
		put(`INSERT INTO drift_hosts (host, playbook, run, seen_at, tried_at, trouble, good, drifted, pending, flapping, uncheckable, unknown) VALUES (?, 'site.yml', 'look', ?, ?, ?, ?, ?, 0, 0, 0, ?)`,
			host, ms, ms, trouble, good, drifted, unknown)
		state, cause := "drifted", "greeting-differs"
		if i == 2 {
			state, cause = "", ""
		}
		put(`INSERT INTO drift_resources (id, host, playbook, play, role, task, action, path, line, item, state, reason, cause, fingerprint, good_fingerprint, good_at, differs_at, corrected_at, seen_at, unheld, relapses, run)
			VALUES ('greeting', ?, 'site.yml', 'all', '', 'the greeting', 'copy', 'site.yml', 4, '', ?, ?, ?, 'f', 'f', ?, ?, 0, ?, 0, 1, 'look')`, host, state, trouble, cause, ms-60_000, ms, ms)
	}
	if _, err := book.Ignore(t.Context(), "site.yml", "greeting-differs", "load *test*", "ann", at, at.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	r, err := report.Of(t.Context(), book, report.Scope{}, at)
	if err != nil {
		t.Fatal(err)
	}
	text := map[string]string{}
	for _, format := range report.Formats() {
		var b bytes.Buffer
		if err := r.Write(t.Context(), &b, format, book); err != nil {
			t.Fatal(err)
		}
		text[format] = b.String()
	}
	for format, parts := range map[string][]string{
		"markdown": {"web\\[1-2\\]: the greeting", "after 2026-03-04 05:05:07Z and before 2026-03-04 05:06:07Z", "load \\*test\\*", "````diff", "| the greeting | site.yml | 0 | 2 | 0 | 1 |"},
		"html":     {"web[1-2]: the greeting", "&lt;img", "load *test*", "1 unknown"},
	} {
		for _, want := range parts {
			if !strings.Contains(text[format], want) {
				t.Errorf("%s lacks %q:\n%s", format, want, text[format])
			}
		}
	}
	if strings.Contains(text["html"], "<img") {
		t.Error("what a host said is HTML in the report")
	}
	rows, err := csv.NewReader(strings.NewReader(text["csv"])).ReadAll()
	if err != nil || len(rows) != 4 || rows[1][0] != "web1" || rows[1][14] != "load *test*" || rows[3][7] != "unknown" || !strings.HasPrefix(rows[3][8], "'=") {
		t.Errorf("CSV %q %v, want three rows, and no formula", rows, err)
	}
	var back report.Report
	if err := json.Unmarshal([]byte(text["json"]), &back); err != nil || len(back.Differences) != 1 || back.Differences[0].Count != 2 || len(back.Hosts) != 3 || len(back.Controls) != 1 || back.Controls[0].Counts.Unknown != 1 {
		t.Errorf("JSON %+v %v", back, err)
	}
}
