package backup

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"goodstate.dev/goodstate/backup/ledger"
	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/core/notify"
	"goodstate.dev/goodstate/core/run"
)

// TwoPersons makes what a person deletes from a repository wait until another one agrees. Persons are told apart by their names. What the policy lets go by itself goes on.
type TwoPersons struct {
	Within config.Duration `yaml:"within" json:"within,omitempty" default:"24h" help:"how long a request waits for somebody to agree; then nothing comes of it"`
}

// Validate reports times that cannot be waited.
func (t *TwoPersons) Validate(report func(path, message string)) {
	if t.Within <= 0 {
		report("within", fmt.Sprintf("%s, want more than 0s", t.Within))
	}
}

// The kinds of requests beside those of runs.
const (
	askKeyRemove = "key-remove"
	askKeyRotate = "key-rotate"
	askUnfreeze  = "unfreeze"
	askKeep      = "keep"       // less is kept than was promised
	askOnePerson = "one-person" // the rule itself is given up
)

// asked is the input of a request; which fields it has depends on its kind.
type asked struct {
	Name        string          `json:"name,omitempty"` // application, or repository
	Request     *Request        `json:"request,omitempty"`
	Key         string          `json:"key,omitempty"`
	Secret      string          `json:"secret,omitempty"`
	Application string          `json:"application,omitempty"`
	Keep        json.RawMessage `json:"keep,omitempty"`
}

// SecondPersonError says that nothing was done yet: somebody else has to agree.
type SecondPersonError struct{ Request ledger.Request }

func (e *SecondPersonError) Error() string {
	return fmt.Sprintf("request %s waits for a second person until %s: %s", e.Request.ID, e.Request.Until.Local().Format("2006-01-02 15:04"), e.Request.Text)
}

// Hint says what to do.
func (e *SecondPersonError) Hint() string {
	return "somebody else, with the role approver: goodstate backup approve " + e.Request.ID
}

// rule is the one that holds for a repository: the configured one, or one that it had and that two persons have not given up. Nil: there is none.
func (b *Backups) rule(ctx context.Context, name string) (*TwoPersons, error) {
	conf, err := b.repository(name)
	if err != nil || conf.TwoPersons != nil {
		return conf.TwoPersons, err
	}
	var had TwoPersons
	there, err := b.Ledger.Promised(ctx, name, "", &had)
	if err != nil || !there {
		return nil, err
	}
	return &had, nil
}

// second is a *SecondPersonError where one of the repositories wants a second person for something. It records the request, once.
func (b *Backups) second(ctx context.Context, kind, repository string, others []string, who, why, text string, input asked) error {
	for _, name := range append([]string{repository}, others...) {
		rule, err := b.rule(ctx, name)
		if err != nil {
			return err
		}
		if rule == nil {
			continue
		}
		r, err := b.ask(ctx, *rule, ledger.Request{Kind: kind, Repository: name, Who: who, Why: why, Text: text, Needs: 1}, input)
		if err != nil {
			return err
		}
		return &SecondPersonError{r}
	}
	return nil
}

// secondFor is the same for a run. A restore point is named whole and with its time, so that who agrees sees what goes.
func (b *Backups) secondFor(ctx context.Context, kind, name, who, why string, in input) error {
	q, text := in.Request, ""
	switch {
	case kind == KindPrune:
		text = "delete what no restore point of repository " + in.Repository + " needs"
	case q.Snapshot == "":
		text = "let go of the restore points of " + name + " that keep does not want"
	default:
		text = "let go of restore point " + q.Snapshot + " of " + name
		points, err := b.Points(ctx, name)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(points, func(p repository.Snapshot) bool { return strings.HasPrefix(p.ID.String(), q.Snapshot) })
		if i < 0 && len(in.Config.Copies) == 0 {
			return fmt.Errorf("%s has no restore point %s; goodstate backup list %s shows them", name, q.Snapshot, name)
		}
		if i >= 0 {
			q.Snapshot = points[i].ID.String()
			text = fmt.Sprintf("let go of restore point %s of %s, of %s", points[i].ID.Short(), name, points[i].Time.Local().Format("2006-01-02 15:04"))
		}
	}
	return b.second(ctx, kind, in.Repository, in.Config.Copies, who, why, text, asked{Name: name, Request: &q})
}

