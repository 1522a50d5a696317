package backup

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"goodstate.dev/goodstate/backup/plan"
	"goodstate.dev/goodstate/backup/runbook"
	"goodstate.dev/goodstate/backup/storage"
	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/core/run"
)

// Whereabouts says where the value of a secret lies, never what it is.
type Whereabouts struct {
	Words string // for people
	File  string // a file that has it as it is; empty: none
	Env   string // an environment variable; empty: none
}

// latest is a drill whose run has not ended yet: its runbook is written by itself.
type latest struct {
	application string
	drill       Drilled
	at          time.Time
	run         string
}

// Runbook is the recovery document as it would be written now.
func (b *Backups) Runbook(ctx context.Context, now time.Time) (runbook.Book, error) {
	return b.book(ctx, now, nil)
}

func (b *Backups) book(ctx context.Context, now time.Time, last *latest) (runbook.Book, error) {
	book := runbook.Book{Made: now, Config: filepath.Join(b.Base, "goodstate.yaml"), Contacts: b.Configured().Runbook.Contacts}
	book.Host, _ = os.Hostname() // without a name it stays empty
	for name, a := range b.Configured().Applications.All() {
		chapter, err := b.chapter(ctx, name, a, now, last)
		if err != nil {
			return book, err
		}
		book.Applications = append(book.Applications, chapter)
	}
	return book, nil
}

func (b *Backups) chapter(ctx context.Context, name string, a Application, now time.Time, last *latest) (runbook.Application, error) {
	facts, _, err := b.facts(ctx, name, a)
	if err != nil {
		return runbook.Application{}, err
	}
	state, why := plan.Judge(facts, now)
	c := runbook.Application{
		Name: name, Source: a.Source.Name(), State: string(state) + ", " + why, RPO: facts.RPO, RTO: facts.RTO, Copying: plan.Copying(a.Schedule, facts.RPO).String(), Drilling: a.Drill.String(),
		Keep: keepWords(a.Keep), Contacts: a.Contacts, Youngest: "none",
	}
	known, err := b.Ledger.Points(ctx, a.Repository, name)
	if err != nil {
		return c, err
	}
	for _, p := range known {
		if p.Gone.IsZero() {
			c.Youngest = fmt.Sprintf("%.8s of %s, %s", p.ID, p.At.Local().Format("2006-01-02 15:04:05"), p.Words())
		}
	}
	for _, r := range append([]string{a.Repository}, a.Copies...) {
		c.Places = append(c.Places, b.placeOf(r))
	}
	if err := b.lastDrill(ctx, &c, name, last); err != nil {
		return c, err
	}
	c.Recover, c.Without = b.recoverBy(name, a, &c)
	c.History, err = b.history(ctx, name)
	return c, err
}

// placeOf is a repository in the words of the runbook.
func (b *Backups) placeOf(name string) runbook.Place {
	r, _ := b.Configured().Repositories.Get(name)
	return runbook.Place{Name: name, Where: b.whereOf(r), Key: b.whereabouts(r.Password.Name()).Words, Kept: r.Kept}
}

// whereOf is where a repository lies, in words.
func (b *Backups) whereOf(r Repository) string {
	if folder := b.folderOf(r); folder != "" {
		return "folder " + folder
	}
	place, err := r.New()
	if err != nil {
		return r.Name()
	}
	return place.String()
}

// folderOf is the folder of a repository that lies in one, else "".
func (b *Backups) folderOf(r Repository) string {
	place, err := r.New()
	if err != nil {
		return ""
	}
	return storage.FolderOf(place, b.Base)
}

func (b *Backups) whereabouts(secret string) Whereabouts {
	if b.Where == nil {
		return Whereabouts{Words: "secret " + secret}
	}
	return b.Where(secret)
}

// lastDrill takes the last drill that ended, or the one under way, into the chapter.
func (b *Backups) lastDrill(ctx context.Context, c *runbook.Application, name string, last *latest) error {
	var d Drilled
	if last != nil && last.application == name {
		d, c.Drilled = last.drill, last.at
	} else {
		runs, err := b.Engine.List(ctx, run.Filter{Target: Target(name), Kind: KindDrill, Limit: 10})
		if err != nil {
			return err
		}
		for _, r := range runs {
			if r.State == run.Succeeded && json.Unmarshal(r.Result, &d) == nil {
				c.Drilled = r.Ended
				break
			}
		}
	}
	if err := b.simulatedBefore(ctx, c, name, last); err != nil {
		return err
	}
	c.DrillSaid, c.Recovery = cmp.Or(d.Why, "nothing is known of it"), d.Recovery
	for _, p := range d.Phases {
		c.Phases = append(c.Phases, runbook.Phase{Name: p.Name, Took: p.Took})
	}
	return nil
}

