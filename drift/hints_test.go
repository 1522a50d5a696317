package drift

import (
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/drift/record"
)

func TestHintsAreOnlyOfWhatWasAroundThen(t *testing.T) {
	good := time.Date(2026, 11, 22, 14, 0, 0, 0, time.Local)
	d := record.Difference{About: "/etc/motd", GoodAt: good, DiffersAt: good.Add(30 * time.Minute)}
	said := strings.Join([]string{
		"file 1795356000 ann /etc/motd", "file 1 bob /etc/other",
		"package 2026-11-22 14:05:00 remove nginx:amd64",
		"login ann pts/0 10.0.0.5 Sun Nov 22 14:01:00 2026 still logged in",
		"login old pts/0 10.0.0.6 Sat Nov 21 14:01:00 2026 - Sat Nov 21 15:00:00 2026 (00:59)",
		"accepted Nov 22 14:02:00 eve 10.0.0.7", "accepted Nov 22 19:02:00 late 10.0.0.8", "nonsense", "file x y",
	}, "\n")
	got := hintOf(d, said)
	for _, want := range []string{"it belongs to ann", "ann from 10.0.0.5 at 2026-11-22 14:01:00", "eve from 10.0.0.7"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q lacks %q", got, want)
		}
	}
	for _, not := range []string{"bob", "nginx", "old", "late"} {
		if strings.Contains(got, not) {
			t.Errorf("%q has %q", got, not)
		}
	}
	d.About = "package nginx,curl"
	if got := hintOf(d, said); !strings.Contains(got, "remove nginx:amd64 at 2026-11-22 14:05:00") {
		t.Errorf("%q lacks the package log", got)
	}
	if got := hintOf(d, ""); got != "" {
		t.Errorf("%q out of nothing", got)
	}
}

func TestAHostThatHasDriftedSaysWhenItsFileWasWritten(t *testing.T) {
	y := newYard(t, "      cap: {share: 100%}\n", nil)
	y.ready()
	y.write("web2/motd", "edited")
	y.run(record.Detect)
	causes, err := y.d.Book.Causes(t.Context(), "base", "", 0, 0, time.Now())
	if err != nil || len(causes) != 1 || !strings.HasPrefix(causes[0].Hint, "web2: last written 20") {
		t.Errorf("%+v, %v; want one difference with a hint", causes, err)
	}
}
