package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"goodstate.dev/goodstate/app"
	"goodstate.dev/goodstate/backup"
	"goodstate.dev/goodstate/backup/source/pgserver"
)

// BackupOutcome is what came back, measured.
type BackupOutcome struct {
	RowsCompared  int     `json:"rows_compared"`
	RowsLost      int     `json:"rows_lost"` // that are not back as they were the second before
	RowsTooMany   int     `json:"rows_too_many"`
	FilesCompared int     `json:"files_compared"`
	FilesLost     int     `json:"files_lost"`
	Recovery      float64 `json:"recovery_seconds"` // from the order to recover until the rows could be read
	RTO           float64 `json:"rto_seconds"`
	Drill         string  `json:"drill"`   // its verdict
	Runbook       string  `json:"runbook"` // where it is
	Seconds       float64 `json:"seconds"`
	Problem       string  `json:"problem,omitempty"`
}

const backupRTO = 5 * time.Minute

const backupConfiguration = `data: data
server: {listen: none}
services: {}
secrets: {backup: {file: backup.key}, db: {file: db.url}}
backup:
  repositories:
    main: {folder: copies, password: {secret: backup}}
  applications:
    orders:
      source: {postgres_server: {url: {secret: db}}}
      repository: main
      rpo: 5m
      rto: 5m
      checks:
        orders: {command: {run: "psql --no-psqlrc --tuples-only --dbname=\"$GOODSTATE_DATABASE_URL\" --command='SELECT 1/count(*) FROM orders'"}}
    pictures:
      source: {files: {paths: [pictures]}}
      repository: main
      rpo: 5m
      rto: 5m
      checks:
        pictures: {command: {run: "test $(find \"$GOODSTATE_SCRATCH\" -name 'tea*' | wc -l) -ge 200"}}
`

// Backup shows a table that is dropped under load, and that comes back as it was the second before.
func Backup(ctx context.Context, o Options) (out BackupOutcome, err error) {
	began := time.Now()
	out.RTO = backupRTO.Seconds()
	dir, err := os.MkdirTemp("", "goodstate-demo-")
	if err != nil {
		return out, fmt.Errorf("folder of the demo: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // the database server's account passes through
		return out, fmt.Errorf("folder of the demo: %w", err)
	}
	o.Say("a PostgreSQL server of the demo's own with a table of orders, and a folder of pictures")
	server, url, err := shopServer(ctx, filepath.Join(dir, "server"))
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	a, err := shopBackups(ctx, dir, url, o)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	err = showBackup(ctx, a, o, dir, url, &out)
	out.Seconds = time.Since(began).Seconds()
	return out, err
}

func shopServer(ctx context.Context, data string) (*pgserver.Server, string, error) {
	if err := pgserver.Init(ctx, data); err != nil {
		return nil, "", err
	}
	socket, err := pgserver.Socket()
	if err != nil {
		return nil, "", err
	}
	server, err := pgserver.Start(data, socket, 0, map[string]string{"shared_buffers": "32MB"})
	if err != nil {
		return nil, "", errors.Join(err, os.RemoveAll(socket))
	}
	url := pgserver.URL(socket, "goodstate", "postgres")
	if err := server.Ready(ctx, url); err != nil {
		return nil, "", errors.Join(err, server.Stop())
	}
	return server, url, nil
}

func shopBackups(ctx context.Context, dir, url string, o Options) (*app.App, error) {
	path := filepath.Join(dir, app.ConfigName)
	errs := []error{os.WriteFile(path, []byte(backupConfiguration), 0o600), os.WriteFile(filepath.Join(dir, "backup.key"), []byte("a password for a minute"), 0o600), os.WriteFile(filepath.Join(dir, "db.url"), []byte(url), 0o600)}
	errs = append(errs, os.Mkdir(filepath.Join(dir, "pictures"), 0o700))
	for i := range 200 {
		errs = append(errs, os.WriteFile(filepath.Join(dir, "pictures", "tea"+strconv.Itoa(i)), []byte(picture(i)), 0o600))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("configuration of the demo: %w", err)
	}
	conf, err := app.Load(path)
	if err != nil {
		return nil, err
	}
	return app.Open(ctx, app.Options{Config: conf, Base: dir, Self: o.Self, Log: o.Log})
}

func picture(i int) string { return fmt.Sprintf("a picture of teapot %d", i) }

func showBackup(ctx context.Context, a *app.App, o Options, dir, url string, out *BackupOutcome) error {
	c := a.Client()
	if _, err := c.InitRepository(ctx, "main"); err != nil {
		return err
	}
	l, err := sell(ctx, url)
	if err != nil {
		return err
	}
	defer l.end()
	if err := work(ctx, c, o, backup.KindCopy, backup.Request{}, "orders", "pictures"); err != nil {
		return err
	}
	if err := l.more(ctx, 200); err != nil {
		return err
	}
	before, moment, err := l.drop(ctx, url)
	if err != nil {
		return err
	}
	o.Say(fmt.Sprintf("at %s somebody drops the table, with %d orders in it", moment.Local().Format("15:04:05.000"), len(before)))
	if err := work(ctx, c, o, backup.KindCopy, backup.Request{}, "orders"); err != nil {
		return err
	}
	if err := bring(ctx, c, o, dir, before, moment, out); err != nil {
		return err
	}
	if err := files(ctx, c, o, dir, out); err != nil {
		return err
	}
	o.Say(fmt.Sprintf("%d rows compared, %d lost; %d files compared, %d lost; back in %.1fs, want at most %s", out.RowsCompared, out.RowsLost, out.FilesCompared, out.FilesLost, out.Recovery, backupRTO))
	if err := proof(ctx, c, o, url, l, out); err != nil {
		return err
	}
	switch {
	case out.RowsLost+out.RowsTooMany+out.FilesLost > 0:
		return fmt.Errorf("%d rows and %d files are not back, and %d rows are there that were not", out.RowsLost, out.FilesLost, out.RowsTooMany)
	case out.Recovery > out.RTO:
		return fmt.Errorf("it took %.1fs, want at most %s", out.Recovery, backupRTO)
	}
	return nil
}
