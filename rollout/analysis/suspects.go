package analysis

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Suspect is something that was different, with what speaks for it. It is a place to look first, not a cause: nothing here knows causes.
type Suspect struct {
	Kind     string   `json:"kind"` // commit, configuration, schema, run, both releases
	Name     string   `json:"name"`
	Weight   int      `json:"weight"` // the more speaks for it, the larger; 0: only that it was different
	Evidence []string `json:"evidence"`
}

func (s *Suspect) say(weight int, format string, args ...any) {
	s.Weight += weight
	s.Evidence = append(s.Evidence, fmt.Sprintf(format, args...))
}

// How much a kind of evidence counts.
const (
	namedInLog     = 4 // a log line that only the new release wrote names it
	namedInFinding = 3 // what decided names it
	namedInRequest = 2 // a request that failed names it
	closeInTime    = 2
	alone          = 1 // it is the only one of its kind
)

const (
	mostSuspects = 12
	nearby       = 10 * time.Minute
)

// suspects ranks what was different by what speaks for it.
func suspects(r Report) []Suspect {
	texts := textsOf(r)
	var out []Suspect
	for _, c := range r.Commits {
		s := Suspect{Kind: "commit", Name: fmt.Sprintf("%s %s (%s)", c.ID[:min(10, len(c.ID))], c.Subject, c.Author)}
		for _, file := range c.Files {
			texts.look(&s, "changes "+file, wordsOfFile(file))
		}
		texts.upTo(namedInRequest).look(&s, "says it in its subject", identifiers(c.Subject))
		if len(r.Commits) == 1 {
			s.say(alone, "it is the only commit of %s that %s does not have", r.New.Version, r.Old.Version)
		}
		out = append(out, s)
	}
	for _, c := range r.Config {
		s := Suspect{Kind: "configuration", Name: fmt.Sprintf("%s: %s -> %s", c.Path, c.Old, c.New)}
		texts.look(&s, "is "+c.Path, []string{last(c.Path, "."), c.New})
		if len(r.Commits) == 0 {
			s.say(alone, "the two releases have the same code")
		}
		out = append(out, s)
	}
	for _, line := range r.Database {
		s := Suspect{Kind: "schema", Name: line}
		texts.look(&s, "names", identifiers(line))
		out = append(out, s)
	}
	out = append(out, others(r)...)
	if s, ok := both(r); ok {
		out = append(out, s)
	}
	for i := range out {
		if len(out[i].Evidence) == 0 {
			out[i].Evidence = []string{"it was different; nothing that was seen names it"}
		}
		out[i].Evidence = out[i].Evidence[:min(len(out[i].Evidence), 6)]
	}
	slices.SortStableFunc(out, func(a, b Suspect) int { return cmp.Compare(b.Weight, a.Weight) })
	return out[:min(len(out), mostSuspects)]
}

// others are runs that were under way or had just ended when the first sign was seen.
func others(r Report) []Suspect {
	var out []Suspect
	if r.Signal == nil {
		return nil
	}
	for _, o := range r.Others {
		if o.Started.IsZero() || o.Started.After(r.Signal.At) {
			continue
		}
		s := Suspect{Kind: "run", Name: o.String()}
		switch {
		case o.Ended.IsZero() || !o.Ended.Before(r.Signal.At):
			s.say(closeInTime, "it was under way when the first sign was seen, at %s", r.Signal.At.Local().Format(clock))
		case r.Signal.At.Sub(o.Ended) < nearby:
			s.say(closeInTime/2, "it ended %s before the first sign was seen", round(r.Signal.At.Sub(o.Ended)))
		default:
			continue
		}
		out = append(out, s)
	}
	return out
}

// both says that the old release failed more than before as well, which no difference between the releases explains.
func both(r Report) (Suspect, bool) {
	var before, during Period
	for _, p := range r.Periods {
		switch {
		case p.Name == "before":
			before = p
		case p.Name == "during" && p.Release == r.Old.ID():
			during = p
		}
	}
	if during.Requests < 20 || during.ErrorShare() < 0.01 || during.ErrorShare() < 2*before.ErrorShare() {
		return Suspect{}, false
	}
	s := Suspect{Kind: "both releases", Name: "something that is not the release"}
	s.say(namedInLog, "%s failed more as well while %s was out: %.2f%% of its requests, after %.2f%% before", r.Old.Version, r.New.Version, 100*during.ErrorShare(), 100*before.ErrorShare())
	return s, true
}

