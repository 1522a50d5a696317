package backup

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"goodstate.dev/goodstate/backup/ledger"
	"goodstate.dev/goodstate/backup/plan"
	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/source"
	"goodstate.dev/goodstate/backup/storage"
	"goodstate.dev/goodstate/backup/watch"
	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/core/notify"
	"goodstate.dev/goodstate/core/run"
)

// watchEvery is how often each repository is looked at.
const watchEvery = 5 * time.Minute

// FrozenError says that nothing of a repository is deleted until a person lets it go.
type FrozenError struct{ ledger.Frozen }

func (e *FrozenError) Error() string {
	return fmt.Sprintf("nothing is deleted from repository %s: it is frozen since %s, because %s", e.Repository, e.At.Local().Format("2006-01-02 15:04"), e.Why)
}

// Hint says what to do.
func (e *FrozenError) Hint() string {
	return "look at goodstate backup alerts; when all is well: goodstate backup unfreeze " + e.Repository + " --why REASON"
}

// frozen is a *FrozenError where one of the repositories is.
func (b *Backups) frozen(ctx context.Context, first string, others []string) error {
	all, err := b.Ledger.Frozen(ctx)
	for _, f := range all {
		if f.Repository == first || slices.Contains(others, f.Repository) {
			return &FrozenError{f}
		}
	}
	return err
}

// Unfreeze lets a repository go: what the policy does not want is deleted again.
func (b *Backups) Unfreeze(ctx context.Context, name, who, why string) error {
	if _, err := b.repository(name); err != nil {
		return err
	}
	if strings.TrimSpace(why) == "" {
		return errors.New("say why all is well with the repository: --why REASON")
	}
	all, err := b.Ledger.Frozen(ctx)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(all, func(f ledger.Frozen) bool { return f.Repository == name }) {
		if err := b.second(ctx, askUnfreeze, name, nil, who, why, "have copies in the frozen repository "+name+" deleted again", asked{}); err != nil {
			return err
		}
	}
	return b.unfreeze(ctx, name, who, why)
}

// unfreeze lets it go.
func (b *Backups) unfreeze(ctx context.Context, name, who, why string) error {
	was, err := b.Ledger.Thaw(ctx, name)
	if err != nil || !was {
		return cmp.Or(err, fmt.Errorf("repository %s is not frozen", name))
	}
	_, err = b.Journal.Append(ctx, journal.Entry{Event: "unfrozen", Target: RepositoryTarget(name), Actor: who, Text: fmt.Sprintf("repository %s is let go: %s", name, why)})
	return err
}

// Alerts lists what the watch has noticed, the open ones first.
func (b *Backups) Alerts(ctx context.Context, open bool) ([]ledger.Alert, error) {
	return b.Ledger.Alerts(ctx, open)
}

// CloseAlert notes that a person has looked at an alert. A frozen repository stays frozen.
func (b *Backups) CloseAlert(ctx context.Context, id, who, note string) error {
	if err := b.Ledger.Close(ctx, id, who, note, time.Now()); err != nil {
		return err
	}
	_, err := b.Journal.Append(ctx, journal.Entry{Event: "alert-closed", Actor: who, Text: fmt.Sprintf("alert %s is closed: %s", id, cmp.Or(note, "no reason given"))})
	return err
}

// Frozen lists the repositories of which nothing is deleted.
func (b *Backups) Frozen(ctx context.Context) ([]ledger.Frozen, error) { return b.Ledger.Frozen(ctx) }

// KnowKey takes note of a key that goodstate made, so that it is no alarm.
func (b *Backups) KnowKey(ctx context.Context, name string, id repository.ID, who string) error {
	b.watching.Lock()
	defer b.watching.Unlock()
	var last watch.Look
	if seen, err := b.Ledger.Look(ctx, name, &last); err != nil || !seen {
		return err
	}
	if last.Keys == nil {
		last.Keys = map[string]string{}
	}
	last.Keys[id.String()] = who
	return b.Ledger.Looked(ctx, name, last)
}

