package secrets

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// set is what to look for and what to let pass.
type set struct {
	rules map[string]*pattern
	allow []*allow
}

// fileRequired is another rule that must find something near.
type fileRequired struct {
	ID            string `toml:"id"`
	WithinLines   *int   `toml:"withinLines"`
	WithinColumns *int   `toml:"withinColumns"`
}

type configTOML struct {
	Title       string `toml:"title"`
	Description string `toml:"description"`
	MinVersion  string `toml:"minVersion"`
	Extend      struct {
		Path          string   `toml:"path"`
		URL           string   `toml:"url"`
		UseDefault    bool     `toml:"useDefault"`
		DisabledRules []string `toml:"disabledRules"`
	} `toml:"extend"`
	AllowList  *allowTOML  `toml:"allowlist"`
	Allowlists []allowTOML `toml:"allowlists"`
	Rules      []ruleTOML  `toml:"rules"`
}

type ruleTOML struct {
	ID          string         `toml:"id"`
	Description string         `toml:"description"`
	Regex       string         `toml:"regex"`
	Path        string         `toml:"path"`
	SecretGroup int            `toml:"secretGroup"`
	Entropy     float64        `toml:"entropy"`
	Keywords    []string       `toml:"keywords"`
	Tags        []string       `toml:"tags"`
	AllowList   *allowTOML     `toml:"allowlist"`
	Allowlists  []allowTOML    `toml:"allowlists"`
	SkipReport  bool           `toml:"skipReport"`
	Required    []fileRequired `toml:"required"`
}

// extendDepth is how many files may extend one another, as in gitleaks.
const extendDepth = 2

// parse reads a gitleaks configuration (https://github.com/gitleaks/gitleaks#configuration). What it does not understand is an error. The rules
// that it extends by useDefault are our own; load reads what it extends by path. Depth is how many files extend this one.
func parse(name string, data []byte, load func(path string) ([]byte, error), depth int) (*set, error) {
	var t configTOML
	d := toml.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil {
		return nil, fmt.Errorf("%s: %w", name, explain(err))
	}
	s, targets, err := t.set()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if depth < extendDepth {
		base, err := t.base(load, depth)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if base != nil {
			s.extend(base, t.Extend.DisabledRules)
		}
	}
	for id, allows := range targets {
		r := s.rules[id]
		if r == nil {
			return nil, fmt.Errorf("%s: allow list: target rule %q does not exist", name, id)
		}
		changed := *r // the rule may be of the set that is extended, which others extend as well
		changed.allow = slices.Concat(r.allow, allows)
		s.rules[id] = &changed
	}
	if depth > 0 {
		return s, nil
	}
	for _, id := range slices.Sorted(maps.Keys(s.rules)) {
		if err := s.rules[id].check(s); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return s, nil
}

// set builds what the file itself says, and the allow lists that are for rules it names.
func (t *configTOML) set() (*set, map[string][]*allow, error) {
	s, targets := &set{rules: map[string]*pattern{}}, map[string][]*allow{}
	for _, r := range t.Rules {
		built, err := r.rule()
		if err != nil {
			return nil, nil, fmt.Errorf("rule %s: %w", r.ID, err)
		}
		s.rules[r.ID] = built
	}
	lists, err := both(t.AllowList, t.Allowlists)
	if err != nil {
		return nil, nil, err
	}
	for _, l := range lists {
		a, err := l.allow()
		if err != nil {
			return nil, nil, err
		}
		for _, id := range l.TargetRules {
			targets[id] = append(targets[id], a)
		}
		if len(l.TargetRules) == 0 {
			s.allow = append(s.allow, a)
		}
	}
	return s, targets, nil
}

// base is the set that this one extends; nil for none.
func (t *configTOML) base(load func(path string) ([]byte, error), depth int) (*set, error) {
	switch {
	case t.Extend.URL != "":
		return nil, fmt.Errorf("extend.url %s: what decides over a commit is not fetched from elsewhere; keep the file beside and set extend.path", t.Extend.URL)
	case t.Extend.Path != "" && t.Extend.UseDefault:
		return nil, errors.New("extend.path and extend.useDefault are both set, want one of them")
	case t.Extend.UseDefault:
		return defaults(), nil
	case t.Extend.Path == "":
		return nil, nil
	}
	data, err := load(t.Extend.Path)
	if err != nil {
		return nil, fmt.Errorf("extend.path: %w", err)
	}
	return parse(t.Extend.Path, data, load, depth+1)
}

// explain names the keys that are not understood, with their lines.
func explain(err error) error {
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) {
		var keys []string
		for _, e := range strict.Errors {
			line, _ := e.Position()
			keys = append(keys, fmt.Sprintf("%s (line %d)", strings.Join(e.Key(), "."), line))
		}
		return fmt.Errorf("not understood: %s", strings.Join(keys, ", "))
	}
	var where *toml.DecodeError
	if errors.As(err, &where) {
		line, column := where.Position()
		return fmt.Errorf("line %d, column %d: %w", line, column, err)
	}
	return err
}

