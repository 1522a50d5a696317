package source

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"goodstate.dev/goodstate/backup/source/pgserver"
)

// What a drill makes outside of its own folder carries a mark in its name: of which goodstate it is, and of which application. It is held by a lock that ends with the
// process, so that the next drill of the application finds what a killed one left, and touches nothing of a drill that lives and nothing of anybody else's.

// Sweeper is a source whose drills make something outside of their own folder. Sweep removes what killed ones left.
type Sweeper interface {
	Sweep(ctx context.Context, j Job) error
}

const scratchPrefix = "goodstate_drill_" // the beginning of a scratch database's name

// mark tells the scratch places of this goodstate and application from all others.
func (j Job) mark() string {
	sum := sha256.Sum256([]byte(j.Owner + "\x00" + j.Application))
	return hex.EncodeToString(sum[:8])
}

// scratchDatabase is a new name for a scratch database, and the beginning that those of the application have in common.
func (j Job) scratchDatabase() (name, prefix string) {
	prefix = scratchPrefix + j.mark() + "_"
	return prefix + strings.ToLower(rand.Text()[:12]), prefix
}

// scratchFolder makes a folder that accounts of servers can be let into. It is held until release, which does not remove it.
func (j Job) scratchFolder() (path string, release func() error, err error) {
	path, err = os.MkdirTemp("", "goodstate-drill-"+j.mark()+"-")
	if err != nil {
		return "", nil, fmt.Errorf("scratch folder: %w", err)
	}
	held, err := holdFolder(path)
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("scratch folder: %w", err), os.RemoveAll(path))
	}
	return path, held.Close, nil
}

// holdFolder locks a folder for as long as it is not closed and the process lives.
func holdFolder(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
	}
	return f, nil
}

// sweepFolders removes the scratch folders that nobody holds, and ends the servers that run in them.
func (j Job) sweepFolders() error {
	all, err := filepath.Glob(filepath.Join(os.TempDir(), "goodstate-drill-"+j.mark()+"-*"))
	if err != nil {
		return fmt.Errorf("look for scratch folders: %w", err)
	}
	var errs []error
	for _, path := range all {
		held, err := holdFolder(path)
		if err != nil {
			continue // its drill lives, or it is gone by now
		}
		j.Say("remove " + path + ", which a drill that was killed left")
		if err := errors.Join(pgserver.End(filepath.Join(path, "data")), os.RemoveAll(path), held.Close()); err != nil {
			errs = append(errs, fmt.Errorf("remove what a killed drill left: %w", err))
		}
	}
	return errors.Join(errs...)
}
