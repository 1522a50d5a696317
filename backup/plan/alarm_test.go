package plan

import (
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/config"
)

func TestPeopleAreToldBeforeTheRPOIsBroken(t *testing.T) {
	hour := time.Hour
	for _, c := range []struct {
		name  string
		facts Facts
		want  string
	}{
		{"young enough", Facts{Copied: noon.Add(-30 * time.Minute), RPO: hour}, ""},
		{"three quarters are gone", Facts{Copied: noon.Add(-45 * time.Minute), RPO: hour}, "broken in 15m0s; no copy was tried"},
		{"and the last try failed", Facts{Copied: noon.Add(-50 * time.Minute), RPO: hour, Failed: "disk full"}, "disk full"},
		{"and the last copy is incomplete", Facts{Copied: noon.Add(-50 * time.Minute), RPO: hour, Incomplete: []string{"a: refused"}}, "a: refused"},
		{"broken already", Facts{Copied: noon.Add(-61 * time.Minute), RPO: hour}, ""},
		{"no RPO", Facts{Copied: noon.Add(-1000 * hour)}, ""},
		{"never copied", Facts{RPO: hour}, ""},
	} {
		why, soon := Soon(c.facts, noon)
		if soon != (c.want != "") || !strings.Contains(why, c.want) {
			t.Errorf("%s: %v %q, want %q", c.name, soon, why, c.want)
		}
	}
}

func TestWhenSomethingIsDue(t *testing.T) {
	read := func(text string) (w When) {
		if err := w.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		return w
	}
	day := read("24h")
	if got := day.Due(noon, noon); !got.Equal(noon.Add(24 * time.Hour)) {
		t.Errorf("a day later: %s", got)
	}
	if got := day.Due(time.Time{}, noon); !got.Equal(noon) {
		t.Errorf("never yet is due at once: %s", got)
	}
	if got := read("@every 2h").Due(noon.Add(time.Minute), noon); !got.Equal(noon.Add(2 * time.Hour)) {
		t.Errorf("every two hours: %s", got)
	}
	if got := read("0 3 * * *").Due(time.Time{}, noon); got.Local().Hour() != 3 || got.Before(noon) {
		t.Errorf("at three: %s", got)
	}
	if got := (When{}).Due(noon, noon); !got.IsZero() {
		t.Errorf("never: %s", got)
	}
	if got := read("0 3 * * *").Longest(noon); got < 23*time.Hour || got > 25*time.Hour {
		t.Errorf("longest of a daily one: %s", got)
	}
	if got := read("0 3 * * mon-fri").Longest(noon); got < 71*time.Hour || got > 73*time.Hour {
		t.Errorf("longest over a weekend: %s", got)
	}
	for _, bad := range []string{"10s", "soon", "61 * * * *", "5"} {
		var w When
		if w.UnmarshalText([]byte(bad)) == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	if got := Copying(When{}, time.Hour); got.String() != "every 30m" {
		t.Errorf("derived: %s", got)
	}
	if got := Copying(read("10m"), time.Hour); got.String() != "every 10m" {
		t.Errorf("given: %s", got)
	}
}

func TestAShorterRetentionIsNamed(t *testing.T) {
	for _, c := range []struct {
		name        string
		before, now Keep
		want        string
	}{
		{"the same", Keep{Daily: 7}, Keep{Daily: 7}, ""},
		{"longer", Keep{Daily: 7}, Keep{Daily: 14}, ""},
		{"everything is longer than anything", Keep{Daily: 7}, Keep{}, ""},
		{"no more everything", Keep{}, Keep{Daily: 7}, "everything was kept"},
		{"fewer days", Keep{Daily: 14, Monthly: 2}, Keep{Daily: 7, Monthly: 3}, "daily: 7, was 14"},
		{"a shorter time", Keep{Within: config.Duration(48 * time.Hour)}, Keep{Within: config.Duration(time.Hour)}, "within: 1h, was 2d"},
	} {
		if got := strings.Join(Shorter(c.before, c.now), "; "); got != c.want && !strings.HasPrefix(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
