package source

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/source/files"
)

func init() {
	register(Kind{
		Name:    "files",
		Help:    "trees of files, with owners, modes, times, links and extended attributes; after the first time only what changed is read",
		Example: "files: {paths: [uploads, /etc/shop], exclude: [\"*.tmp\"]}",
		New: func(decode func(any) error) (Source, error) {
			s := &filesSource{}
			return s, decode(s)
		},
	})
}

type filesSource struct {
	Paths         []string `yaml:"paths" required:"true" help:"files and folders, from the configuration's own folder" example:"[uploads]"`
	Exclude       []string `yaml:"exclude" help:"patterns that are left out: of a name, or of a whole path where ** stands for any folders" example:"[\"*.tmp\", \"/srv/**/cache\"]"`
	OneFileSystem bool     `yaml:"one_file_system" help:"do not enter what is mounted below the paths"`
}

func (s *filesSource) paths(j Job) []string {
	var all []string
	for _, p := range s.Paths {
		if !filepath.IsAbs(p) {
			p = filepath.Join(j.Base, p)
		}
		all = append(all, p)
	}
	return all
}

// Backup copies what changed.
func (s *filesSource) Backup(ctx context.Context, j Job) (Copied, error) {
	res, err := files.Backup(ctx, j.Repo, s.paths(j), files.Options{
		Exclude: s.Exclude, OneFileSystem: s.OneFileSystem, Parent: j.Parent, Tags: []string{Tag(j.Application)},
		Progress: func(p files.Progress) {
			j.Say(Progress(j.Began, time.Now(), p.Files, p.Bytes, j.Expected, true) + "; now " + p.Now)
		},
	})
	c := Copied{Snapshot: res.Snapshot, Files: res.Files, Bytes: res.Bytes, Fresh: res.Saved.Plain, Written: res.Saved.Written, Complete: res.Complete()}
	for _, p := range res.Problems {
		c.Problems = append(c.Problems, p.String())
	}
	return c, err
}

// Restore brings the trees back: below a folder by their whole path, or in their own places.
func (s *filesSource) Restore(ctx context.Context, j Job, snap repository.Snapshot, to Place) (Restored, error) {
	if to.Folder == "" {
		return Restored{}, errors.New("files are restored into a folder; none is given")
	}
	res, err := files.Restore(ctx, j.Repo, snap, to.Folder, files.RestoreOptions{
		Replace: to.Replace, Progress: func(p files.RestoreProgress) {
			j.Say(Progress(j.Began, time.Now(), p.Files, p.Bytes, j.Expected, true))
		},
	})
	r := Restored{Files: res.Files, Bytes: res.Bytes}
	for _, p := range res.Problems {
		r.Problems = append(r.Problems, p.String())
	}
	return r, err
}

// Original is the root: snapshots have whole paths.
func (s *filesSource) Original(context.Context, Job) (Place, error) {
	return Place{Folder: "/", Replace: true}, nil
}

// Scratch is the drill's own folder.
func (s *filesSource) Scratch(_ context.Context, j Job) (Place, func(context.Context) error, error) {
	return Place{Folder: filepath.Join(j.Scratch, "files")}, func(context.Context) error { return nil }, nil
}
