package e2e

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"goodstate.dev/goodstate/app"
	"goodstate.dev/goodstate/backup"
	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/internal/real"
)

// newVault is a dashboard of a goodstate that copies a folder, with nothing released.
func newVault(t *testing.T) *dashboard {
	t.Helper()
	chrome := real.Need(t, "chromium", "chromium", "google-chrome", "chrome")
	if chrome == "" {
		return nil
	}
	dir := t.TempDir()
	s := &site{t: t, dir: dir, file: filepath.Join(dir, "goodstate.yaml")}
	s.must(os.MkdirAll(filepath.Join(dir, "uploads", "tea"), 0o700))
	s.must(os.WriteFile(filepath.Join(dir, "uploads", "tea", "pot.txt"), []byte("a <b>teapot</b>\n"), 0o600))
	s.must(os.WriteFile(filepath.Join(dir, "backup.key"), []byte("correct horse battery staple"), 0o600))
	s.must(os.WriteFile(s.file, []byte(`data: data
server: {listen: "127.0.0.1:0"}
services: {}
secrets: {backup: {file: backup.key}}
backup:
  runbook: {contacts: ["Ann, operations: 555 0100"]}
  repositories: {main: {folder: copies, password: {secret: backup}, kept: envelope in the safe}}
  applications:
    shop:
      source: {files: {paths: [uploads]}}
      repository: main
      rpo: 1h
      rto: 5m
      drill: 24h
      keep: {daily: 14}
      checks: {teapot: {command: {run: "grep -rq teapot $GOODSTATE_SCRATCH"}}}
`), 0o600))
	conf, err := app.Load(s.file)
	s.must(err)
	a, err := app.Open(t.Context(), app.Options{Config: conf, Base: dir, Self: []string{os.Args[0]}})
	s.must(err)
	t.Cleanup(func() { s.must(a.Close()) })
	d := &dashboard{site: s, a: a, chrome: chrome}
	for name, role := range map[string]auth.Role{"olga": auth.Operator, "vera": auth.Viewer, "petra": auth.Approver, "adam": auth.Admin} {
		s.must(a.Auth.UserAdd(t.Context(), name, role, password))
	}
	_, err = a.Backups.Init(t.Context(), "main")
	s.must(err)
	d.address, err = a.Listen(t.Context())
	s.must(err)
	return d
}

func TestBackupsAreSeenRunAndRestoredFromThePages(t *testing.T) {
	d := newVault(t)
	if d == nil {
		return
	}
	pot := filepath.Join(d.dir, "uploads", "tea", "pot.txt")
	vera, olga, petra := d.browser("vera", true), d.browser("olga", true), d.browser("petra", true)
	vera.login()
	vera.sees("Backup of shop is never")
	vera.open("/backups")
	vera.sees("1 of 1 backup is not as promised")
	vera.lacks("Copy shop now")
	vera.readable()

	olga.login()
	olga.open("/backups")
	olga.press("Copy shop now")
	olga.sees("restore point")
	olga.sees("✓ done")
	olga.readable()
	vera.sees("All backups are as promised") // by itself
	olga.open("/backups/shop")
	olga.press("Drill now")
	olga.sees("✓ in time")
	olga.sees("is proven")
	olga.readable()
	olga.shot("backup-drill")
	olga.open("/backups/shop")
	olga.sees("✓ proven")
	olga.lacks("Bring it back")
	olga.readable()
	olga.shot("backup-application")
	olga.open("/runbook")
	olga.sees("envelope in the safe")
	olga.readable()
	olga.shot("backup-runbook")

	d.must(os.WriteFile(pot, []byte("spoilt"), 0o600))
	petra.login()
	petra.open("/backups/shop")
	petra.do("choose the place", chromedp.SetValue("#place", "original"))
	petra.press("Plan it")
	petra.sees("uploads/tea/pot.txt")
	petra.readable()
	petra.shot("backup-plan")
	if text, err := os.ReadFile(pot); err != nil || string(text) != "spoilt" {
		t.Fatalf("the plan has touched it: %q %v", text, err)
	}
	petra.press("Bring it back now")
	petra.sees("is back in /")
	petra.readable()
	if text, err := os.ReadFile(pot); err != nil || string(text) != "a <b>teapot</b>\n" {
		t.Errorf("it is not back: %q %v", text, err)
	}
	vera.open("/backups")
	vera.shot("backup-board")
	vera.open("/backups/shop/restore?place=original")
	vera.sees("you may not restore")
}

func TestAFrozenRepositoryIsLetGoFromThePagesWithoutScripts(t *testing.T) {
	d := newVault(t)
	if d == nil {
		return
	}
	for range 2 {
		info, err := d.a.Backups.Start(t.Context(), backup.KindCopy, "shop", "test", "", backup.Request{})
		d.must(err)
		_, err = d.a.Engine.Wait(t.Context(), info.ID)
		d.must(err)
	}
	files, err := os.ReadDir(filepath.Join(d.dir, "copies", "snapshots"))
	d.must(err)
	d.must(os.Remove(filepath.Join(d.dir, "copies", "snapshots", files[0].Name())))
	d.must(d.a.Backups.Watch(t.Context(), "main", time.Now()))

	olga, adam := d.browser("olga", false), d.browser("adam", false)
	olga.login()
	olga.seesLater("a restore point of shop is gone")
	olga.open("/backup-alerts")
	olga.sees("letting it go needs more")
	olga.readable()
	adam.login()
	adam.open("/backups/shop")
	adam.press("Forget now")
	adam.sees("nothing is deleted from repository main")
	adam.open("/backup-alerts")
	adam.readable()
	adam.shot("backup-alerts")
	adam.do("say why", chromedp.SendKeys("#why-main", "it was Bo, by mistake"))
	adam.press("Let main go")
	adam.lacks("is frozen")
	adam.do("say what was found", chromedp.SendKeys(`[id^=why-deleted]`, "it was Bo"))
	adam.press("Close")
	adam.sees("closed")
	adam.press("Backups")
	adam.sees("1 of 1 backup is not as promised")
	adam.press("shop")
	adam.sees("its restore points are gone")
	adam.press("Copy now")
	adam.seesLater("MB read")
	adam.open("/backups")
	adam.sees("All backups are as promised")
}

func TestADeletionWaitsForASecondPersonOnThePagesWithoutScripts(t *testing.T) {
	d := newVault(t)
	if d == nil {
		return
	}
	conf, _ := d.a.Backups.Config.Repositories.Get("main")
	conf.TwoPersons = &backup.TwoPersons{Within: config.Duration(time.Hour)}
	d.a.Backups.Config.Repositories.Set("main", conf)
	info, err := d.a.Backups.Start(t.Context(), backup.KindCopy, "shop", "test", "", backup.Request{})
	d.must(err)
	_, err = d.a.Engine.Wait(t.Context(), info.ID)
	d.must(err)

	adam, olga, petra := d.browser("adam", false), d.browser("olga", false), d.browser("petra", false)
	adam.login()
	adam.open("/backups")
	adam.press("Prune main")
	adam.sees("1 deletion waits for a second person")
	adam.sees("You asked for it: somebody else has to agree.")
	adam.readable()
	olga.login()
	olga.seesLater("adam asks to delete what no restore point of repository main needs")
	olga.open("/backups")
	olga.sees("agreeing needs the role approver")
	petra.login()
	petra.open("/backups")
	petra.sees("adam asks to delete what no restore point of repository main needs")
	petra.shot("backup-second-person")
	petra.readable()
	petra.press("Agree")
	petra.seesLater("freed 0 MB")
	petra.open("/backups")
	petra.lacks("waits for a second person")
}
