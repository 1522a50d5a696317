package backup

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/source"
	"goodstate.dev/goodstate/core/notify"
	"goodstate.dev/goodstate/core/run"
)

// Result is what a backup came to.
type Result struct {
	source.Copied
	At     time.Time `json:"at"`               // the moment that the copy shows, at the latest
	Failed string    `json:"failed,omitempty"` // why there is no copy
	Unheld string    `json:"unheld,omitempty"` // why retentions were not extended
	Copies []string  `json:"copies,omitempty"` // repositories that it was copied on to
	Forgot int       `json:"forgot,omitempty"` // restore points that the policy let go
}

// do is one durable step, journaled before it is done.
func do[T any](r *run.Run, name, text string, fn func(ctx context.Context) (T, error)) (T, error) {
	return run.Step(r, name, func(ctx context.Context) (T, error) {
		r.Note(text)
		if err := r.Journal(ctx, name, text, nil); err != nil {
			var none T
			return none, err
		}
		return fn(ctx)
	})
}

func (b *Backups) job(repo *repository.Repository, application string, r *run.Run) (source.Job, error) {
	j, err := b.quietJob(application)
	j.Repo, j.Say, j.Began, j.Live = repo, r.Note, time.Now(), b.streams.of(application)
	return j, err
}

// copy is the run of kind "backup".
func (b *Backups) copy(r *run.Run, in input) (Result, error) {
	res, err := do(r, "copy", fmt.Sprintf("copy %s to repository %s", in.Application, in.Repository), func(ctx context.Context) (Result, error) { return b.copyOnce(ctx, r, in) })
	if err != nil {
		res.Failed = err.Error()
		return res, b.say(r, "failed", notify.Critical, fmt.Sprintf("%s was not copied: %s", in.Application, err), nil)
	}
	text := fmt.Sprintf("restore point %s: %d MB read, %d MB new", res.Snapshot.Short(), res.Bytes>>20, res.Written>>20)
	if !res.Complete {
		text += fmt.Sprintf("; INCOMPLETE, %d things are missing: %s", len(res.Problems), strings.Join(res.Problems[:min(3, len(res.Problems))], "; "))
	}
	severity := notify.Info
	if !res.Complete {
		severity = notify.Warning
	}
	if err := b.say(r, "copied", severity, text, res); err != nil {
		return res, err
	}
	if res.Unheld != "" {
		if err := b.say(r, "hold-failed", notify.Warning, res.Unheld, nil); err != nil {
			return res, err
		}
	}
	for _, to := range in.Config.Copies {
		if _, err := do(r, "copy on", "copy on to repository "+to, func(ctx context.Context) (repository.Copied, error) { return b.copyOn(ctx, in, to) }); err != nil {
			if err := b.say(r, "copy-failed", notify.Warning, fmt.Sprintf("%s was not copied on to %s: %s", in.Application, to, err), nil); err != nil {
				return res, err
			}
			continue
		}
		res.Copies = append(res.Copies, to)
	}
	if err := b.afterCopy(r, in); err != nil {
		return res, err
	}
	if in.Config.Keep.IsZero() {
		return res, nil
	}
	gone, err := do(r, "forget", "let go of restore points that the policy does not want", func(ctx context.Context) (Forgotten, error) { return b.forget(ctx, r, in) })
	if err != nil {
		return res, b.say(r, "forget-failed", notify.Warning, err.Error(), nil)
	}
	res.Forgot = len(gone.Points)
	return res, nil
}

