package report

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/core/notify"
	"goodstate.dev/goodstate/core/store"
	"goodstate.dev/goodstate/drift/record"
)

func TestAReportIsSentWhenItIsDueOnceForAllTimesThatWereMissed(t *testing.T) {
	ctx := t.Context()
	s, err := store.Open(ctx, filepath.Join(t.TempDir(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // the folder goes with the test
	book, err := record.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := OpenSigner(s.Dir())
	if err != nil {
		t.Fatal(err)
	}
	told, err := notify.New(notify.Options{DB: s.DB()})
	if err != nil {
		t.Fatal(err)
	}
	var plans config.Map[Plan]
	plans.Set("daily", Plan{Cron: "0 7 * * *", TZ: "Europe/Berlin", Formats: []string{"html", "csv", "evidence"}})
	plans.Set("group", Plan{Cron: "0 7 * * *", TZ: "Europe/Berlin", Playbook: "site", Group: "web", Formats: []string{"json"}})
	fails := errors.New("no inventory")
	j := journal.New(s)
	x := NewSender(Options{
		Plans: plans, DB: s.DB(), Book: book, Journal: j, Notify: told, Signer: signer, Log: slog.New(slog.DiscardHandler),
		Members: func(context.Context, string, string) ([]string, error) { return []string{"web1"}, fails },
	})
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	day := func(d, hour int) time.Time { return time.Date(2026, 3, d, hour, 0, 0, 0, berlin) }
	for _, c := range []struct {
		what  string
		now   time.Time
		made  int
		wrong bool
	}{
		{"it is new", day(1, 8), 0, false},
		{"it is not due yet", day(2, 6), 0, false},
		{"it is due", day(2, 7), 1, true},
		{"it was sent", day(2, 8), 1, false},
		{"three were missed", day(5, 12), 2, true},
		{"the clock was set back", day(3, 12), 2, false},
		{"and goes on", day(4, 7), 3, true},
	} {
		if err := x.Due(ctx, c.now); (err != nil) != c.wrong || err != nil && !errors.Is(err, fails) {
			t.Errorf("%s: %v", c.what, err)
		}
		all, err := j.List(ctx, journal.Filter{Event: Made, Target: "report/daily"})
		if err != nil || len(all) != c.made {
			t.Errorf("%s: %d reports, want %d: %v", c.what, len(all), c.made, err)
		}
	}
	var said string
	if err := s.DB().QueryRowContext(ctx, `SELECT said FROM drift_report_sent WHERE name = 'group'`).Scan(&said); err != nil || said != "not sent: no inventory" {
		t.Errorf("%q %v, want why it was not sent", said, err)
	}
	if all, err := j.List(ctx, journal.Filter{Event: Made, Target: "report/group"}); err != nil || len(all) != 0 {
		t.Errorf("%+v %v: a report of hosts that nobody knows was made", all, err)
	}
}
