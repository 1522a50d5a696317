package e2e

import (
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/internal/real"
)

func TestTheRolloutsPageShowsItsSignalsWithAndWithoutScripts(t *testing.T) {
	d := newDashboard(t, func(conf string) string {
		return strings.Replace(conf, "    watch: 1s\n", `    watch: 1s
    signals:
      complaints: {logs: {}, every: 500ms, samples: 1, limits: ["> 1000 for 30s"]}
`, 1)
	})
	if d == nil {
		return
	}
	info, err := d.a.Client().Deploy(t.Context(), "web", "v5", "", false)
	d.must(err)
	real.Eventually(t, 30*time.Second, "v5 has its share", func() bool {
		l, ok := d.a.Rollouts.Live(info.ID)
		return ok && l.Weight > 0
	})
	for name, scripts := range map[string]bool{"olga": true, "vera": false} {
		b := d.browser(name, scripts)
		b.login()
		b.open("/rollouts/" + info.ID)
		b.seesLater("> 1000 for 30s")
		b.readable()
		b.shot("signals-" + name)
	}
}
