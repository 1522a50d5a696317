package message

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Policy is what a team wants of its commit messages. The zero value wants conventional commits with the limits of config-conventional.
type Policy struct {
	Format   string    `yaml:"format" json:"format,omitempty" default:"conventional" enum:"conventional,free" help:"conventional: type(scope): subject, as in conventional commits 1.0.0; free: only what is written here is wanted"`
	Types    []string  `yaml:"types" json:"types,omitempty" help:"types that the first line may have; default: build, chore, ci, docs, feat, fix, perf, refactor, revert, style, test" example:"[feat, fix, docs]"`
	Scopes   []string  `yaml:"scopes" json:"scopes,omitempty" help:"scopes that the first line may have; default: any" example:"[cart, login]"`
	Scope    string    `yaml:"scope" json:"scope,omitempty" default:"optional" enum:"optional,required,refused" help:"whether the first line has a scope"`
	Header   int       `yaml:"header" json:"header,omitempty" help:"longest first line, in characters; default 100 in the conventional format; -1 is no limit" example:"72"`
	Body     int       `yaml:"body" json:"body,omitempty" help:"longest line of the body; default 100 in the conventional format; -1 is no limit; lines with a URL may be longer" example:"72"`
	Footer   int       `yaml:"footer" json:"footer,omitempty" help:"longest line of the footer; default 100 in the conventional format; -1 is no limit"`
	Capital  string    `yaml:"capital" json:"capital,omitempty" default:"refused" enum:"refused,required,any" help:"whether the subject starts with a capital letter, in the conventional format"`
	FullStop bool      `yaml:"full_stop" json:"full_stop,omitempty" help:"the subject may end with a full stop"`
	Explain  bool      `yaml:"explain" json:"explain,omitempty" help:"a body is required"`
	Breaking string    `yaml:"breaking" json:"breaking,omitempty" default:"either" enum:"either,both" help:"how a breaking change is marked: by ! or by BREAKING CHANGE: in the footer, or by both"`
	SignOff  bool      `yaml:"sign_off" json:"sign_off,omitempty" help:"the message ends with Signed-off-by"`
	Trailers []string  `yaml:"trailers" json:"trailers,omitempty" help:"trailers that must be there" example:"[Reviewed-by]"`
	Issue    Issue     `yaml:"issue" json:"issue,omitzero" help:"the issue that a message must name"`
	Patterns []Pattern `yaml:"patterns" json:"patterns,omitempty" help:"regular expressions of a team's own"`

	Merges  string `yaml:"merges" json:"merges,omitempty" default:"accept" enum:"accept,check" help:"messages that git merge and forges write"`
	Reverts string `yaml:"reverts" json:"reverts,omitempty" default:"accept" enum:"accept,check" help:"messages that git revert writes"`
	Fixups  string `yaml:"fixups" json:"fixups,omitempty" default:"accept" enum:"accept,check,refuse" help:"fixup!, squash! and amend! commits; refuse them where they must not arrive"`

	Checks map[string]Check `yaml:"checks" json:"checks,omitempty" help:"single checks by the names that commitlint has for them, over all of the above"`
}

// Check sets one check of commitlint's table.
type Check struct {
	Skip       bool     `yaml:"skip" json:"skip,omitempty" help:"the check is not made"`
	Warning    bool     `yaml:"warning" json:"warning,omitempty" help:"it is said, and the message passes"`
	Never      bool     `yaml:"never" json:"never,omitempty" help:"what the check says must not be"`
	Number     int      `yaml:"number" json:"number,omitempty" help:"the limit of a length"`
	Text       string   `yaml:"text" json:"text,omitempty" help:"a full stop, a trailer"`
	List       []string `yaml:"list" json:"list,omitempty" help:"cases, or the values that are allowed"`
	Delimiters []string `yaml:"delimiters" json:"delimiters,omitempty" help:"what divides the parts of a scope"`
}

// Types are those of config-conventional.
var Types = []string{"build", "chore", "ci", "docs", "feat", "fix", "perf", "refactor", "revert", "style", "test"}

const lineLimit = 100

// Conventional is config-conventional of commitlint.
func Conventional() map[string]Check {
	return map[string]Check{
		"body-leading-blank":     {Warning: true},
		"body-max-line-length":   {Number: lineLimit},
		"footer-leading-blank":   {Warning: true},
		"footer-max-line-length": {Number: lineLimit},
		"header-max-length":      {Number: lineLimit},
		"header-trim":            {},
		"subject-case":           {Never: true, List: []string{"sentence-case", "start-case", "pascal-case", "upper-case"}},
		"subject-empty":          {Never: true},
		"subject-full-stop":      {Never: true, Text: "."},
		"type-case":              {List: []string{"lower-case"}},
		"type-empty":             {Never: true},
		"type-enum":              {List: Types},
	}
}

