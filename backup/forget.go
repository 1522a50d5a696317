package backup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"goodstate.dev/goodstate/backup/plan"
	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/source"
	"goodstate.dev/goodstate/core/run"
)

// Forgotten is what was let go, or would be.
type Forgotten struct {
	Points []ForgottenPoint `json:"points"`
	Kept   int              `json:"kept"`
	Frozen string           `json:"frozen,omitempty"` // why nothing was
	DryRun bool             `json:"dry_run,omitempty"`
}

// ForgottenPoint is a restore point that goes, of one repository.
type ForgottenPoint struct {
	Repository string        `json:"repository"`
	ID         repository.ID `json:"id"`
	At         time.Time     `json:"at"`
}

// forgetRun is the run of kind "forget": what keep does not want goes, or the one point that was named.
func (b *Backups) forgetRun(r *run.Run, in input) (Forgotten, error) {
	text := "let go of restore points that the policy does not want"
	if in.Request.Snapshot != "" {
		text = "let go of restore point " + in.Request.Snapshot
	} else if in.Config.Keep.IsZero() {
		return Forgotten{}, fmt.Errorf("%s has no keep policy, so nothing may go; name one restore point with --point, or say keep in goodstate.yaml", in.Application)
	}
	return do(r, "forget", text, func(ctx context.Context) (Forgotten, error) { return b.forget(ctx, r, in) })
}

// forget lets restore points go, in the repository and in its copies.
func (b *Backups) forget(ctx context.Context, r *run.Run, in input) (all Forgotten, err error) {
	all.DryRun = in.Request.DryRun
	var frozen *FrozenError
	if err := b.frozen(ctx, in.Repository, in.Config.Copies); errors.As(err, &frozen) && !all.DryRun {
		all.Frozen = frozen.Error()
		return all, r.Journal(ctx, "frozen", all.Frozen, nil)
	}
	for _, name := range append([]string{in.Repository}, in.Config.Copies...) {
		err = errors.Join(err, b.withFor(ctx, name, false, !all.DryRun, func(repo *repository.Repository) error { return b.forgetIn(ctx, r, in, name, repo, &all) }))
	}
	if err == nil && in.Request.Snapshot != "" && len(all.Points) == 0 {
		err = fmt.Errorf("%s has no restore point %s; goodstate backup list %s shows them", in.Application, in.Request.Snapshot, in.Application)
	}
	return all, err
}

func (b *Backups) forgetIn(ctx context.Context, r *run.Run, in input, name string, repo *repository.Repository, all *Forgotten) error {
	there, err := pointsOf(ctx, repo, in.Application)
	if err != nil {
		return err
	}
	keeps, err := b.keeps(ctx, name, in.Application, in.Config.Keep)
	if err != nil {
		return err
	}
	goes, why, err := chosen(in, keeps, there)
	if err != nil {
		return err
	}
	all.Kept += len(there) - len(goes)
	for _, s := range goes {
		verb := "is let go"
		if all.DryRun {
			verb = "would be let go"
		}
		if err := r.Journal(ctx, "forget", fmt.Sprintf("restore point %s of %s %s in %s: %s", s.ID.Short(), s.Time.Local().Format("2006-01-02 15:04"), verb, name, why), nil); err != nil {
			return err
		}
		all.Points = append(all.Points, ForgottenPoint{name, s.ID, s.Time})
		if all.DryRun {
			continue
		}
		if err := b.Ledger.Gone(ctx, name, s.ID.String(), r.Who()+": "+why, time.Now()); err != nil { // before it is: what the ledger does not know of is an alarm
			return err
		}
		if err := repo.RemoveSnapshot(ctx, s.ID); err != nil {
			return err
		}
	}
	if name != in.Repository || all.DryRun || len(goes) == 0 {
		return nil
	}
	src, err := in.Config.Source.New()
	if err != nil {
		return err
	}
	f, ok := src.(source.Forgetter)
	if !ok {
		return nil
	}
	j, err := b.job(repo, in.Application, r)
	if err != nil {
		return err
	}
	return f.Forgot(ctx, j)
}

// chosen are the restore points that go, and why: those that no policy wants, or the one that was named.
func chosen(in input, keeps []plan.Keep, there []repository.Snapshot) (goes []repository.Snapshot, why string, err error) {
	if want := in.Request.Snapshot; want != "" {
		for _, s := range there {
			if strings.HasPrefix(s.ID.String(), want) || s.Original != nil && strings.HasPrefix(s.Original.String(), want) {
				goes = append(goes, s)
			}
		}
		if len(goes) > 1 {
			return nil, "", fmt.Errorf("%d restore points begin with %s, say more of its ID", len(goes), want)
		}
		if len(goes) == len(there) && len(there) > 0 {
			return nil, "", fmt.Errorf("%s is the only restore point of %s: it stays", want, in.Application)
		}
		return goes, "a person wants it", nil
	}
	points := make([]plan.Point, len(there))
	byID := map[string]repository.Snapshot{}
	for i, s := range there {
		points[i] = plan.Point{ID: s.ID.String(), At: s.Time}
		byID[s.ID.String()] = s
	}
	wanted := map[string]bool{}
	for _, keep := range keeps {
		for _, v := range keep.Apply(points, in.At) {
			wanted[v.ID] = wanted[v.ID] || len(v.Why) > 0
		}
	}
	for _, p := range slices.Backward(points) { // the youngest first
		if !wanted[p.ID] {
			goes = append(goes, byID[p.ID])
		}
	}
	return goes, "no rule of keep wants it", nil
}

// copyOnRun is the run of kind "copy-on": restore points are copied on to the second repositories.
func (b *Backups) copyOnRun(r *run.Run, in input) (map[string]repository.Copied, error) {
	to := in.Config.Copies
	if in.Request.To != "" {
		if in.Request.To == in.Repository {
			return nil, fmt.Errorf("%s lies in repository %s already", in.Application, in.Repository)
		}
		to = []string{in.Request.To}
	}
	if len(to) == 0 {
		return nil, fmt.Errorf("no second repository is named: --to REPOSITORY, or copies of %s in goodstate.yaml", in.Application)
	}
	all := map[string]repository.Copied{}
	for _, name := range to {
		res, err := do(r, "copy on", "copy on to repository "+name, func(ctx context.Context) (repository.Copied, error) {
			res, err := b.copyOn(ctx, in, name)
			if err != nil {
				return res, err
			}
			return res, r.Journal(ctx, "copied-on", fmt.Sprintf("%d restore points copied on to %s, %d were there; %d MB written", res.Snapshots, name, res.Known, res.Saved.Written>>20), res)
		})
		if err != nil {
			return all, err
		}
		all[name] = res
	}
	return all, nil
}
