package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"goodstate.dev/goodstate/backup/repository"
)

// StreamEvery is `stream` of the configuration.
func (s *serverSource) StreamEvery() time.Duration { return time.Duration(s.Follow) }

// walFeed puts what a receiver has fetched into the repositories.
type walFeed struct {
	*Stream
	source *serverSource
	url    string
	slot   string
	folder string
	recv   *receiver
	places []*walPlace
}

// walPlace is a repository that the log is streamed into.
type walPlace struct {
	name   string
	repo   *repository.Repository
	system string
	sent   map[string]uint64 // bytes of each file of the log that are in it
}

// Stream follows the server's log: pg_receivewal fetches it all the time, and every now and then what came is marked and put into the repositories.
func (s *serverSource) Stream(ctx context.Context, st *Stream) (err error) {
	url, err := s.address(ctx, st.Job)
	if err != nil {
		return err
	}
	f := &walFeed{Stream: st, source: s, url: url, slot: slotName(st.Job.Application), folder: filepath.Join(st.Job.State, "wal")}
	if err := os.MkdirAll(f.folder, 0o700); err != nil {
		return fmt.Errorf("folder of the log: %w", err)
	}
	for _, name := range st.Places {
		f.places = append(f.places, &walPlace{name: name})
	}
	f.recv = &receiver{url: url, slot: f.slot, folder: f.folder}
	live, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { f.recv.run(live) })
	f.let(func(ctx context.Context) (moment, error) { return f.marked(ctx, true) })
	defer func() {
		f.let(nil)
		stop()
		running.Wait()
		err = errors.Join(err, f.close())
	}()
	tick := time.NewTicker(s.StreamEvery())
	defer tick.Stop()
	for {
		f.turn(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (s *Stream) let(reach func(ctx context.Context) (moment, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reach = reach
}

func (f *walFeed) close() error {
	var errs []error
	for _, p := range f.places {
		errs = append(errs, p.forget())
	}
	return errors.Join(errs...)
}

// forget lets go of the repository, which is opened again when it is needed.
func (p *walPlace) forget() error {
	if p.repo == nil {
		return nil
	}
	repo := p.repo
	p.repo, p.system = nil, ""
	return repo.Close()
}

// turn is one round: mark, wait until it is here, put it into the repositories, and see whether there is room.
func (f *walFeed) turn(ctx context.Context) {
	began := time.Now()
	m, err := f.marked(ctx, false)
	if ctx.Err() != nil {
		return
	}
	if err == nil {
		err = f.send(ctx, m, began)
	}
	why := ""
	if err != nil {
		why = err.Error()
	}
	f.change(func(s *StreamState) { s.Why, s.Held = why, m.slot.held })
	f.Notice(ctx, Notice{Kind: "log-stopped", Bad: err != nil, Text: why})
	gap := f.State().Gap
	f.Notice(ctx, Notice{Kind: "log-gap", Bad: gap != "", Text: gap + "; a copy is made now, with a new base where one is needed"})
	danger := m.slot.danger(f.slot, int64(f.source.Spool))
	if m.lsn > 0 {
		f.Notice(ctx, Notice{Kind: "log-held", Bad: danger != "", Text: danger})
	}
	f.rooms(ctx)
	if _, gone := f.recv.state(); gone {
		f.lost(ctx, "the server removed a part of the log before it was fetched", f.recv.again())
	}
}

// lost takes note that the log does not go on from the last restore point, and asks for a copy, which finds out and begins anew.
func (f *walFeed) lost(ctx context.Context, gap string, err error) {
	f.change(func(s *StreamState) { s.Gap = gap })
	if err := errors.Join(err, f.Want(ctx, gap)); err != nil && ctx.Err() == nil {
		f.change(func(s *StreamState) { s.Why = err.Error() })
	}
}

// marked writes a mark into the server's log and waits until all up to it is here, on disk; with patience also where the log has a gap and is begun anew meanwhile.
func (f *walFeed) marked(ctx context.Context, patience bool) (moment, error) {
	limited, stop := context.WithTimeout(ctx, reachPatience)
	defer stop()
	m, err := mark(limited, f.url, f.slot)
	if err != nil {
		return m, err
	}
	if m.fresh {
		f.lost(ctx, "the replication slot "+f.slot+" was not there, or the server had given it up", nil)
	}
	if m.slot.flushed < m.lsn {
		m.slot, err = f.wait(limited, m.lsn, patience)
	}
	return m, err
}

// wait waits until the log is here up to a place.
func (f *walFeed) wait(ctx context.Context, until uint64, patience bool) (at slotState, err error) {
	conn, err := pgx.Connect(ctx, f.url)
	if err != nil {
		return at, fmt.Errorf("connect to the server: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // it was only read
	for {
		if at, err = slotOf(ctx, conn, f.slot); err == nil && at.flushed >= until {
			return at, nil
		}
		why, gone := f.recv.state()
		if gone && !patience {
			return at, errors.New("the server removed a part of the log before it was fetched: " + why)
		}
		select {
		case <-ctx.Done():
			return at, fmt.Errorf("the log is not here up to %s within %s: %s", formatLSN(until), reachPatience, cmp.Or(why, "it is still fetched"))
		case <-time.After(20 * time.Millisecond):
		}
		if err != nil && ctx.Err() == nil {
			return at, err
		}
	}
}

// rooms looks how much waits here for a copy.
func (f *walFeed) rooms(ctx context.Context) {
	var waits int64
	entries, err := os.ReadDir(f.folder)
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			waits += info.Size()
		}
	}
	most := int64(f.source.Spool)
	f.change(func(s *StreamState) { s.Spool = waits })
	full := waits > most
	f.recv.room(!full)
	f.Notice(ctx, Notice{Kind: "log-room", Bad: full, Text: fmt.Sprintf("%s of the log wait here for a copy, which is all that spool allows; the server keeps what comes now", size(waits))})
	if waits > most/2 {
		err = errors.Join(err, f.Want(ctx, fmt.Sprintf("%s of the log wait for a copy", size(waits))))
	}
	if err != nil && ctx.Err() == nil {
		f.change(func(s *StreamState) { s.Why = err.Error() })
	}
}

// send puts what came into each repository. What one of them did not take is sent again the next time.
func (f *walFeed) send(ctx context.Context, m moment, began time.Time) error {
	var first error
	for i, p := range f.places {
		err := f.sendTo(ctx, p, m)
		if err != nil {
			err = errors.Join(fmt.Errorf("put the log into repository %s: %w", p.name, err), p.forget())
		}
		if i == 0 {
			if first = err; err == nil {
				f.change(func(s *StreamState) { s.At, s.Seen = m.at, began })
			}
			continue
		}
		f.Notice(ctx, Notice{Kind: "log-copy-" + p.name, Bad: err != nil, Text: fmt.Sprint(err)})
	}
	return first
}

func (f *walFeed) sendTo(ctx context.Context, p *walPlace, m moment) (err error) {
	if p.repo == nil || p.system != m.system {
		if err := errors.Join(p.forget(), p.open(ctx, f, m.system)); err != nil {
			return err
		}
	}
	names, err := walIn(f.folder)
	if err != nil {
		return err
	}
	slices.Sort(names)
	timeline := ""
	for _, name := range names {
		timeline = max(timeline, name[:8])
	}
	for _, name := range names {
		if strings.HasSuffix(name, ".partial") && name[:8] < timeline {
			continue // what it has is in the file of the new timeline too
		}
		err := f.sendFile(ctx, p, name, m)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // it was finished, or a copy took it over
			return err
		}
	}
	return nil
}

// open opens the repository and sees what is in it already.
func (p *walPlace) open(ctx context.Context, f *walFeed, system string) (err error) {
	if p.repo, err = f.Open(ctx, p.name); err != nil {
		return err
	}
	p.system, p.sent = system, map[string]uint64{}
	all, err := pieces(ctx, p.repo, f.Job.Application, system)
	for _, piece := range all {
		p.sent[piece.file] = max(p.sent[piece.file], piece.to)
	}
	return err
}

// sendFile sends what is new in a file of the log up to the mark. The last piece before the mark carries it.
func (f *walFeed) sendFile(ctx context.Context, p *walPlace, name string, m moment) (err error) {
	file := strings.TrimSuffix(name, ".partial")
	from, err := os.Open(filepath.Join(f.folder, name))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	info, err := from.Stat()
	if err != nil {
		return err
	}
	end := uint64(info.Size())
	holds := false // the mark is in it
	if walName.MatchString(file) {
		n, err := walNumber(file, m.segment)
		if err != nil {
			return err
		}
		begin := n * m.segment
		if begin >= m.lsn {
			return nil
		}
		end = min(end, m.lsn-begin)
		holds = begin+end == m.lsn
	}
	for at := p.sent[file]; at < end; at = p.sent[file] {
		text := make([]byte, min(maxPiece, end-at))
		if _, err := io.ReadFull(io.NewSectionReader(from, int64(at), int64(len(text))), text); err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		head := pieceHead{File: file, From: at}
		if holds && at+uint64(len(text)) == end {
			head.At, head.LSN = m.at, m.lsn
		}
		if err := savePiece(ctx, p.repo, logFolder(f.Job.Application, p.system), head, text); err != nil {
			return err
		}
		p.sent[file] = at + uint64(len(text))
	}
	return nil
}