// both takes the old form of an allow list or the new one.
func both(old *allowTOML, lists []allowTOML) ([]allowTOML, error) {
	if old == nil {
		return lists, nil
	}
	if len(lists) > 0 {
		return nil, errors.New("allowlist and allowlists are both there, want one of them")
	}
	return []allowTOML{*old}, nil
}

func (t ruleTOML) rule() (*pattern, error) {
	r := &pattern{id: t.ID, what: t.Description, regex: lazily(t.Regex), path: lazily(t.Path), group: t.SecretGroup, entropy: t.Entropy, silent: t.SkipReport, required: t.Required}
	for _, key := range t.Keywords {
		r.keywords = append(r.keywords, strings.ToLower(key))
	}
	lists, err := both(t.AllowList, t.Allowlists)
	if err != nil {
		return nil, err
	}
	for _, l := range lists {
		a, err := l.allow()
		if err != nil {
			return nil, err
		}
		r.allow = append(r.allow, a)
	}
	return r, nil
}

// check is done when everything that a rule extends is in it.
func (r *pattern) check(s *set) error {
	if strings.TrimSpace(r.id) == "" {
		return fmt.Errorf("a rule (%s) has no id", r.what)
	}
	if r.regex == nil && r.path == nil {
		return fmt.Errorf("rule %s has neither regex nor path, so it would find nothing", r.id)
	}
	for _, q := range r.required {
		if s.rules[q.ID] == nil {
			return fmt.Errorf("rule %s requires rule %q, which does not exist", r.id, q.ID)
		}
	}
	return nil
}

// extend adds the rules of another set. Where both have a rule, ours changes what it says and leaves the rest.
func (s *set) extend(base *set, disabled []string) {
	for id, theirs := range base.rules {
		ours := s.rules[id]
		switch {
		case slices.Contains(disabled, id):
		case ours == nil:
			s.rules[id] = theirs
		default:
			s.rules[id] = theirs.changed(ours)
		}
	}
	s.allow = append(s.allow, base.allow...)
}

// changed is a rule with what another one of its name says differently.
func (r *pattern) changed(by *pattern) *pattern {
	merged := *r
	if by.what != "" {
		merged.what = by.what
	}
	if by.entropy != 0 {
		merged.entropy = by.entropy
	}
	if by.group != 0 {
		merged.group = by.group
	}
	if by.regex != nil {
		merged.regex, merged.inside, merged.assigned = by.regex, false, false
	}
	if by.path != nil {
		merged.path = by.path
	}
	if len(by.keywords) > 0 {
		merged.keywords, merged.inside, merged.assigned = slices.Concat(r.keywords, by.keywords), false, false
	}
	merged.allow = slices.Concat(r.allow, by.allow)
	return &merged
}
