// Package adopt reads what AWX and Semaphore write when they are told to export, and says what it is here: projects, inventories, credentials, templates and
// schedules. It reads files only and changes nothing; whoever carries the plan out does so with their own permissions. What cannot be said here is named, never
// guessed. Files are hostile: what the desk would refuse is refused, and nothing of a secret is repeated.
package adopt

import (
	"context"
	"fmt"
	"strings"

	"goodstate.dev/goodstate/drift/desk"
)

// Plan is what an import makes, in the order in which it has to be made.
type Plan struct {
	Projects    []desk.Project    `json:"projects"`
	Inventories []desk.Inventory  `json:"inventories"`
	Credentials []desk.Credential `json:"credentials"`
	Templates   []desk.Template   `json:"templates"`
	Schedules   []desk.Schedule   `json:"schedules"`
	Missing     []Missing         `json:"missing,omitempty"`   // secrets, which no export has
	Left        []Remark          `json:"not_taken,omitempty"` // what is not made
	Notes       []Remark          `json:"notes,omitempty"`     // what is made and differs from what it was
}

// Missing is a credential whose values somebody has to give.
type Missing struct {
	Project    string   `json:"project"`
	Credential string   `json:"credential"`
	Values     []string `json:"values"`  // key, passphrase, password, become_password, vault_password
	Command    string   `json:"command"` // gives them
}

// Remark is about one thing of the export, by the name that it had there.
type Remark struct {
	What string `json:"what"` // workflow, host, schedule, ...
	Name string `json:"name"`
	Why  string `json:"why"`
}

// Options adjust a reading.
type Options struct {
	Repositories map[string]string // addresses to use instead of the export's, by the name that the project gets here
	Zone         string            // of schedules that name none; empty is UTC, as both tools have it
}

// mostRemarks bounds what is said of one kind, so that a hostile file cannot fill a screen or a memory.
const mostRemarks = 2000

// builder collects a plan.
type builder struct {
	ctx context.Context //nolint:containedctx // lives for one call of a reader
	opt Options
	Plan
	many map[string]int
	have map[string]bool // what was added, and whether it could be
}

func newBuilder(ctx context.Context, opt Options) *builder {
	if opt.Zone == "" {
		opt.Zone = "UTC"
	}
	return &builder{ctx: ctx, opt: opt, many: map[string]int{}, have: map[string]bool{}}
}

func (b *builder) left(what, name, format string, a ...any) {
	b.remark(&b.Left, what, name, format, a...)
}

func (b *builder) note(what, name, format string, a ...any) {
	b.remark(&b.Notes, what, name, format, a...)
}

func (b *builder) remark(to *[]Remark, what, name, format string, a ...any) {
	b.many[what]++
	if b.many[what] > mostRemarks {
		return
	}
	*to = append(*to, Remark{what, shown(name), fmt.Sprintf(format, a...)})
}

// shown is a name as a terminal may show it.
func shown(name string) string {
	const most = 100
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(name, "?"))
	if runes := []rune(clean); len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return clean
}

// project adds a project; false: it is refused, and nothing that needs it can be made.
func (b *builder) project(of string, p desk.Project) bool {
	if other, ok := b.opt.Repositories[p.Name]; ok {
		p.Repository = other
	} else if strings.HasPrefix(p.Repository, "/") || strings.HasPrefix(p.Repository, "file:") {
		b.left("project", of, "its repository is a folder of the other controller; say where it is now: --repository %s=URL", p.Name)
		return false
	}
	if err := desk.Check(b.ctx, p); err != nil {
		b.left("project", of, "%v; say where it is with --repository %s=URL", err, p.Name)
		return false
	}
	b.Projects = append(b.Projects, p)
	return true
}

func (b *builder) inventory(of string, i desk.Inventory) bool {
	return b.once("inventory", of, i.Project, i.Name, i, func() { b.Inventories = append(b.Inventories, i) })
}

func (b *builder) credential(of string, c desk.Credential, wants ...string) bool {
	return b.once("credential", of, c.Project, c.Name, c, func() {
		b.Credentials = append(b.Credentials, c)
		if len(wants) > 0 {
			b.Missing = append(b.Missing, Missing{c.Project, c.Name, wants, fill(c, wants)})
		}
	})
}

// once adds what several templates may use, or says once why it cannot be.
func (b *builder) once(what, of, project, name string, v any, add func()) bool {
	key := what + "/" + project + "/" + name
	ok, known := b.have[key]
	if known {
		return ok
	}
	err := desk.Check(b.ctx, v)
	if err != nil {
		b.left(what, of, "for project %s: %v", project, err)
	} else {
		add()
	}
	b.have[key] = err == nil
	return err == nil
}

// fill is the command that gives a credential its values. Nothing of them is in its arguments.
func fill(c desk.Credential, wants []string) string {
	words := []string{"goodstate credential set", c.Project, c.Name}
	for _, f := range [][2]string{{"--user", c.User}, {"--become-user", c.Become}, {"--vault-id", c.VaultID}} {
		if f[1] != "" {
			words = append(words, f[0], quoted(f[1]))
		}
	}
	if len(wants) == 1 && wants[0] == "key" {
		return strings.Join(append(words, "--key FILE"), " ")
	}
	var values []string
	for _, w := range wants {
		values = append(values, `"`+w+`": ...`)
	}
	return strings.Join(words, " ") + " < FILE   # {" + strings.Join(values, ", ") + "}"
}

// quoted is a word for a shell.
func quoted(word string) string {
	if word != "" && strings.IndexFunc(word, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./@:", r))
	}) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

func (b *builder) template(of string, t desk.Template) bool {
	key := "template/" + t.Project + "/" + t.Name
	if b.have[key] {
		b.left("template", of, "there is another one of that name")
		return false
	}
	if err := desk.Check(b.ctx, t); err != nil {
		b.left("template", of, "%v", err)
		return false
	}
	b.have[key] = true
	b.Templates = append(b.Templates, t)
	return true
}

func (b *builder) schedule(of string, s desk.Schedule, t desk.Template) {
	if err := desk.Check(b.ctx, s); err != nil {
		b.left("schedule", of, "%v", err)
		return
	}
	if err := desk.Unattended(t); err != nil {
		b.left("schedule", of, "nobody is there to answer the survey of %s: %v", t.Name, err)
		return
	}
	b.Schedules = append(b.Schedules, s)
}

// plan is what was built.
func (b *builder) plan() Plan {
	for what, n := range b.many {
		if n > mostRemarks {
			b.Left = append(b.Left, Remark{what, "", fmt.Sprintf("and %d more remarks", n-mostRemarks)})
		}
	}
	return b.Plan
}
