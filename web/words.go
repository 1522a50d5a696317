package web

import (
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/core/store"
	"goodstate.dev/goodstate/rollout"
	"goodstate.dev/goodstate/rollout/traffic"
)

// words are what templates can say.
var words = template.FuncMap{
	"time":      clock,
	"ago":       ago,
	"took":      took,
	"percent":   percent,
	"share":     share,
	"commit":    commit,
	"size":      size,
	"least":     func(v float64) float64 { return max(v, 0) },
	"outcome":   outcome,
	"todo":      todo,
	"verdict":   verdict,
	"stands":    stands,
	"proof":     proof,
	"condition": condition, "correction": correction,
	"fix":       fixOf,
	"played":    played,
	"project":   projectPath,
	"playlink":  playLink,
	"nexttimes": nextTimes,
	"has":       slices.Contains[[]string],
	"join":      func(list []string) string { return strings.Join(list, ", ") },
	"path":      url.PathEscape,
	"cutdiff":   func(s string) string { return cut(diffShown, strings.TrimRight(s, "\r\n")) },
	"cutnames":  func(s string) string { return cut(namesShown, s) },
	"step":      func(i int) int { return i + 1 },
	"lines":     func(s string) []string { return strings.Split(strings.TrimSpace(s), "\n") },
	"since":     func(from, to time.Time) string { return took(to.Sub(from)) },
}

// clock is a moment as the server's zone has it; the date is left out today.
func clock(t time.Time) template.HTML {
	if t.IsZero() {
		return "never"
	}
	local, form := t.Local(), "15:04:05"
	if y, m, d := time.Now().Date(); local.Year() != y || local.Month() != m || local.Day() != d {
		form = "2 Jan 2006 15:04"
	}
	return template.HTML(fmt.Sprintf(`<time datetime="%s">%s</time>`, t.UTC().Format(time.RFC3339), local.Format(form))) //nolint:gosec // digits and month names only
}

// ago is how long ago a moment was, in the largest unit that says enough.
func ago(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	if d := time.Since(t); d >= time.Second {
		return took(d) + " ago"
	}
	return "just now"
}

func took(d time.Duration) string {
	switch {
	case d <= 0:
		return "0s"
	case d < time.Millisecond:
		return "under 1ms"
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0fs", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.0f h", d.Hours())
	}
	return fmt.Sprintf("%.0f days", d.Hours()/24)
}

// percent says a weight in ten-thousandths.
func percent(weight int) string { return fmt.Sprintf("%g%%", float64(weight)*100/traffic.Full) }

// share says a part of a whole; "none" when there is no whole.
func share(part, whole int64) string {
	if whole == 0 {
		return "no requests"
	}
	return fmt.Sprintf("%.2g%%", float64(part)*100/float64(whole))
}

func commit(id string) string { return id[:min(len(id), 10)] }

func size(bytes int64) string {
	switch {
	case bytes >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
	case bytes >= 1<<20:
		return fmt.Sprintf("%.0f MiB", float64(bytes)/(1<<20))
	}
	if bytes < 1<<10 {
		return fmt.Sprintf("%d bytes", bytes)
	}
	return fmt.Sprintf("%d KiB", bytes>>10)
}

// badge is a state in words with the look that goes with it: good, bad, doubt or plain. The look never says more than the words.
type badge struct{ Look, Text string }

func verdict(v good.Verdict) badge {
	switch v {
	case good.Pass:
		return badge{"good", "✓ pass"}
	case good.Fail:
		return badge{"bad", "✗ fail"}
	default:
		return badge{"doubt", "? unknown"}
	}
}

func todo(a store.Action) badge {
	switch {
	case !a.Done.IsZero():
		return badge{"good", "✓ done"}
	case a.Late(time.Now()):
		return badge{"bad", "! late"}
	}
	return badge{"plain", "open"}
}

func outcome(o rollout.Outcome) badge {
	switch o {
	case rollout.Promoted:
		return badge{"good", "✓ promoted"}
	case rollout.RolledBack:
		return badge{"bad", "↩ rolled back"}
	case rollout.CouldNot:
		return badge{"doubt", "could not release"}
	case rollout.Incomplete:
		return badge{"bad", "! incomplete"}
	}
	return badge{"plain", string(o)}
}

// ended is how a run ended, whatever its kind.
func ended(r run.Info) badge {
	switch r.State {
	case run.Running:
		return badge{"doubt", "… under way"}
	case run.Succeeded:
		if res, err := rollout.ResultOf(r); err == nil && res.Outcome != "" {
			return outcome(res.Outcome)
		}
		return badge{"good", "✓ done"}
	default:
		return badge{"bad", "! " + string(r.State)}
	}
}
