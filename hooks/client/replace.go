package client

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"
)

// errEdited says that a file is not what it was a moment ago: somebody saved it meanwhile.
var errEdited = errors.New("was changed meanwhile")

// replace puts content in the place of a file of the work tree at once, if the file still has the expected digest. It keeps the permissions, and it
// follows no link. The new file is made in our own folder, so that a killed run leaves nothing in the work tree.
func (repo *Repo) replace(scratch, name, expected string, content []byte, perm fs.FileMode) error {
	target := filepath.Join(repo.Top, name)
	tree := &folders{top: repo.Top, known: map[string]bool{}}
	if !tree.real(path.Dir(name)) {
		return fmt.Errorf("%s lies behind a link now: %w", name, errEdited)
	}
	tmp, err := fill(scratch, content, perm)
	if err != nil {
		return err
	}
	defer os.Remove(tmp) // moved away when all went well
	now, err := tree.read(name, false)
	if err != nil || digest(now) != expected {
		return fmt.Errorf("%s %w", name, errEdited)
	}
	fault("replace a file of the work tree")
	err = os.Rename(tmp, target)
	if errors.Is(err, syscall.EXDEV) {
		return repo.replaceBeside(target, scratch, content, perm)
	}
	if err != nil {
		return fmt.Errorf("replace %s: %w", name, err)
	}
	return nil
}

// beside is the name of the new file where our folder is on another file system: in the target's folder, with the name of the run.
func beside(target, scratch string) string {
	return filepath.Join(filepath.Dir(target), ".goodstate-"+filepath.Base(scratch))
}

func (repo *Repo) replaceBeside(target, scratch string, content []byte, perm fs.FileMode) error {
	tmp := beside(target, scratch)
	if err := fillFile(tmp, content, perm); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	fault("replace a file on another file system")
	if err := os.Rename(tmp, target); err != nil {
		return errors.Join(fmt.Errorf("replace %s: %w", target, err), os.Remove(tmp))
	}
	return nil
}

func fill(scratch string, content []byte, perm fs.FileMode) (string, error) {
	tmp := filepath.Join(scratch, "next")
	return tmp, fillFile(tmp, content, perm)
}

func fillFile(name string, content []byte, perm fs.FileMode) error {
	fault("write a new file")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return fmt.Errorf("write the repaired content: %w", err)
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Chmod(perm), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write the repaired content: %w", err)
	}
	return nil
}

// create puts content where no file is any more.
func (repo *Repo) create(scratch, name string, content []byte, perm fs.FileMode) error {
	target := filepath.Join(repo.Top, name)
	tree := &folders{top: repo.Top, known: map[string]bool{}}
	if !tree.real(path.Dir(name)) {
		return fmt.Errorf("%s: its folder is not there any more", name)
	}
	if err := fillFile(beside(target, scratch), content, perm); err != nil {
		return errors.Join(err, os.Remove(beside(target, scratch)))
	}
	err := os.Link(beside(target, scratch), target) // fails where a file has appeared
	return errors.Join(err, os.Remove(beside(target, scratch)))
}
