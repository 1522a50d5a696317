package kubernetes

import (
	"slices"
	"strings"
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

// Plan lists what was or would be done, object by object, with the difference to what is there; what stays as it is, is not in it.
func (r Restored) Plan() []string {
	var all []string
	for _, c := range r.Changes {
		if c.What == Same {
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
