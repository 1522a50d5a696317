package watch

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/backup/plan"
)

var noon = time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC)

func ordinary() Look {
	return Look{
		Host: "db1", At: noon, Since: time.Hour, Process: "p", Verify: "every 7d",
		Points:   map[string]Seen{"aa": {"shop", noon.Add(-2 * time.Hour), "db1"}, "bb": {"shop", noon.Add(-time.Hour), "db1"}},
		Keys:     map[string]string{"k1": "ann on db1"},
		Policies: map[string]Policy{"shop": {Copy: "every 30m", LongestCopy: 30 * time.Minute, Drill: "every 1d", LongestDrill: 24 * time.Hour, Keep: plan.Keep{Daily: 14}}},
	}
}

func later(change func(*Look)) Look {
	l := ordinary()
	l.At, l.Since = l.At.Add(time.Minute), l.Since+time.Minute
	change(&l)
	return l
}

func told(all []Alert) string {
	var lines []string
	for _, a := range all {
		lines = append(lines, fmt.Sprintf("%s %s: %s", a.Severity, a.Kind, a.Text))
	}
	return strings.Join(lines, "\n")
}

func TestWhatIsOddAboutARepositoryIsTold(t *testing.T) {
	policy := func(change func(*Policy)) func(*Look) {
		return func(l *Look) {
			p := l.Policies["shop"]
			change(&p)
			l.Policies["shop"] = p
		}
	}
	for _, c := range []struct {
		name   string
		change func(*Look)
		known  Known
		want   string // empty: nothing
	}{
		{"nothing", func(*Look) {}, Known{}, ""},
		{"a copy of ours", func(l *Look) { l.Points["cc"] = Seen{"shop", l.At, "db1"} }, Known{Made: map[string]bool{"cc": true}}, ""},
		{"a copy of somebody else", func(l *Look) { l.Points["cc"] = Seen{"shop", l.At, "evil"} }, Known{}, `warning foreign: restore point cc of shop was made by somebody else, on host "evil"`},
		{"we let one go", func(l *Look) { delete(l.Points, "aa") }, Known{Gone: map[string]bool{"aa": true}}, ""},
		{"somebody deleted one", func(l *Look) { delete(l.Points, "aa") }, Known{}, "critical deleted: a restore point of shop is gone"},
		{"somebody deleted all", func(l *Look) { l.Points = nil }, Known{}, "critical deleted: 2 restore points"},
		{"an unknown key", func(l *Look) { l.Keys["k2"] = "mallory on laptop" }, Known{}, "critical key: a key that goodstate did not make opens the repository: k2, made by mallory"},
		{"a key of ours", func(l *Look) { l.Keys["k2"] = "ann on db1" }, Known{Keys: map[string]bool{"k2": true}}, ""},
		{"a copy that we made before we died", func(l *Look) { l.Points["cc"] = Seen{"shop", l.At, "db1"} }, Known{}, ""},
		{"a key is gone", func(l *Look) { delete(l.Keys, "k1") }, Known{}, "warning key: a key of the repository is gone"},
		{"no copies any more", policy(func(p *Policy) { p.Copy, p.LongestCopy = "never", 0 }), Known{}, "warning schedule: shop is copied less often: never, was every 30m"},
		{"fewer copies", policy(func(p *Policy) { p.Copy, p.LongestCopy = "every 1d", 24*time.Hour }), Known{}, "warning schedule: shop is copied less often"},
		{"more copies", policy(func(p *Policy) { p.LongestCopy = time.Minute }), Known{}, ""},
		{"no drills", policy(func(p *Policy) { p.Drill, p.LongestDrill = "never", 0 }), Known{}, "warning schedule: shop is drilled less often"},
		{"no such application", func(l *Look) { l.Policies = nil }, Known{}, "warning schedule: shop is not copied to this repository any more"},
		{"not verified", func(l *Look) { l.Verify = "never" }, Known{}, "warning schedule: the repository is not verified"},
		{"shorter retention", policy(func(p *Policy) { p.Keep.Daily = 1 }), Known{}, "warning retention: fewer restore points of shop are kept: daily: 1, was 14"},
		{"the clock goes back", func(l *Look) { l.At = noon.Add(-time.Hour) }, Known{}, "critical clock: the clock was set back by 1h0m0s"},
		{"a small step back", func(l *Look) { l.At = noon.Add(-time.Minute) }, Known{}, ""},
		{"the clock jumps a year", func(l *Look) { l.At = noon.AddDate(1, 0, 0) }, Known{}, "critical clock: the clock was set forward by"},
		{"the process was down for a year", func(l *Look) { l.At, l.Process = noon.AddDate(1, 0, 0), "another" }, Known{}, ""},
		{"a point of the future", func(l *Look) { l.Points["cc"] = Seen{"shop", noon.AddDate(1, 0, 0), "db1"} }, Known{Made: map[string]bool{"cc": true}}, "warning clock: 1 restore points are of the future"},
	} {
		got := told(Compare(ordinary(), later(c.change), c.known))
		if c.want == "" && got != "" || !strings.HasPrefix(got, c.want) || strings.Count(got, "\n") > 0 {
			t.Errorf("%s:\n%s\nwant %s", c.name, got, c.want)
		}
	}
}