// ask records a request and tells people of it; the same one that waits already is not asked again.
func (b *Backups) ask(ctx context.Context, rule TwoPersons, r ledger.Request, input asked) (ledger.Request, error) {
	b.agreeing.Lock()
	defer b.agreeing.Unlock()
	text, err := json.Marshal(input)
	if err != nil {
		return r, fmt.Errorf("request to %s: %w", r.Text, err)
	}
	now := time.Now()
	r.Input, r.What = text, r.Kind+"/"+r.Repository+"/"+string(text)
	last, err := b.Ledger.Asked(ctx, r.What)
	if err != nil {
		return r, err
	}
	if last, err = b.lapse(ctx, last, now); err != nil || last.Open() || last.State == ledger.Refused && r.Who == "" {
		return last, err
	}
	r.ID, r.At, r.Until, r.State = strings.ToLower(rand.Text()[:8]), now, now.Add(time.Duration(rule.Within)), ledger.Waiting
	by := r.Who
	if by == "" {
		by = "goodstate.yaml"
	}
	said := fmt.Sprintf("%s asks to %s%s; %s until %s", by, r.Text, because(r.Why), persons(r), r.Until.Local().Format("2006-01-02 15:04"))
	if err := b.requestJournal(ctx, "asked", r, r.Who, said); err != nil {
		return r, err
	}
	if err := b.Ledger.Ask(ctx, r); err != nil {
		return r, err
	}
	if b.Notify == nil {
		return r, nil
	}
	return r, b.Notify.Send(ctx, notify.Event{
		ID: "backup-request/" + r.ID, Type: "backup.asks", Phase: notify.Trigger, Severity: notify.Warning, Service: r.Repository, Title: "backups: " + by + " asks to " + r.Text,
		Text: said + "\ngoodstate backup approve " + r.ID + ", or the page Backups", At: now, Data: r,
	})
}

func persons(r ledger.Request) string {
	if r.Needs == 1 {
		return "somebody else has to agree"
	}
	return fmt.Sprintf("%d persons have to agree", r.Needs)
}

func (b *Backups) requestJournal(ctx context.Context, event string, r ledger.Request, who, text string) error {
	if who == "" {
		who = "goodstate"
	}
	_, err := b.Journal.Append(ctx, journal.Entry{Event: "backup-" + event, Target: RepositoryTarget(r.Repository), Actor: who, Text: fmt.Sprintf("request %s: %s", r.ID, text)})
	return err
}

// lapse brings a request whose time is over to its end.
func (b *Backups) lapse(ctx context.Context, r ledger.Request, now time.Time) (ledger.Request, error) {
	if !r.Open() || now.Before(r.Until) {
		return r, nil
	}
	const why = "nobody agreed in time, or it could not be done in time"
	if ok, err := b.Ledger.Turn(ctx, r.ID, r.State, ledger.Expired, why, now); err != nil || !ok {
		return r, err
	}
	r.State, r.Outcome, r.Ended = ledger.Expired, why, now
	return r, b.requestJournal(ctx, "expired", r, "", why+": "+r.Text)
}

// Requests lists the deletions that wait for a second person, and with all also those that ended.
func (b *Backups) Requests(ctx context.Context, all bool) ([]ledger.Request, error) {
	return b.Ledger.Requests(ctx, all)
}

// Approve agrees to a request. When enough persons do, it is done. One that is agreed to and could not begin yet may be agreed to again, to try at once.
func (b *Backups) Approve(ctx context.Context, id, who, why string) (r ledger.Request, err error) {
	b.agreeing.Lock()
	defer b.agreeing.Unlock()
	now := time.Now()
	if r, err = b.waiting(ctx, id, now); err != nil {
		return r, err
	}
	if who == r.Who {
		return r, fmt.Errorf("%s asked for request %s, and somebody else has to agree to it", who, r.ID)
	}
	if r.State == ledger.Agreed {
		return b.carryOut(ctx, r)
	}
	if slices.ContainsFunc(r.Agreed, func(a ledger.Agreement) bool { return a.Who == who }) {
		return r, fmt.Errorf("%s has agreed to request %s already; another person has to", who, r.ID)
	}
	if err := b.requestJournal(ctx, "approved", r, who, fmt.Sprintf("%s agrees to %s%s", who, r.Text, because(why))); err != nil {
		return r, err
	}
	n, err := b.Ledger.Agree(ctx, r.ID, ledger.Agreement{Who: who, Why: why, At: now})
	if err != nil {
		return r, err
	}
	r.Agreed = append(r.Agreed, ledger.Agreement{Who: who, Why: why, At: now})
	if n < r.Needs {
		return r, nil
	}
	if ok, err := b.Ledger.Turn(ctx, r.ID, ledger.Waiting, ledger.Agreed, "", now); err != nil || !ok {
		return r, err
	}
	r.State = ledger.Agreed
	return b.carryOut(ctx, r)
}

