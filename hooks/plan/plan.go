// Package plan is the hooks part of goodstate.yaml as goodstate-hook reads it: flat JSON, checked and complete, so that a commit pays for no
// YAML and no schema. The file lies in the repository's own .git folder under the digest of the configuration it was made from.
package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Version is the form of the file; another form is another file, so that two versions of goodstate do not read each other's.
const Version = 2

// maxPlan is more than any plan has, in bytes.
const maxPlan = 16 << 20

// Plan is what each stage does, by the name of the Git hook.
type Plan struct {
	Version int              `json:"version"`
	Stages  map[string]Stage `json:"stages"`
	Inputs  []Input          `json:"inputs,omitempty"` // the other files that it was made from
	Again   bool             `json:"again,omitempty"`  // something could not be had: it is made anew at the next start
}

// Stage is what one Git hook does: rules in this program, jobs in others, each in the order of the configuration.
type Stage struct {
	Rules  []Rule   `json:"rules,omitempty"`
	Jobs   []Job    `json:"jobs,omitempty"`
	Cannot []Cannot `json:"cannot,omitempty"`
	// Messages are the policies for commit messages, as their own package reads them.
	Messages []json.RawMessage `json:"messages,omitempty"`
}

// Empty is true for a stage that does nothing.
func (s Stage) Empty() bool {
	return len(s.Rules) == 0 && len(s.Jobs) == 0 && len(s.Messages) == 0 && len(s.Cannot) == 0
}

// Cannot is something that is wanted and cannot be done here. It fails its stage: nothing is left out in silence.
type Cannot struct {
	Name string `json:"name"`
	Why  string `json:"why"`
}

// Select chooses files. Nothing given chooses all.
type Select struct {
	Under   string   `json:"under,omitempty"`   // folder that they lie in; globs are then as seen from there
	Files   []string `json:"files,omitempty"`   // globs, one of which matches
	Exclude []string `json:"exclude,omitempty"` // globs, none of which matches
	Types   []string `json:"types,omitempty"`   // all of which hold
}

// Rule is one built-in rule with its options.
type Rule struct {
	Name string `json:"name"`
	Select
	Fix     bool            `json:"fix,omitempty"`
	Options json.RawMessage `json:"options,omitempty"`
}

// Job is one command.
type Job struct {
	Name string `json:"name"`
	Run  string `json:"run"` // for sh -c, with placeholders
	Select
	Fix    bool              `json:"fix,omitempty"`
	Within time.Duration     `json:"within"`
	Dir    string            `json:"dir,omitempty"`
	Env    map[string]string `json:"env,omitempty"`
	Group  string            `json:"group,omitempty"`
	Needs  []string          `json:"needs,omitempty"`
	Reads  []string          `json:"reads,omitempty"`
	Writes []string          `json:"writes,omitempty"`
	Link   []string          `json:"link,omitempty"`
	OnDisk bool              `json:"on_disk,omitempty"` // sees the work tree as it is
	Whole  bool              `json:"whole,omitempty"`   // sees the whole staged tree, even when it takes files
	Always bool              `json:"always,omitempty"`
	// Reuse says which content a pass is about: "files", "tree", or nothing where it is not kept. Version is a command that tells the tool's version.
	Reuse   string `json:"reuse,omitempty"`
	Version string `json:"version,omitempty"`
}

// FilesPlaceholder stands for the selected files in a job's command.
const FilesPlaceholder = "{files}"

// TakesFiles is true when the command is given the selected files; others look at the whole tree.
func (j Job) TakesFiles() bool { return strings.Contains(j.Run, FilesPlaceholder) }

// Name is the file name of the plan of a configuration with these bytes.
func Name(config []byte) string {
	sum := sha256.Sum256(config)
	return fmt.Sprintf("plan-%d-%s.json", Version, hex.EncodeToString(sum[:]))
}

// Read reads a plan from a folder. The error wraps fs.ErrNotExist when it is not there or cannot be used, which is the same: it is made again.
func Read(folder string, config []byte) (*Plan, error) {
	path := filepath.Join(folder, Name(config))
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("plan %s: %w", path, err)
	}
	if info.Size() > maxPlan || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("plan %s is %d bytes, want a file of at most %d: %w", path, info.Size(), maxPlan, fs.ErrNotExist)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("plan %s: %w", path, err)
	}
	p := &Plan{}
	if err := json.Unmarshal(data, p); err != nil || p.Version != Version {
		return nil, fmt.Errorf("plan %s is damaged (%v): %w", path, err, fs.ErrNotExist) //nolint:errorlint // the reader asks only whether it is usable
	}
	return p, nil
}

// Write puts a plan into a folder and removes those of configurations that nobody has used for a month.
func Write(folder string, config []byte, p *Plan) error {
	data, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("folder of plans: %w", err)
	}
	tmp, err := os.CreateTemp(folder, "new-*")
	if err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	defer os.Remove(tmp.Name()) // gone already when all went well
	_, err = tmp.Write(data)
	if err = errors.Join(err, tmp.Chmod(0o644), tmp.Sync(), tmp.Close()); err != nil {
		return fmt.Errorf("plan %s: %w", tmp.Name(), err)
	}
	if err := os.Rename(tmp.Name(), filepath.Join(folder, Name(config))); err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	return prune(folder, time.Now().AddDate(0, -1, 0))
}

func prune(folder string, before time.Time) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("folder of plans: %w", err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !strings.HasPrefix(e.Name(), "plan-") || !info.ModTime().Before(before) {
			continue
		}
		if err := os.Remove(filepath.Join(folder, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("old plan: %w", err)
		}
	}
	return nil
}