func (b *Backups) copyOnce(ctx context.Context, r *run.Run, in input) (res Result, err error) {
	src, err := in.Config.Source.New()
	if err != nil {
		return res, err
	}
	err = b.with(ctx, in.Repository, false, func(repo *repository.Repository) (err error) {
		j, err := b.job(repo, in.Application, r)
		if err != nil {
			return err
		}
		if points, err := pointsOf(ctx, repo, in.Application); err == nil && len(points) > 0 {
			j.Parent = &points[len(points)-1]
			if j.Expected, err = b.expected(ctx, in); err != nil {
				return err
			}
		}
		if err := b.command(ctx, in.Config.Before, "before"); err != nil {
			return errors.Join(err, b.after(ctx, in))
		}
		defer func() { err = errors.Join(err, b.after(ctx, in)) }()
		res.At = time.Now()
		if res.Copied, err = src.Backup(ctx, j); err != nil {
			return err
		}
		if j.Live != nil {
			j.Live.Taken()
		}
		if err := b.trimLog(ctx, in, j); err != nil {
			b.Log.WarnContext(ctx, "backup", "application", in.Application, "error", err) // it is in the way of nothing, and the next copy tries again
		}
		if err := b.hold(ctx, in.Repository, repo); err != nil {
			res.Unheld = err.Error() // the copy is made all the same
		}
		return b.made(ctx, r.ID(), in, res)
	})
	return res, err
}

// after runs the command that lets the application go on, also when the run was told to end.
func (b *Backups) after(ctx context.Context, in input) error {
	return b.command(context.WithoutCancel(ctx), in.Config.After, "after")
}

// command runs a hook in the folder of the configuration.
func (b *Backups) command(ctx context.Context, line, when string) error {
	if line == "" {
		return nil
	}
	ctx, stop := context.WithTimeout(ctx, 10*time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Dir = b.Base
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("the command %s the copy, %q: %w: %s", when, line, err, strings.TrimSpace(string(out[max(0, len(out)-500):])))
	}
	return nil
}

func (b *Backups) copyOn(ctx context.Context, in input, to string) (res repository.Copied, err error) {
	err = b.with(ctx, in.Repository, false, func(from *repository.Repository) error {
		points, err := pointsOf(ctx, from, in.Application)
		if err != nil {
			return err
		}
		return b.with(ctx, to, false, func(second *repository.Repository) error {
			if res, err = from.Copy(ctx, second, points, repository.SaveOptions{}); err != nil {
				return err
			}
			return errors.Join(b.madeCopies(ctx, in, to, second), b.hold(ctx, to, second), b.trimLog(ctx, in, source.Job{Repo: second, Application: in.Application}))
		})
	})
	return res, err
}

// Verified is what a check of a repository came to.
type Verified struct {
	repository.Checked
	Good  bool `json:"good"`
	Whole bool `json:"whole"` // every byte was read
	// Escrow is what is wrong with the password that lies in escrow.
	Escrow string `json:"escrow,omitempty"`
}

// verify is the run of kind "verify".
func (b *Backups) verify(r *run.Run, in input) (Verified, error) {
	res, err := do(r, "verify", fmt.Sprintf("check repository %s, reading %.0f%% of its packs", in.Repository, 100*in.Request.Part), func(ctx context.Context) (v Verified, err error) {
		err = b.with(ctx, in.Repository, false, func(repo *repository.Repository) error {
			v.Checked, err = repo.Check(ctx, repository.CheckOptions{Part: in.Request.Part, Turn: int(in.At.Unix() / 86400), Progress: func(n int) { r.Note(fmt.Sprintf("%d packs read", n)) }})
			v.Escrow = b.escrowed(ctx, in.Repository, repo)
			return err
		})
		v.Good, v.Whole = err == nil && len(v.Problems) == 0, in.Request.Part >= 1
		if err == nil {
			err = b.verified(ctx, r.ID(), in.Repository, v)
		}
		return v, err
	})
	if err != nil {
		return res, errors.Join(b.say(r, "verify-failed", notify.Critical, fmt.Sprintf("repository %s could not be checked: %s", in.Repository, err), nil), err)
	}
	if res.Escrow != "" {
		if err := b.say(r, "escrow", notify.Critical, res.Escrow, nil); err != nil {
			return res, err
		}
	}
	if !res.Good {
		return res, b.say(r, "damaged", notify.Critical, fmt.Sprintf("repository %s is damaged: %s", in.Repository, strings.Join(res.Problems[:min(5, len(res.Problems))], "; ")), res)
	}
	return res, b.say(r, "verified", notify.Info, fmt.Sprintf("repository %s is whole: %d restore points, %d packs, %d of them read to the last byte", in.Repository, res.Snapshots, res.Packs, res.Read), res)
}

