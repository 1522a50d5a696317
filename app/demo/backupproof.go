package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"goodstate.dev/goodstate/backup"
	"goodstate.dev/goodstate/backup/source/pgserver"
	"goodstate.dev/goodstate/web/api"
)

// bring recovers the server to the moment, and compares every row.
func bring(ctx context.Context, c *api.Client, o Options, dir string, before map[int64]string, moment time.Time, out *BackupOutcome) (err error) {
	back, began := filepath.Join(dir, "back"), time.Now()
	until := moment.UTC().Format(time.RFC3339Nano)
	o.Say("goodstate backup restore orders --until " + until + " --to back")
	if err := work(ctx, c, o, backup.KindRestore, backup.Request{Until: until, Folder: back}, "orders"); err != nil {
		return err
	}
	socket, err := pgserver.Socket()
	if err != nil {
		return err
	}
	server, err := pgserver.Start(back, socket, 0, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	url := pgserver.URL(socket, "goodstate", "postgres")
	if err := server.Ready(ctx, url); err != nil {
		return err
	}
	after, err := allOrders(ctx, url)
	if err != nil {
		return err
	}
	out.Recovery = time.Since(began).Seconds()
	for number, item := range before {
		out.RowsCompared++
		if after[number] != item {
			out.RowsLost++
		}
	}
	for number := range after {
		if _, was := before[number]; !was {
			out.RowsTooMany++
		}
	}
	return nil
}

// files removes the pictures and brings them back.
func files(ctx context.Context, c *api.Client, o Options, dir string, out *BackupOutcome) error {
	if err := os.RemoveAll(filepath.Join(dir, "pictures")); err != nil {
		return fmt.Errorf("pictures of the demo: %w", err)
	}
	o.Say("the pictures are deleted too")
	if err := work(ctx, c, o, backup.KindRestore, backup.Request{InPlace: true}, "pictures"); err != nil {
		return err
	}
	for i := range 200 {
		out.FilesCompared++
		if text, err := os.ReadFile(filepath.Join(dir, "pictures", "tea"+strconv.Itoa(i))); err != nil || string(text) != picture(i) {
			out.FilesLost++
		}
	}
	return nil
}

// proof drills both, and writes the runbook.
func proof(ctx context.Context, c *api.Client, o Options, url string, l *load, out *BackupOutcome) error {
	if err := l.again(ctx, url); err != nil {
		return err
	}
	if err := work(ctx, c, o, backup.KindCopy, backup.Request{}, "orders"); err != nil {
		return err
	}
	for _, name := range []string{"orders", "pictures"} {
		info, err := c.StartBackup(ctx, backup.KindDrill, name, "demo", backup.Request{})
		if err != nil {
			return err
		}
		d, err := followed[backup.Drilled](ctx, c, o, info)
		if err != nil {
			return err
		}
		if !d.Good {
			return fmt.Errorf("the drill of %s: %s", name, d.Why)
		}
		out.Drill += name + ": " + d.Level.String() + ", " + d.Why + "\n"
	}
	book, err := c.Runbook(ctx, "")
	if err != nil {
		return err
	}
	if book.Markdown == "" {
		return errors.New("the runbook is empty")
	}
	out.Runbook = fmt.Sprintf("%d lines, of %d applications", lines(book.Markdown), 2)
	o.Say("the runbook is written from the drills: " + out.Runbook + "; see goodstate backup runbook")
	return nil
}

func lines(text string) (n int) {
	for _, c := range text {
		if c == '\n' {
			n++
		}
	}
	return n
}
