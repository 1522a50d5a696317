package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// BreakOption is the push option that asks to let a push in against the policy: git push -o goodstate-break-glass=REASON.
const BreakOption = "goodstate-break-glass"

// Push is one push as the server's hook meets it.
type Push struct {
	Repository Repository
	Env        func(name string) string // of the hook
	Who        []string                 // variables that name the pusher, the first that is set counts; the server sets them, never the client
	Audit      string                   // file that remembers what was refused and what was let in against the policy
}

// Pushers are the variables in which servers name who pushes: GitLab, Gitea and Forgejo, Git's own HTTP backend, and the account of an SSH login.
var Pushers = []string{"GL_USERNAME", "GITEA_PUSHER_NAME", "REMOTE_USER", "LOGNAME", "USER"}

// Pusher is who pushes, as the server knows it; empty when it does not say.
func (p Push) Pusher() string {
	for _, name := range p.Who {
		if who := p.Env(name); who != "" {
			return who
		}
	}
	return ""
}

// reason is why the pusher asks to break the glass, and whether they do.
func (p Push) reason() (string, bool) {
	n, err := strconv.Atoi(p.Env("GIT_PUSH_OPTION_COUNT"))
	if err != nil {
		return "", false
	}
	for i := range min(n, 1000) {
		if option, value, _ := strings.Cut(p.Env("GIT_PUSH_OPTION_"+strconv.Itoa(i)), "="); option == BreakOption {
			return strings.TrimSpace(value), true
		}
	}
	return "", false
}

// Refused is the answer to a push that may not land.
type Refused struct{ Judgement *Judgement }

// Error is the first finding, which says rule, commit and place.
func (r *Refused) Error() string {
	return fmt.Sprintf("refused: %s", r.Judgement.Findings[0])
}

// Receive judges a push for the pre-receive hook: nil lets it land. The error is a *Refused, or says why the push could not be judged. What is broken
// in with the glass is written down first.
func (p *Policy) Receive(ctx context.Context, push Push, stdin io.Reader) (broken *Record, err error) {
	updates, err := Updates(stdin)
	if err != nil {
		return nil, err
	}
	who := push.Pusher()
	reason, asked := push.reason()
	switch {
	case asked && reason == "":
		return nil, fmt.Errorf("the glass is broken only for a reason: git push -o %s=REASON", BreakOption)
	case asked && !slices.Contains(p.Break, who):
		return nil, fmt.Errorf("%s may not break the glass; %s", name(who), mayBreak(p.Break))
	}
	j, err := p.Judge(ctx, push.Repository, updates, who)
	record := Record{At: time.Now().UTC(), Who: who, Updates: updates, Judgement: j}
	if err != nil {
		record.Error = err.Error()
	}
	if asked {
		record.Broken = reason
		if aerr := push.write(record); aerr != nil {
			return nil, fmt.Errorf("the glass stays whole, because it could not be written down: %w", aerr)
		}
		return &record, nil
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the push could not be judged, so it does not land: %w", err), push.write(record))
	}
	if j.Good() {
		return nil, nil
	}
	return nil, errors.Join(&Refused{j}, push.write(record))
}

func mayBreak(people []string) string {
	if len(people) == 0 {
		return "the policy lets nobody"
	}
	return "only " + strings.Join(people, ", ") + " may"
}

// Say tells the pusher what is wrong, in as few lines as a terminal likes.
func (j *Judgement) Say(w io.Writer, hint string) {
	const shown = 20
	for i, f := range j.Findings {
		if i == 0 {
			fmt.Fprintf(w, "refused: %s\n", f)
			if hint != "" {
				fmt.Fprintf(w, "to see it before you push: %s\n", hint)
			}
			continue
		}
		if i == shown {
			fmt.Fprintf(w, "  and %d more\n", len(j.Findings)-shown+j.Further)
			return
		}
		fmt.Fprintf(w, "  %s\n", f)
	}
}

// Record is a push that was refused, or let in against the policy.
type Record struct {
	At        time.Time  `json:"at"`
	Who       string     `json:"who"`
	Updates   []Update   `json:"updates"`
	Judgement *Judgement `json:"judgement,omitempty"`
	Broken    string     `json:"broken,omitempty"` // the reason
	Error     string     `json:"error,omitempty"`
}

func (p Push) write(r Record) error {
	if p.Audit == "" {
		return nil
	}
	if len(r.Updates) > 100 {
		r.Updates = r.Updates[:100]
	}
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return appendLine(p.Audit, line)
}