// Watch looks at a repository, tells what is odd since the last time, and keeps what it saw.
func (b *Backups) Watch(ctx context.Context, name string, now time.Time) error {
	b.watching.Lock()
	defer b.watching.Unlock()
	if err := b.promises(ctx, name); err != nil {
		return err
	}
	var before watch.Look
	seen, err := b.Ledger.Look(ctx, name, &before)
	if err != nil {
		return err
	}
	look, err := b.observe(ctx, name, before, now)
	if errors.Is(err, storage.ErrNotFound) && !seen {
		return nil // it was not made yet
	}
	if errors.Is(err, storage.ErrNotFound) {
		return b.raise(ctx, name, watch.Lost(name, before, now), now)
	}
	if err != nil {
		return fmt.Errorf("look at repository %s: %w", name, err)
	}
	known, missing, err := b.known(ctx, name, look)
	if err != nil {
		return err
	}
	if seen {
		for _, a := range watch.Compare(before, look, known) {
			if err := b.raise(ctx, name, a, now); err != nil {
				return err
			}
		}
	}
	for id := range before.Points {
		if _, there := look.Points[id]; !there && !known.Gone[id] {
			if err := b.Ledger.Lost(ctx, name, id, now); err != nil {
				return err
			}
		}
	}
	for _, id := range missing {
		p := look.Points[id]
		if err := b.Ledger.Add(ctx, ledger.Point{Repository: name, ID: id, Application: p.Application, At: p.At, Complete: true, LevelAt: now}); err != nil {
			return err
		}
	}
	return b.Ledger.Looked(ctx, name, look)
}

// known is what goodstate itself did, and which restore points it has no note of.
func (b *Backups) known(ctx context.Context, name string, look watch.Look) (watch.Known, []string, error) {
	k := watch.Known{Made: map[string]bool{}, Gone: map[string]bool{}}
	all, err := b.Ledger.Points(ctx, name, "")
	for _, p := range all {
		k.Made[p.ID] = true
		if !p.Gone.IsZero() {
			k.Gone[p.ID] = true
		}
	}
	var missing []string
	for id, p := range look.Points {
		if !k.Made[id] && p.Application != "" {
			missing = append(missing, id)
		}
	}
	return k, missing, err
}

// observe sees what there is. The repository is opened only where there is something new.
func (b *Backups) observe(ctx context.Context, name string, before watch.Look, now time.Time) (watch.Look, error) {
	l := watch.Look{At: now, Since: time.Since(b.started), Process: b.process, Points: map[string]watch.Seen{}, Keys: map[string]string{}, Policies: b.policies(name)}
	l.Host, _ = os.Hostname() // without a name it stays empty
	conf, err := b.repository(name)
	if err != nil {
		return l, err
	}
	s, err := b.storageOf(ctx, name)
	if err != nil {
		return l, err
	}
	defer func() { _ = shut(s) }() // it was only read
	l.Verify = conf.Verify.String()
	if _, err := s.Size(ctx, "config"); err != nil {
		return l, err
	}
	fresh := false
	if err := s.List(ctx, "snapshots", func(file string, _ int64) error {
		id := path.Base(file)
		p, old := before.Points[id]
		l.Points[id], fresh = p, fresh || !old
		return nil
	}); err != nil {
		return l, err
	}
	if err := s.List(ctx, "keys", func(file string, _ int64) error {
		id := path.Base(file)
		who, old := before.Keys[id]
		l.Keys[id], fresh = who, fresh || !old
		return nil
	}); err != nil || !fresh {
		return l, err
	}
	return l, b.describe(ctx, name, &l)
}

func (b *Backups) describe(ctx context.Context, name string, l *watch.Look) error {
	repo, err := b.Open(ctx, name)
	if err != nil {
		return err
	}
	defer repo.Close()
	all, err := repo.Snapshots(ctx)
	if err != nil {
		return err
	}
	for _, s := range all {
		if _, there := l.Points[s.ID.String()]; there {
			l.Points[s.ID.String()] = watch.Seen{Application: applicationOf(s), At: s.Time, Host: s.Hostname}
		}
	}
	keys, err := repo.Keys(ctx)
	for _, k := range keys {
		if _, there := l.Keys[k.ID.String()]; there {
			l.Keys[k.ID.String()] = fmt.Sprintf("%s on %s", k.Username, k.Hostname)
		}
	}
	return err
}

func applicationOf(s repository.Snapshot) string {
	for _, t := range s.Tags {
		if name, ok := strings.CutPrefix(t, source.Tag("")); ok {
			return name
		}
	}
	return ""
}

