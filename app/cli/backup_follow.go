package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"goodstate.dev/goodstate/backup"
	"goodstate.dev/goodstate/backup/source"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/web/api"
)

// followBackup tells the story of a run and ends with its exit code. An interrupt leaves it: it is gone on with by the next process that carries out runs.
func (t *terminal) followBackup(ctx context.Context, c *api.Client, info run.Info) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	if err := t.tell(ctx, c, info.ID); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return &exitError{exitInterrupted, errors.New("left as it is; goodstate serve, or the next goodstate backup command that starts work, goes on with it")}
	}
	r, err := c.Run(ctx, info.ID, time.Minute)
	if err != nil {
		return err
	}
	if t.json {
		t.document(map[string]any{"run": r.ID, "kind": r.Kind, "state": r.State, "error": r.Error, "result": r.Result})
	}
	return backupCode(r.Info)
}

// tell prints what a run journals, until the run or the context ends, with a line of its progress below on a terminal.
func (t *terminal) tell(ctx context.Context, c *api.Client, id string) error {
	show := t.progress(ctx, c, id)
	defer show.end()
	for e, err := range c.Follow(ctx, id, 0) {
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case !t.json:
			show.clear(func() { t.say("%s %s", e.At.Local().Format("15:04:05"), e.Text) })
		}
	}
	return nil
}

// progressLine is the last line of a terminal, where a run says how far it is.
type progressLine struct {
	t    *terminal
	mu   sync.Mutex
	on   bool // something stands there
	stop context.CancelFunc
	done sync.WaitGroup
}

// progressEvery is how often the line is written anew.
const progressEvery = 300 * time.Millisecond

// progress shows how far a run is, on terminals only.
func (t *terminal) progress(ctx context.Context, c *api.Client, id string) *progressLine {
	p := &progressLine{t: t}
	ctx, p.stop = context.WithCancel(ctx)
	out, ok := t.err.(*os.File)
	if !ok || t.json || !term.IsTerminal(int(out.Fd())) {
		return p
	}
	p.done.Go(func() {
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			r, err := c.Run(ctx, id, 0)
			if err != nil || r.State != run.Running {
				continue
			}
			width, _, err := term.GetSize(int(out.Fd()))
			if err != nil || width < 20 {
				width = 80
			}
			note := []rune(strings.Map(func(r rune) rune {
				if r < ' ' || r == 0x7f {
					return -1 // file names must not steer the terminal
				}
				return r
			}, r.Note))
			p.mu.Lock()
			fmt.Fprintf(p.t.err, "\r\x1b[K%s", string(note[:min(len(note), width-1)]))
			p.on = true
			p.mu.Unlock()
		}
	})
	return p
}

// clear takes the line away while something is written.
func (p *progressLine) clear(write func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.on {
		fmt.Fprint(p.t.err, "\r\x1b[K")
		p.on = false
	}
	write()
}

func (p *progressLine) end() {
	p.stop()
	p.done.Wait()
	p.clear(func() {})
}

// backupCode is the exit code of a run that ended.
func backupCode(r run.Info) error {
	if r.State != run.Succeeded {
		return &exitError{exitCouldNot, fmt.Errorf("run %s %s: %s", r.ID, r.State, r.Error)}
	}
	read := func(into any) error {
		if err := json.Unmarshal(r.Result, into); err != nil {
			return fmt.Errorf("result of run %s: %w", r.ID, err)
		}
		return nil
	}
	bad, failed := false, false
	var err error
	switch r.Kind {
	case backup.KindCopy, backup.KindImport:
		var v backup.Result
		err = read(&v)
		bad, failed = !v.Complete, v.Failed != ""
	case backup.KindDrill:
		var v backup.Drilled
		err = read(&v)
		failed = !v.Good
	case backup.KindVerify:
		var v backup.Verified
		err = read(&v)
		failed = !v.Good || v.Escrow != ""
	case backup.KindRestore:
		var v source.Restored
		err = read(&v)
		bad = len(v.Problems) > 0
	case backup.KindForget:
		var v backup.Forgotten
		err = read(&v)
		failed = v.Frozen != ""
	}
	switch {
	case err != nil:
		return err
	case failed:
		return &exitError{code: exitCouldNot}
	case bad:
		return &exitError{code: exitIncomplete}
	}
	return nil
}
