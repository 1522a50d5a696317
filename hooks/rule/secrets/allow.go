package secrets

import (
	"fmt"
	"strings"
	"sync"
)

// allow is a list of what is no secret although it looks like one.
type allow struct {
	all     bool // every kind of check that the list has must say yes, not just one
	commits map[string]bool
	paths   *expression
	regexes *expression
	target  string // what the regexes look at: "" the secret, "match" all that the rule matched, "line"
	stops   []string
	stop    func() *words
}

// allowTOML is an allow list as a file has it (https://github.com/gitleaks/gitleaks#configuration).
type allowTOML struct {
	Description string   `toml:"description"`
	Condition   string   `toml:"condition"`
	Commits     []string `toml:"commits"`
	Paths       []string `toml:"paths"`
	RegexTarget string   `toml:"regexTarget"`
	Regexes     []string `toml:"regexes"`
	StopWords   []string `toml:"stopwords"`
	TargetRules []string `toml:"targetRules"`
}

func (t allowTOML) allow() (*allow, error) {
	a := &allow{commits: map[string]bool{}, paths: lazily(t.Paths...), regexes: lazily(t.Regexes...), stops: t.StopWords}
	for _, commit := range t.Commits {
		a.commits[strings.ToLower(strings.TrimSpace(commit))] = true
	}
	switch strings.ToUpper(t.Condition) {
	case "AND", "&&":
		a.all = true
	case "", "OR", "||":
	default:
		return nil, fmt.Errorf("allow list: condition is %q, want AND or OR", t.Condition)
	}
	switch t.RegexTarget {
	case "", "secret":
	case "match", "line":
		a.target = t.RegexTarget
	default:
		return nil, fmt.Errorf("allow list: regexTarget is %q, want secret, match or line", t.RegexTarget)
	}
	if len(t.Commits)+len(t.Paths)+len(t.Regexes)+len(t.StopWords) == 0 {
		return nil, fmt.Errorf("allow list %q is empty, want commits, paths, regexes or stopwords in it", t.Description)
	}
	a.prepare()
	return a, nil
}

func (a *allow) prepare() {
	if len(a.stops) > 0 {
		a.stop = sync.OnceValue(func() *words { return newWords(a.stops) })
	}
}

// place is where a text comes from: a file, and the commit when there is one.
type place struct{ path, commit string }

// skips tells whether the list lets a whole file pass.
func (a *allow) skips(p place) (bool, error) {
	var said []bool
	if len(a.commits) > 0 {
		said = append(said, a.commits[strings.ToLower(p.commit)])
	}
	if a.paths != nil {
		hit, err := a.paths.matchPath(p.path)
		if err != nil {
			return false, err
		}
		said = append(said, hit)
	}
	if a.all && (a.regexes != nil || len(a.stops) > 0) {
		return false, nil // excuses has more to ask
	}
	return a.verdict(said), nil
}

// excuses tells whether the list lets one match pass. The line is that of the text that was searched, which may have been decoded.
func (a *allow) excuses(p place, h hit, line string) (bool, error) {
	target := h.secret
	switch a.target {
	case "match":
		target = h.match
	case "line":
		target = line
	}
	var said []bool
	if a.all && len(a.commits) > 0 {
		said = append(said, a.commits[strings.ToLower(p.commit)])
	}
	if a.all && a.paths != nil {
		hit, err := a.paths.matchPath(p.path)
		if err != nil {
			return false, err
		}
		said = append(said, hit)
	}
	if a.regexes != nil {
		hit, err := a.regexes.match(target)
		if err != nil {
			return false, err
		}
		said = append(said, hit && target != "")
	}
	if len(a.stops) > 0 {
		said = append(said, a.stop().in(h.secret) != nil)
	}
	return a.verdict(said), nil
}

// verdict is yes when all that was asked says so, or any of it, as the list has it. Nothing asked is no.
func (a *allow) verdict(said []bool) bool {
	for _, yes := range said {
		if yes != a.all {
			return yes
		}
	}
	return a.all && len(said) > 0
}
