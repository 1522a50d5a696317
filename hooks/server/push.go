// Package server judges what is pushed before a repository takes it, and remembers afterwards what was taken. It is the last gatekeeper: what it cannot
// judge it refuses, and nothing in the pushed commits can change how they are judged.
package server

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// Update is one ref that a push wants to change.
type Update struct {
	Old, New string // object ids; zeros where there is none
	Ref      string // full name: refs/heads/main
}

var (
	objectID = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)
	zeros    = regexp.MustCompile(`^0+$`)
)

// Creates is true for a ref that is not there yet.
func (u Update) Creates() bool { return zeros.MatchString(u.Old) }

// Deletes is true for a ref that goes away.
func (u Update) Deletes() bool { return zeros.MatchString(u.New) }

// Branch is the branch's name, and false for tags and other refs.
func (u Update) Branch() (string, bool) { return strings.CutPrefix(u.Ref, "refs/heads/") }

const maxUpdates = 100_000 // refs in one push

// Updates reads what Git tells pre-receive and post-receive on standard input: a line with old id, new id and ref for each.
func Updates(in io.Reader) ([]Update, error) {
	var all []Update
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 64<<10)
	for lines.Scan() {
		part := strings.SplitN(lines.Text(), " ", 3)
		if len(part) != 3 || !objectID.MatchString(part[0]) || !objectID.MatchString(part[1]) || !strings.HasPrefix(part[2], "refs/") {
			return nil, fmt.Errorf("standard input has the line %.200q, want OLD NEW refs/...; this is meant to be started by Git", lines.Text())
		}
		if len(all) == maxUpdates {
			return nil, fmt.Errorf("the push changes more than %d refs; push them in parts", maxUpdates)
		}
		all = append(all, Update{part[0], part[1], part[2]})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the pushed refs: %w", err)
	}
	return all, nil
}