// prune is the run of kind "prune".
func (b *Backups) prune(r *run.Run, in input) (repository.Pruned, error) {
	res, err := do(r, "prune", "delete what no restore point of "+in.Repository+" needs", func(ctx context.Context) (p repository.Pruned, err error) {
		err = b.with(ctx, in.Repository, true, func(repo *repository.Repository) error {
			p, err = repo.Prune(ctx, repository.PruneOptions{DryRun: in.Request.DryRun})
			return err
		})
		return p, err
	})
	if err != nil {
		return res, err
	}
	verb := "freed"
	if in.Request.DryRun {
		verb = "would free"
	}
	return res, b.say(r, "pruned", notify.Info, fmt.Sprintf("%s %d MB: %d packs without use, %d rewritten, %d strays", verb, res.Freed>>20, res.Removed, res.Rewritten, res.Strays), res)
}

// restore is the run of kind "restore".
func (b *Backups) restore(r *run.Run, in input) (source.Restored, error) {
	return do(r, "restore", fmt.Sprintf("bring %s back from %s", in.Application, in.Repository), func(ctx context.Context) (res source.Restored, err error) {
		src, err := in.Config.Source.New()
		if err != nil {
			return res, err
		}
		err = b.with(ctx, in.Repository, false, func(repo *repository.Repository) error {
			j, err := b.job(repo, in.Application, r)
			if err != nil {
				return err
			}
			snap, err := b.point(ctx, repo, in)
			if err != nil {
				return err
			}
			to, err := b.place(ctx, src, j, in.Request)
			if err != nil {
				return err
			}
			in.Request.Snapshot = snap.ID.String()
			if j.Expected, err = b.expected(ctx, in); err != nil {
				return err
			}
			res, err = src.Restore(ctx, j, snap, to)
			if err != nil {
				return err
			}
			text := fmt.Sprintf("%s of %s is back in %s: %d MB", snap.ID.Short(), snap.Time.Local().Format("2006-01-02 15:04:05"), to, res.Bytes>>20)
			if res.Ended != "" {
				text += "; " + res.Ended
			}
			if in.Request.DryRun {
				text = fmt.Sprintf("nothing was changed; %s of %s would change %d things in %s", snap.ID.Short(), snap.Time.Local().Format("2006-01-02 15:04:05"), len(res.Changes), to)
			}
			if len(res.Problems) > 0 {
				text += fmt.Sprintf("; %d things are not: %s", len(res.Problems), strings.Join(res.Problems[:min(5, len(res.Problems))], "; "))
			}
			return r.Journal(ctx, "restored", text, nil)
		})
		return res, err
	})
}

// point is the restore point that was asked for, of this application.
func (b *Backups) point(ctx context.Context, repo *repository.Repository, in input) (repository.Snapshot, error) {
	all, err := pointsOf(ctx, repo, in.Application)
	if err != nil && len(all) == 0 {
		return repository.Snapshot{}, err
	}
	if len(all) == 0 {
		return repository.Snapshot{}, fmt.Errorf("%s has no restore point in %s", in.Application, in.Repository)
	}
	if in.Request.Snapshot == "" {
		return b.covering(ctx, repo, in, all)
	}
	for _, s := range all {
		if strings.HasPrefix(s.ID.String(), in.Request.Snapshot) {
			return s, nil
		}
	}
	return repository.Snapshot{}, fmt.Errorf("%s has no restore point %s among %d; goodstate backup list %s shows them", in.Application, in.Request.Snapshot, len(all), in.Application)
}

// say journals what came of something and tells people of it.
func (b *Backups) say(r *run.Run, event string, severity notify.Severity, text string, data any) error {
	_, err := run.Step(r, event, func(ctx context.Context) (bool, error) {
		if err := r.Journal(ctx, event, text, data); err != nil {
			return false, err
		}
		if b.Notify == nil {
			return true, nil
		}
		_, name, _ := strings.Cut(r.Target(), "/")
		return true, b.Notify.Send(ctx, notify.Event{
			ID: r.ID() + "/" + event, Type: "backup." + strings.ReplaceAll(event, "-", "_"), Severity: severity, Service: name, Run: r.ID(), Title: name + ": " + text, At: time.Now(), Phase: notify.End,
		})
	})
	return err
}
