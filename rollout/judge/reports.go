package judge

import (
	"fmt"
	"math"

	"goodstate.dev/goodstate/rollout/traffic"
)

// reports asks of each report of a user: in which release did it fall? If the new release gives its users at most as much
// reason as the old one, a report comes from it with a probability of at most its share of the sessions. It is the errors' test with
// sessions for requests and reports for failures. A report comes a while after its session was served, so while the new release's
// share grows its reports are fewer than the share says, which can only keep a release from being taken back.
//
// Where no sessions are counted the requests stand for them.
type reports struct {
	*errorsBeside
	alone      *errorsAlone // nil while the old release is beside
	fresh, old gauge
	due        int64 // session-seconds of the new release that are no whole minute yet
	pastN      int64 // session-seconds of the old release, before and beside
	pastK      int64 // its reports
	newN       int64 // session-seconds of the new release, for words
	newK, oldK int64
}

// sessionMinute is a session's unit in the comparison with the past: a minute of being served.
const sessionMinute = 60

// gauge is how many sessions a release has. A second without a request does not say, and then the last one that did counts on.
type gauge struct {
	sessions, since int64
}

func (g *gauge) at(unix int64, s traffic.Second) int64 {
	if s.Requests > 0 {
		g.sessions, g.since = s.Sessions, unix
	}
	if unix-g.since > sessionMinute {
		g.sessions = 0
	}
	return g.sessions
}

func newReports() *reports { return &reports{errorsBeside: newErrorsBeside()} }

// history shows a second of the old release from before the rollout.
func (r *reports) history(s traffic.Second) { r.pastN += r.old.at(s.Unix, s) }

// withdraw begins the comparison with the past: the old release has no traffic any more.
func (r *reports) withdraw() {
	if r.alone == nil {
		r.alone = newErrorsAlone(1, r.pastN/sessionMinute, r.pastK)
	}
}

// observe takes one second. Beside says whether the old release has traffic that can be compared with.
func (r *reports) observe(s Second, beside bool) {
	fresh, old := r.fresh.at(s.Unix, s.New), r.old.at(s.Unix, s.Old)
	r.newN += fresh
	r.newK, r.oldK = r.newK+s.NewReports, r.oldK+s.OldReports
	if fresh+old == 0 {
		fresh, old = s.New.Requests, s.Old.Requests
	}
	switch {
	case beside:
		r.pastN += old
		r.pastK += s.OldReports
		if fresh > 0 && old > 0 {
			r.errorsBeside.observe(s.Unix, 1, fresh, s.NewReports, old, s.OldReports)
		}
	case r.alone != nil:
		r.due += fresh
		minutes := r.due / sessionMinute
		r.due %= sessionMinute
		r.alone.observe(s.Unix, max(minutes, s.NewReports), s.NewReports)
	}
}

func sayReports(j *Judge) string {
	r := j.reports
	served := "no sessions were counted"
	if all := r.fresh.sessions + r.old.sessions; all > 0 {
		served = fmt.Sprintf("it serves %s of the sessions", share(r.fresh.sessions, all))
	}
	return fmt.Sprintf("%d of %d reports of users came from the new release; %s%s", r.newK, r.newK+r.oldK, served, chance(r.log()))
}

func wantReports(*Judge) string {
	return "no more reports than the new release's share of the sessions explains"
}

func sayReportsAlone(j *Judge) string {
	r := j.reports
	return fmt.Sprintf("%d reports of users on the new release in %d minutes of sessions, %d in %d on the old one before%s; the weaker comparison, as no old release runs beside",
		r.newK, r.newN/sessionMinute, r.pastK, r.pastN/sessionMinute, chance(r.alone.log()))
}

// families is how many kinds of harm the accepted rate of false alarms is split over.
func (c Config) families() float64 {
	if c.Reports {
		return 3
	}
	return 2
}

// needed is the logarithm of the odds that a comparison side by side takes to fail, and of that with the past: see the package's words on alpha.
func (c Config) needed() (beside, alone float64) {
	return math.Log(4 * c.families() / (3 * c.Alpha)), math.Log(4 * c.families() / c.Alpha)
}