const mib = 1 << 20

// week is the usual copies: 100 MiB of which 1 % changes, half of which compression takes away.
func week() []Copy {
	all := []Copy{{Bytes: 100 * mib, Fresh: 100 * mib, Written: 50 * mib}}
	for range 6 {
		all = append(all, Copy{Bytes: 100 * mib, Fresh: mib, Written: mib / 2})
	}
	return all
}

func photos() []Copy {
	all := []Copy{{Bytes: 100 * mib, Fresh: 100 * mib, Written: 100 * mib}}
	for range 6 {
		all = append(all, Copy{Bytes: 100 * mib, Fresh: mib, Written: mib})
	}
	return all
}

func TestWhatIsOddAboutACopyIsTold(t *testing.T) {
	for _, c := range []struct {
		name    string
		history []Copy
		last    Copy
		want    string
	}{
		{"an ordinary one", week(), Copy{Bytes: 100 * mib, Fresh: 2 * mib, Written: mib}, ""},
		{"nothing new", week(), Copy{Bytes: 100 * mib}, ""},
		{"too early to know", week()[:2], Copy{Bytes: mib, Fresh: mib, Written: mib}, ""},
		{"most is gone", week(), Copy{Bytes: 10 * mib}, "critical shrunk: the copy of shop is suddenly small: 10 MiB, usual are 100 MiB"},
		{"five times as much", week(), Copy{Bytes: 500 * mib, Fresh: 400 * mib, Written: 200 * mib}, "warning grown"},
		{"everything encrypted", week(), Copy{Bytes: 101 * mib, Fresh: 101 * mib, Written: 101 * mib}, "critical encrypted: 99% of shop was replaced by what cannot be compressed"},
		{"a tenth encrypted", week(), Copy{Bytes: 100 * mib, Fresh: 10 * mib, Written: 10 * mib}, "critical encrypted: 10%"},
		{"a tenth more in photos", week(), Copy{Bytes: 110 * mib, Fresh: 10 * mib, Written: 10 * mib}, ""},
		{"a rewrite in plain", week(), Copy{Bytes: 100 * mib, Fresh: 60 * mib, Written: 30 * mib}, "warning changed: 60% of shop changed at once"},
		{"photos encrypted", photos(), Copy{Bytes: 100 * mib, Fresh: 99 * mib, Written: 99 * mib}, "critical changed: 99% of shop changed at once"},
		{"a tenth of the photos is edited", photos(), Copy{Bytes: 100 * mib, Fresh: 10 * mib, Written: 10 * mib}, ""},
	} {
		got := told(Judge("shop", c.history, c.last))
		if c.want == "" && got != "" || !strings.HasPrefix(got, c.want) || strings.Count(got, "\n") > 0 {
			t.Errorf("%s:\n%s\nwant %s", c.name, got, c.want)
		}
	}
}
