package source

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"time"

	"goodstate.dev/goodstate/backup/repository"
)

// piece is a part of a file of the log, as it is streamed into a repository: bytes from one place of the file to another. Its box is called
// log/APPLICATION/SYSTEM/FILE.FROM-TO, with the places in hexadecimal digits.
type piece struct {
	box      string
	file     string
	from, to uint64
}

// pieceHead is the first line of a piece's box; the bytes follow.
type pieceHead struct {
	File string    `json:"file"`
	From uint64    `json:"from"`
	At   time.Time `json:"whole_until,omitzero"` // with this piece the log is whole up to this moment
	LSN  uint64    `json:"lsn,omitempty"`        // and this place
}

const maxPiece = 16 << 20

var pieceName = regexp.MustCompile(`^([0-9A-F]{24}|[0-9A-F]{8}\.history)\.([0-9A-F]{8})-([0-9A-F]{8})$`)

func logFolder(application, system string) string {
	return "log/" + url.PathEscape(application) + "/" + system
}

// pieces lists what was streamed of a server, in the order of the log.
func pieces(ctx context.Context, repo *repository.Repository, application, system string) (all []piece, err error) {
	folder := logFolder(application, system)
	names, err := repo.Boxes(ctx, folder)
	if err != nil {
		return nil, fmt.Errorf("streamed log: %w", err)
	}
	for _, name := range names {
		if len(name) <= len(folder)+1 {
			continue
		}
		m := pieceName.FindStringSubmatch(name[len(folder)+1:])
		if m == nil {
			continue
		}
		p := piece{box: name, file: m[1]}
		p.from, _ = strconv.ParseUint(m[2], 16, 64) // eight digits, by the pattern
		p.to, _ = strconv.ParseUint(m[3], 16, 64)
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b piece) int { return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.from, b.from)) })
	return all, nil
}

// savePiece writes a piece. One that is there already is the same: a log is only ever added to.
func savePiece(ctx context.Context, repo *repository.Repository, folder string, head pieceHead, text []byte) error {
	first, err := json.Marshal(head)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%s/%s.%08X-%08X", folder, head.File, head.From, head.From+uint64(len(text)))
	err = repo.SaveBox(ctx, name, slices.Concat(first, []byte("\n"), text))
	if errors.Is(err, repository.ErrBoxExists) {
		return nil
	}
	return err
}

// read fetches a piece.
func (p piece) read(ctx context.Context, repo *repository.Repository) (head pieceHead, text []byte, err error) {
	plain, err := repo.Box(ctx, p.box, maxPiece+4096)
	if err != nil {
		return head, nil, fmt.Errorf("streamed log: %w", err)
	}
	first, text, ok := bytes.Cut(plain, []byte("\n"))
	if err := json.Unmarshal(first, &head); !ok || err != nil {
		return head, nil, fmt.Errorf("streamed log: %s does not begin as a piece of a log does: %w", p.box, err)
	}
	if head.File != p.file || head.From != p.from || p.from+uint64(len(text)) != p.to {
		return head, nil, fmt.Errorf("streamed log: %s has bytes %d to %d of %s", p.box, head.From, head.From+uint64(len(text)), head.File)
	}
	return head, text, nil
}

// begins and ends are the places of a piece in the log; 0 for the history of a timeline.
func (p piece) begins(segment uint64) uint64 { return p.place(segment, p.from) }
func (p piece) ends(segment uint64) uint64   { return p.place(segment, p.to) }

func (p piece) place(segment, at uint64) uint64 {
	n, err := walNumber(p.file, segment)
	if err != nil {
		return 0
	}
	return n*segment + at
}

// onward are the pieces that go on from a place in the log, up to the first gap, which is named.
func onward(all []piece, from, timeline, segment uint64) (use []piece, gap string) {
	at := from
	for _, p := range all {
		switch {
		case otherWAL.MatchString(p.file):
			use = append(use, p)
		case p.ends(segment) <= at && p.file[:8] == fmt.Sprintf("%08X", timeline):
		case p.begins(segment) > at:
			return use, fmt.Sprintf("of %s what is before byte %d was not streamed, nor is it in the restore point", p.file, p.from)
		default:
			use, at = append(use, p), max(at, p.ends(segment))
		}
	}
	return use, ""
}