// texts is what was seen, in which names are looked for.
type texts []struct {
	from   string
	weight int
	text   string
}

func textsOf(r Report) texts {
	var out texts
	add := func(from string, weight int, text string) {
		out = append(out, struct {
			from   string
			weight int
			text   string
		}{from, weight, strings.ToLower(text)})
	}
	for _, l := range r.Logs {
		add("a log line that only "+r.New.Version+" wrote", namedInLog, l.Example)
	}
	for _, e := range r.Evidence {
		if e.Bad {
			add("a "+e.Kind, namedInLog, e.Text+" "+strings.Join(e.Examples, " "))
		}
	}
	for _, f := range r.Trigger.Findings {
		add("what decided", namedInFinding, f.String()+" "+f.Detail)
	}
	for _, w := range r.Failing {
		if w.Release == r.New.ID() {
			add("a request that failed", namedInRequest, w.Path)
		}
	}
	return out
}

// upTo is the same with no weight above the given one: words of a subject are weaker than names of files.
func (t texts) upTo(most int) texts {
	out := slices.Clone(t)
	for i := range out {
		out[i].weight = min(out[i].weight, most)
	}
	return out
}

// look finds the words in what was seen; each kind of place counts once.
func (t texts) look(s *Suspect, what string, words []string) {
	found := map[string]bool{}
	for _, x := range t {
		for _, w := range words {
			if !found[x.from] && names(x.text, strings.ToLower(w)) {
				found[x.from] = true
				s.say(x.weight, "%s, and %s names %q: %s", what, x.from, w, excerpt(x.text, strings.ToLower(w)))
			}
		}
	}
}

const shortest = 4 // letters of a word that says something

// names says whether a text has the word as a word.
func names(text, word string) bool {
	if len(word) < shortest || common[word] {
		return false
	}
	for at := 0; ; {
		i := strings.Index(text[at:], word)
		if i < 0 {
			return false
		}
		from, to := at+i, at+i+len(word)
		if (from == 0 || !letter(text[from-1])) && (to == len(text) || !letter(text[to])) {
			return true
		}
		at = to
	}
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }

// common are names that files have everywhere, so that they say nothing.
var common = map[string]bool{"main": true, "index": true, "test": true, "readme": true, "error": true, "errors": true, "http": true, "https": true, "server": true, "service": true, "release": true, "true": true, "false": true, "none": true}

// excerpt is the text around a word.
func excerpt(text, word string) string {
	i := max(strings.Index(text, word), 0)
	from, to := max(0, i-40), min(len(text), i+len(word)+40)
	return strings.ToValidUTF8(strings.Join(strings.Fields(text[from:to]), " "), "")
}

// wordsOfFile are the names by which a file is spoken of: its path, its name, and its name without what follows the dot.
func wordsOfFile(file string) []string {
	base := path.Base(file)
	stem, _, _ := strings.Cut(base, ".")
	out := []string{file, base, stem}
	if parts := strings.FieldsFunc(stem, func(r rune) bool { return r == '_' || r == '-' }); len(parts) > 1 {
		out = append(out, strings.Join(parts, " "))
	}
	return out
}

var word = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]{3,}`)

// sqlWords are no names of anything.
var sqlWords = map[string]bool{"alter": true, "table": true, "column": true, "create": true, "index": true, "drop": true, "update": true, "where": true, "schema": true, "version": true, "before": true, "traffic": true, "when": true, "watch": true, "over": true, "changes": true, "default": true, "varchar": true, "null": true, "release": true, "old": true, "aside": true, "destroyed": true, "refused": true, "that": true, "with": true, "from": true, "nobody": true}

// identifiers are the words of a line about the schema that could be names of tables and columns.
func identifiers(line string) []string {
	var out []string
	for _, w := range word.FindAllString(line, 40) {
		if !sqlWords[strings.ToLower(w)] {
			out = append(out, w)
		}
	}
	return out
}

func last(text, sep string) string { return text[strings.LastIndex(text, sep)+1:] }

func itoa(n int) string { return strconv.Itoa(n) }
