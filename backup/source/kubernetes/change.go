package kubernetes

import (
	"context"
	"slices"
	"strings"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/core/kube"
)

// Change is what became, or would become, of one object.
type Change struct {
	Object string `json:"object"`
	What   string `json:"what"`           // create, update, same, keep (it is there and different), leave out, refused
	Why    string `json:"why,omitempty"`  // of what was left out or refused
	Diff   string `json:"diff,omitempty"` // from what is there to what was copied; values of Secrets are hidden
}

// The words of Change.What.
const (
	Created = "create"
	Updated = "update"
	Same    = "same"
	Kept    = "keep"
	LeftOut = "leave out"
	Refused = "refused"
)

// Restored is what a restore did.
type Restored struct {
	Changes    []Change       `json:"changes"`
	Finalizers map[string]int `json:"finalizers,omitempty"` // of restored objects: without their controllers these objects cannot be deleted
	Bytes      int64          `json:"bytes"`
}

// Problems lists what did not come back as it was.
func (r Restored) Problems() []string {
	var all []string
	for _, c := range r.Changes {
		switch c.What {
		case Refused:
			all = append(all, c.Object+": "+c.Why)
		case Kept:
			all = append(all, c.Object+": is there and different, and stays as it is")
		}
	}
	return all
}

// Count says how many objects something was done with.
func (r Restored) Count(what string) int {
	n := 0
	for _, c := range r.Changes {
		if c.What == what {
			n++
		}
	}
	return n
}

// Plan lists what was or would be done, object by object, with the difference to what is there. What is equal is not in it, unless there is more to say of it.
func (r Restored) Plan() []string {
	var all []string
	for _, c := range r.Changes {
		if c.What == Same && c.Why == "" {
			continue
		}
		text := c.What + " " + c.Object
		if c.Why != "" {
			text += ": " + c.Why
		}
		if c.Diff != "" {
			text += "\n" + strings.TrimRight(c.Diff, "\n")
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return all
}

// Compare names what a restore with the same options has not left as the restore point has it, or what was changed since.
func Compare(ctx context.Context, c *kube.Cluster, repo *repository.Repository, snap repository.Snapshot, opt Options) ([]string, error) {
	opt.Dry, opt.Conflict, opt.Volumes = true, Skip, nil
	would, err := Restore(ctx, c, repo, snap, opt)
	var all []string
	for _, change := range would.Changes {
		switch change.What {
		case Created:
			all = append(all, change.Object+": is not there")
		case Kept, Updated:
			all = append(all, change.Object+": is different")
		case Refused:
			all = append(all, change.Object+": "+change.Why)
		}
	}
	return all, err
}
