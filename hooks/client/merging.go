package client

import (
	"os"
	"path/filepath"
	"strings"
)

// merging lists the commits that are being merged; Git keeps them in MERGE_HEAD until the merge is committed.
func (repo *Repo) merging() []string {
	data, err := os.ReadFile(filepath.Join(repo.Dir, "MERGE_HEAD"))
	if err != nil {
		return nil // no merge is under way
	}
	return strings.Fields(string(data))
}

// branch is the branch that HEAD is on; empty when it is on none, or where refs are not kept in files.
func (repo *Repo) branch() string {
	data, err := os.ReadFile(filepath.Join(repo.Dir, "HEAD"))
	if err != nil {
		return ""
	}
	name, on := strings.CutPrefix(strings.TrimSpace(string(data)), "ref: refs/heads/")
	if !on || name == ".invalid" {
		return ""
	}
	return name
}