// policies is what is promised for the applications that are copied to a repository.
func (b *Backups) policies(name string) map[string]watch.Policy {
	all := map[string]watch.Policy{}
	for app, a := range b.Configured().Applications.All() {
		if a.Repository != name && !slices.Contains(a.Copies, name) {
			continue
		}
		copying := plan.Copying(a.Schedule, time.Duration(a.RPO))
		all[app] = watch.Policy{
			RPO: time.Duration(a.RPO), Copy: copying.String(), LongestCopy: copying.Longest(b.started), Drill: a.Drill.String(), LongestDrill: a.Drill.Longest(b.started), Keep: a.Keep,
		}
	}
	return all
}

// raise records an alert and tells people of it, once. A grave one freezes the repository.
func (b *Backups) raise(ctx context.Context, name string, a watch.Alert, now time.Time) error {
	sum := sha256.Sum256([]byte(name + "\x00" + a.Key))
	alert := ledger.Alert{
		ID: a.Kind + "-" + hex.EncodeToString(sum[:5]), Kind: a.Kind, Repository: name, Application: a.Application, Severity: string(a.Severity), Text: a.Text, Evidence: a.EvidenceJSON(), At: now,
	}
	if a.Severity == watch.Grave {
		if err := b.Ledger.Freeze(ctx, ledger.Frozen{Repository: name, Why: a.Text, At: now}); err != nil {
			return err
		}
	}
	target := RepositoryTarget(name)
	if a.Application != "" {
		target = Target(a.Application)
	}
	if _, err := b.Journal.Append(ctx, journal.Entry{Event: "backup-alert", Target: target, Actor: "goodstate", Text: a.Text, Data: alert.Evidence, Key: "backup-alert/" + alert.ID}); err != nil {
		return err
	}
	if b.Notify != nil {
		text := "repository " + name
		if a.Severity == watch.Grave {
			text += "; nothing is deleted from it until a person lets it go"
		}
		if err := b.Notify.Send(ctx, notify.Event{
			ID: "backup-alert/" + alert.ID, Type: "backup.suspicious", Phase: notify.Trigger, Severity: notify.Severity(a.Severity), Service: cmp.Or(a.Application, name), Title: a.Text, Text: text, At: now, Data: a.Evidence,
		}); err != nil {
			return err
		}
	}
	_, err := b.Ledger.Raised(ctx, alert)
	return err
}

// afterCopy is the step that looks at what was just copied: what it came to, and what else changed in the repositories.
func (b *Backups) afterCopy(r *run.Run, in input) error {
	_, err := run.Step(r, "watch", func(ctx context.Context) (bool, error) {
		now := time.Now()
		if err := b.judgeCopy(ctx, in, now); err != nil {
			return false, err
		}
		for _, name := range append([]string{in.Repository}, in.Config.Copies...) {
			if err := b.Watch(ctx, name, now); err != nil {
				b.Log.WarnContext(ctx, "backup watch", slog.String("repository", name), slog.Any("error", err)) // the copy is made all the same
			}
		}
		return true, nil
	})
	return err
}

func (b *Backups) judgeCopy(ctx context.Context, in input, now time.Time) error {
	known, err := b.Ledger.Points(ctx, in.Repository, in.Application)
	if err != nil {
		return err
	}
	var copies []watch.Copy
	for _, p := range known {
		if p.Bytes > 0 || p.Run != "" {
			copies = append(copies, watch.Copy{ID: p.ID, At: p.At, Bytes: p.Bytes, Fresh: p.Fresh, Written: p.Written})
		}
	}
	if len(copies) == 0 {
		return nil
	}
	last := len(copies) - 1
	for _, a := range watch.Judge(in.Application, copies[:last], copies[last]) {
		if err := b.raise(ctx, in.Repository, a, now); err != nil {
			return err
		}
	}
	return nil
}

// watchAll looks at all repositories.
func (b *Backups) watchAll(ctx context.Context, now time.Time) {
	for _, name := range slices.Sorted(maps.Keys(maps.Collect(b.Configured().Repositories.All()))) {
		if err := b.Watch(ctx, name, now); err != nil && ctx.Err() == nil {
			b.Log.WarnContext(ctx, "backup watch", slog.String("repository", name), slog.Any("error", err))
		}
	}
}
