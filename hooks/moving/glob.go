package moving

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"goodstate.dev/goodstate/hooks/plan"
)

// render writes the globs for sequences of pieces, each of which is about a whole path.
func render(choices [][]piece) (paths, error) {
	var globs []string
	for _, c := range choices {
		c, possible := anchored(c)
		if !possible {
			continue
		}
		for _, g := range written(c) {
			if g == "**" {
				return paths{all: true}, nil
			}
			if isPath(g) && !slices.Contains(globs, g) {
				globs = append(globs, g)
			}
		}
		if len(globs) > maxChoices {
			return paths{}, errTooMany
		}
	}
	globs = together(globs)
	for i, g := range globs {
		globs[i] = short(g)
	}
	return paths{globs: globs}, checked(globs)
}

// anchored takes out ^ and $ with what must be empty beside them; a path that must have something there does not exist.
func anchored(c []piece) ([]piece, bool) {
	empty := func(p piece) bool { return p.kind == some || p.kind == through || p.kind == begin || p.kind == end }
	finish := slices.IndexFunc(c, func(p piece) bool { return p.kind == end })
	if finish >= 0 && slices.ContainsFunc(c[finish:], func(p piece) bool { return p.kind == begin }) {
		return nil, false // only an empty path ends before it begins
	}
	for i := len(c) - 1; i >= 0; i-- {
		if c[i].kind != begin {
			continue
		}
		if slices.ContainsFunc(c[:i], func(p piece) bool { return !empty(p) }) {
			return nil, false
		}
		c = c[i+1:]
		break
	}
	for i := range c {
		if c[i].kind != end {
			continue
		}
		if slices.ContainsFunc(c[i:], func(p piece) bool { return !empty(p) }) {
			return nil, false
		}
		c = c[:i]
		break
	}
	var out []piece
	for _, p := range c {
		last := len(out) - 1
		switch {
		case last >= 0 && (p.kind == some || p.kind == through) && out[last].kind == through:
		case last >= 0 && p.kind == some && out[last].kind == some:
		case last >= 0 && p.kind == through && out[last].kind == some:
			out[last] = p
		default:
			out = append(out, p)
		}
	}
	return out, true
}

// written is one sequence as globs from the root. What may go through folders becomes ** where it stands between slashes, and else two globs: one for
// the case that it stays within a name.
func written(c []piece) []string {
	outs := []string{""}
	add := func(texts ...string) {
		var more []string
		for _, o := range outs {
			for _, t := range texts {
				more = append(more, o+t)
			}
		}
		outs = more
	}
	for i, p := range c {
		fresh := i == 0 || c[i-1].kind == slash
		last := i == len(c)-1
		switch p.kind {
		case one:
			add(p.class)
		case slash:
			add("/")
		case some:
			add("*")
		case through:
			switch {
			case fresh && last:
				add("**")
			case fresh:
				add("**/*")
			case last:
				add("*", "*/**")
			case c[i+1].kind == slash:
				add("*/**")
			default:
				add("*", "*/**/*")
			}
		case begin, end:
		}
		if len(outs) > maxChoices {
			return outs // refused by render
		}
	}
	return outs
}

// isPath is false for what no path in a repository looks like.
func isPath(glob string) bool {
	for part := range strings.SplitSeq(glob, "/") {
		if part == "" || part == "." || part == ".." {
			return false
		}
	}
	return true
}

// together joins "at the root" and "in any folder".
func together(globs []string) []string {
	const deep = "**/*/"
	var out []string
	for _, g := range globs {
		if rest, isDeep := strings.CutPrefix(g, deep); isDeep && slices.Contains(globs, rest) {
			continue
		}
		if slices.Contains(globs, deep+g) {
			g = "**/" + g
		}
		out = append(out, g)
	}
	return out
}

// short is a glob from the root as people write it.
func short(glob string) string {
	if rest, anywhere := strings.CutPrefix(glob, "**/"); anywhere && !strings.Contains(rest, "/") {
		return rest
	}
	if !strings.Contains(glob, "/") {
		return "/" + glob
	}
	if rest, below := strings.CutSuffix(glob, "/**"); below && rest != "**" {
		return rest + "/"
	}
	return glob
}

// checked refuses what only looks like a glob.
func checked(globs []string) error {
	for _, g := range globs {
		if strings.ContainsAny(g, "{}") {
			return fmt.Errorf("a brace in %q would mean a choice", g)
		}
		if strings.ContainsFunc(g, func(r rune) bool { return unicode.IsControl(r) || r >= unicode.MaxRune || r == unicode.ReplacementChar }) {
			return errors.New("it has control characters or all of Unicode in a class")
		}
		if err := plan.CheckGlob(g); err != nil {
			return err
		}
	}
	return nil
}
