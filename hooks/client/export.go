package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"goodstate.dev/goodstate/hooks/plan"
)

// export is what is staged in a folder of its own, for commands that must not see what is not staged. It lies in the .git folder, so that what looks for
// packages in the folders above finds those of the work tree. It is a work tree to Git, with an index of its own and the same objects.
//
// There are two kinds. The whole one has every staged file, for commands that look at the whole tree. The other one has the files of the change, and for all
// else links to the work tree: it costs nothing in a large repository, and shows a command the same neighbours as the work tree does.
type export struct {
	root  string
	own   string // its Git folder
	whole bool
	stale []string // paths that have been repaired since it was written
}

// exported gives an export, as the index is now.
func (r *round) exported(ctx context.Context, job plan.Job) (*export, error) {
	j, err := r.open(ctx)
	if err != nil {
		return nil, err
	}
	whole := job.Whole || !job.TakesFiles()
	x := r.exports[whole]
	if x == nil {
		x = &export{root: j.path("part"), own: j.path("part.git"), whole: whole}
		if whole {
			x.root, x.own = j.path("tree"), j.path("tree.git")
		}
		if err := r.writeExport(ctx, x); err != nil {
			return nil, fmt.Errorf("export what is staged: %w", err)
		}
		r.exports[whole] = x
	}
	if len(x.stale) > 0 {
		if err := r.checkOut(ctx, x, x.stale); err != nil {
			return nil, fmt.Errorf("export what was repaired: %w", err)
		}
		x.stale = nil
	}
	return x, x.link(r.repo.Top, job.Link)
}

func (r *round) writeExport(ctx context.Context, x *export) error {
	fault("export the index")
	if err := errors.Join(os.Mkdir(x.root, 0o755), os.Mkdir(x.own, 0o755)); err != nil {
		return err
	}
	head, err := os.ReadFile(filepath.Join(r.repo.Dir, "HEAD"))
	if err != nil {
		return err
	}
	if r.tip != "" {
		head = []byte(r.tip + "\n")
	}
	if x.whole {
		_, err = r.repo.git(ctx, r.index, nil, "checkout-index", "-a", "-f", "-q", "--prefix="+x.root+"/")
	} else {
		err = r.writePart(ctx, x)
	}
	if err != nil {
		return err
	}
	parts, err := filepath.Glob(filepath.Join(r.repo.Dir, "sharedindex.*")) // of an index that is split, see git-update-index(1)
	if err != nil {
		return err
	}
	for _, part := range parts {
		if err := os.Symlink(part, filepath.Join(x.own, filepath.Base(part))); err != nil {
			return err
		}
	}
	return errors.Join(
		os.WriteFile(filepath.Join(x.own, "HEAD"), head, 0o644),
		os.WriteFile(filepath.Join(x.own, "commondir"), []byte(r.repo.Common+"\n"), 0o644),
		copyFile(r.index, filepath.Join(x.own, "index")),
		os.WriteFile(filepath.Join(x.root, ".git"), []byte("gitdir: "+x.own+"\n"), 0o644),
	)
}

// copyFile copies within the system, without reading the bytes into this process where that can be had.
func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close() // opened for reading only
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}

// checkOut writes files of the index into the export, as Git would into a work tree.
func (r *round) checkOut(ctx context.Context, x *export, paths []string) error {
	_, err := r.repo.git(ctx, r.index, []byte(strings.Join(paths, "\x00")+"\x00"), "checkout-index", "-f", "-q", "-z", "--stdin", "--prefix="+x.root+"/")
	return err
}

// link makes what is ignored in the work tree, and needed, visible in the export.
func (x *export) link(top string, paths []string) error {
	for _, p := range paths {
		from, to := filepath.Join(top, p), filepath.Join(x.root, p)
		if _, err := os.Stat(from); err != nil {
			continue // not installed; the command says what it misses
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return fmt.Errorf("link %s into the export: %w", p, err)
		}
		if err := os.Symlink(from, to); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("link %s into the export: %w", p, err)
		}
	}
	return nil
}

// store writes files of the export as objects, as git add would, and returns their names in order.
func (x *export) store(ctx context.Context, paths []string) ([]string, error) {
	var list bytes.Buffer
	for _, p := range paths {
		fmt.Fprintf(&list, "%s\n", quoted(p))
	}
	cmd := gentle(exec.CommandContext(ctx, "git", "hash-object", "-w", "--stdin-paths"))
	cmd.Dir, cmd.Env = x.root, freed()
	out, err := output(cmd, list.Bytes())
	if err != nil {
		return nil, err
	}
	ids := strings.Fields(string(out))
	if len(ids) != len(paths) {
		return nil, fmt.Errorf("git hash-object named %d of %d objects", len(ids), len(paths))
	}
	return ids, nil
}