// simulatedBefore takes the last drill of each simulated failure into the chapter.
func (b *Backups) simulatedBefore(ctx context.Context, c *runbook.Application, name string, last *latest) error {
	seen := map[string]bool{}
	add := func(d Drilled, at time.Time) {
		if d.Simulated != "" && !seen[d.Simulated] {
			seen[d.Simulated] = true
			c.Simulated = append(c.Simulated, runbook.Failure{Kind: d.Simulated, At: at, Recovery: d.Recovery, Said: d.Why})
		}
	}
	if last != nil && last.application == name {
		add(last.drill, last.at)
	}
	runs, err := b.Engine.List(ctx, run.Filter{Target: Target(name), Kind: KindDrill, Limit: 200})
	for _, r := range runs {
		var d Drilled
		if r.State == run.Succeeded && json.Unmarshal(r.Result, &d) == nil {
			add(d, r.Ended)
		}
	}
	slices.SortFunc(c.Simulated, func(a, b runbook.Failure) int { return cmp.Compare(a.Kind, b.Kind) })
	return err
}

func (b *Backups) history(ctx context.Context, name string) ([]runbook.Event, error) {
	entries, err := b.Journal.List(ctx, journal.Filter{Target: Target(name), Newest: true, Limit: 200})
	var all []runbook.Event
	for _, e := range entries {
		switch e.Event {
		case "copied", "failed", "drilled", "drill-failed", "restored", "backup-alert", "copy-failed":
			if all = append(all, runbook.Event{At: e.At, Text: e.Text}); len(all) >= 20 {
				return all, err
			}
		}
	}
	return all, err
}

func keepWords(k plan.Keep) []string {
	if k.IsZero() {
		return []string{"all"}
	}
	var all []string
	for _, r := range []struct {
		n    int
		what string
	}{{k.Last, "the youngest %d"}, {k.Hourly, "%d hourly"}, {k.Daily, "%d daily"}, {k.Weekly, "%d weekly"}, {k.Monthly, "%d monthly"}, {k.Yearly, "%d yearly"}} {
		if r.n > 0 {
			all = append(all, fmt.Sprintf(r.what, r.n))
		}
	}
	if k.Within > 0 {
		all = append(all, "all younger than "+k.Within.String())
	}
	return all
}

// RunbookFolder is where the data directory keeps the document.
func (b *Backups) RunbookFolder() string { return filepath.Join(b.Data, "runbook") }

// writeRunbook writes the document to the data directory, beside the copies, and where the configuration wants it too.
func (b *Backups) writeRunbook(ctx context.Context, now time.Time, last *latest) error {
	book, err := b.book(ctx, now, last)
	if err != nil {
		return err
	}
	text, err := book.Markdown()
	if err != nil {
		return err
	}
	page, err := book.HTML()
	if err != nil {
		return err
	}
	folders := []string{b.RunbookFolder()}
	for _, f := range b.Configured().Runbook.Folders {
		if !filepath.IsAbs(f) {
			f = filepath.Join(b.Base, f)
		}
		folders = append(folders, f)
	}
	for _, r := range b.Configured().Repositories.All() {
		if folder := b.folderOf(r); folder != "" && exists(filepath.Join(folder, "config")) {
			folders = append(folders, folder)
		}
	}
	for _, f := range folders {
		err = errors.Join(err, place(f, "RECOVERY.md", text), place(f, "RECOVERY.html", page))
	}
	return err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// place writes a file whole or not at all.
func place(folder, name, text string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("runbook: %w", err)
	}
	f, err := os.CreateTemp(folder, "."+name+"-*")
	if err != nil {
		return fmt.Errorf("runbook: %w", err)
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(folder, name))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("runbook in %s: %w", folder, err), os.Remove(f.Name()))
	}
	return nil
}