// Refuse ends a request; who asked may take it back so.
func (b *Backups) Refuse(ctx context.Context, id, who, why string) (r ledger.Request, err error) {
	b.agreeing.Lock()
	defer b.agreeing.Unlock()
	now := time.Now()
	if r, err = b.waiting(ctx, id, now); err != nil {
		return r, err
	}
	outcome := "refused by " + who + because(why)
	if ok, err := b.Ledger.Turn(ctx, r.ID, r.State, ledger.Refused, outcome, now); err != nil || !ok {
		return r, err
	}
	r.State, r.Outcome, r.Ended = ledger.Refused, outcome, now
	return r, b.requestJournal(ctx, "refused", r, who, outcome+": "+r.Text)
}

// waiting is a request of which something may still come.
func (b *Backups) waiting(ctx context.Context, id string, now time.Time) (ledger.Request, error) {
	r, err := b.Ledger.Request(ctx, id)
	if err != nil {
		return r, err
	}
	if r, err = b.lapse(ctx, r, now); err != nil {
		return r, err
	}
	if !r.Open() {
		return r, fmt.Errorf("request %s does not wait any more: it is %s (%s)", r.ID, r.State, r.Outcome)
	}
	return r, nil
}

// carryOut does what was agreed to. What cannot begin yet, since something else is under way or the repository is frozen, stays agreed to.
func (b *Backups) carryOut(ctx context.Context, r ledger.Request) (ledger.Request, error) {
	outcome, err := b.agreed(ctx, r)
	var leased *run.LeaseError
	var frozen *FrozenError
	if errors.As(err, &leased) || errors.As(err, &frozen) {
		return r, err
	}
	state := ledger.Done
	if err != nil {
		state, outcome = ledger.Failed, err.Error()
		err = errors.Join(err, b.requestJournal(ctx, "failed", r, "", outcome))
	}
	now := time.Now()
	_, turned := b.Ledger.Turn(ctx, r.ID, ledger.Agreed, state, outcome, now)
	r.State, r.Outcome, r.Ended = state, outcome, now
	return r, errors.Join(err, turned)
}

// agreed does it and says what came of it, for runs their ID.
func (b *Backups) agreed(ctx context.Context, r ledger.Request) (string, error) {
	var in asked
	if err := json.Unmarshal(r.Input, &in); err != nil {
		return "", fmt.Errorf("input of request %s: %w", r.ID, err)
	}
	var names []string
	for _, a := range r.Agreed {
		names = append(names, a.Who)
	}
	why := "agreed to by " + strings.Join(names, " and ") + because(r.Why)
	switch r.Kind {
	case KindForget, KindPrune:
		info, err := b.begin(ctx, r.Kind, in.Name, r.Who, why, *in.Request)
		return info.ID, err
	case askKeyRemove:
		_, err := b.removeKey(ctx, r.Repository, in.Key, r.Who, why)
		return "the key is removed", err
	case askKeyRotate:
		_, err := b.rotateKey(ctx, r.Repository, in.Secret, r.Who, why)
		return "the key is exchanged", err
	case askUnfreeze:
		return "the repository is let go", b.unfreeze(ctx, r.Repository, r.Who, why)
	case askKeep:
		return "from now on less is kept", b.Ledger.Promise(ctx, r.Repository, in.Application, in.Keep)
	case askOnePerson:
		return "from now on one person is enough", b.givenUp(ctx, r.Repository)
	}
	return "", fmt.Errorf("request %s: this goodstate does not know requests of kind %q", r.ID, r.Kind)
}

// requests carries out what is agreed to and could not begin before, and ends what nobody agreed to in time.
func (b *Backups) requests(ctx context.Context, now time.Time) error {
	b.agreeing.Lock()
	defer b.agreeing.Unlock()
	all, err := b.Ledger.Requests(ctx, false)
	for _, r := range all {
		r, lapsed := b.lapse(ctx, r, now)
		if err = errors.Join(err, lapsed); r.State != ledger.Agreed {
			continue
		}
		_, failed := b.carryOut(ctx, r)
		var leased *run.LeaseError
		var frozen *FrozenError
		if !errors.As(failed, &leased) && !errors.As(failed, &frozen) {
			err = errors.Join(err, failed)
		}
	}
	return err
}