// checks turns the words of the policy into the table's.
func (p *Policy) checks() map[string]Check {
	all := map[string]Check{}
	if p.Format != "free" {
		all = Conventional()
		all["body-leading-blank"] = Check{}
		switch p.Capital {
		case "any":
			delete(all, "subject-case")
		case "required":
			all["subject-case"] = Check{List: []string{"sentence-case"}}
		}
		if p.FullStop {
			delete(all, "subject-full-stop")
		}
	}
	set := func(when bool, name string, c Check) {
		if when {
			all[name] = c
		}
	}
	set(len(p.Types) > 0, "type-enum", Check{List: p.Types})
	set(len(p.Scopes) > 0, "scope-enum", Check{List: p.Scopes})
	set(p.Scope == "required", "scope-empty", Check{Never: true})
	set(p.Scope == "refused", "scope-empty", Check{})
	set(p.Explain, "body-empty", Check{Never: true})
	set(p.Breaking == "both", "breaking-change-exclamation-mark", Check{})
	set(p.SignOff, "signed-off-by", Check{Text: "Signed-off-by:"})
	for name, n := range map[string]int{"header-max-length": p.Header, "body-max-line-length": p.Body, "footer-max-line-length": p.Footer} {
		set(n > 0, name, Check{Number: n})
		if n < 0 {
			delete(all, name)
		}
	}
	maps.Copy(all, p.Checks)
	return all
}

// Judge is a policy that is ready to judge. It may be used from several goroutines at once.
type Judge struct {
	policy   Policy
	uses     []use
	patterns []pattern
}

// Compile refuses a policy that cannot work.
func (p Policy) Compile() (*Judge, error) {
	j := &Judge{policy: p}
	for name, c := range p.checks() {
		if c.Skip {
			continue
		}
		u, err := c.use(name)
		if err != nil {
			return nil, err
		}
		j.uses = append(j.uses, u)
	}
	for _, name := range p.Trailers {
		j.uses = append(j.uses, use{name: "trailer-exists", setting: setting{Text: strings.TrimSuffix(name, ":") + ":"}})
	}
	slices.SortFunc(j.uses, func(a, b use) int { return strings.Compare(a.name, b.name) })
	for option, value := range map[string][]string{
		"format": {p.Format, "conventional", "free"}, "scope": {p.Scope, "optional", "required", "refused"},
		"capital": {p.Capital, "refused", "required", "any"}, "breaking": {p.Breaking, "either", "both"},
		"merges": {p.Merges, "accept", "check"}, "reverts": {p.Reverts, "accept", "check"}, "fixups": {p.Fixups, "accept", "check", "refuse"},
	} {
		if value[0] != "" && !slices.Contains(value[1:], value[0]) {
			return nil, fmt.Errorf("message policy: %s is %q, want one of %s", option, value[0], strings.Join(value[1:], ", "))
		}
	}
	return j, j.compilePatterns()
}

// Validate reports what Compile refuses.
func (p *Policy) Validate(report func(path, message string)) {
	if _, err := p.Compile(); err != nil {
		report("", err.Error())
	}
}

// use checks the value of a check.
func (c Check) use(name string) (use, error) {
	known, ok := checks[name]
	if !ok {
		return use{}, fmt.Errorf("message policy: there is no check %q; there are %s", name, strings.Join(slices.Sorted(maps.Keys(checks)), ", "))
	}
	u := use{name: name, warning: c.Warning, setting: setting{c.Number, c.Text, slices.Clone(c.List), c.Delimiters, c.Never}}
	switch known.takes {
	case number:
		if c.Number < 0 {
			return use{}, fmt.Errorf("message policy: %s is %d, want 0 or more characters", name, c.Number)
		}
	case oneText:
		if c.Text == "" {
			return use{}, fmt.Errorf("message policy: %s has no text, want one, for example \".\" or \"Signed-off-by:\"", name)
		}
	case caseNames:
		if len(c.List) == 0 {
			return use{}, fmt.Errorf("message policy: %s names no case", name)
		}
		for i, given := range u.setting.List {
			canonical, err := caseNamed(given)
			if err != nil {
				return use{}, fmt.Errorf("message policy: %s: %w", name, err)
			}
			u.setting.List[i] = canonical
		}
	case texts, nothing:
	}
	return u, nil
}

// Check judges a message as Git has it after its editor. Comment is core.commentChar (core.commentString): "#" where nothing is set, "auto" as Git
// has it, and empty for the message of a commit that exists.
func (j *Judge) Check(message, comment string) []Finding {
	m := Parse(Clean(message, comment))
	if len(m.Lines) == 0 {
		return []Finding{{Rule: "empty", Line: 1, Message: "the message is empty, want a first line that says what the change does", Example: "fix(cart): keep the last item"}}
	}
	kind := m.KindOf()
	switch {
	case kind == Squash && j.policy.Fixups == "refuse":
		return []Finding{{
			Rule: "fixups", Line: m.Header.Number,
			Message: fmt.Sprintf("%q is to be squashed into another commit, want git rebase --autosquash before it comes here", excerpt(m.Header.Text)),
		}}
	case kind == Squash && j.policy.Fixups != "check", kind == Merge && j.policy.Merges != "check", kind == Revert && j.policy.Reverts != "check":
		return nil
	}
	var found []Finding
	for _, u := range j.uses {
		if f, bad := u.run(m); bad {
			found = append(found, f)
		}
	}
	found = append(found, j.matched(m)...)
	slices.SortStableFunc(found, func(a, b Finding) int { return a.Line - b.Line })
	return found
}
