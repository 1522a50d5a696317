package secrets

import (
	"slices"
	"strings"
)

// pattern is one kind of secret.
type pattern struct {
	id, what string
	regex    *expression
	path     *expression // where the rule looks; alone it is about files that should not be there at all
	group    int         // of the expression, that is the secret; 0 is the first that matched something
	entropy  float64     // a secret has more; 0 is no limit
	keywords []string    // in lower case; a text without any of them is not searched
	allow    []*allow
	required []fileRequired
	silent   bool // reported only as a part of another rule
	inside   bool // every match has a keyword in it, so it is enough to look around these
	assigned bool // and there it is a part of a name that the secret is assigned to
}

// hit is a secret that was found.
type hit struct {
	rule                  *pattern
	match, secret         string
	start, end            int // of the match in the text of the file
	line, column, endLine int // from 1
}

// hit reads what matched; false when it is not to be reported.
func (r *pattern) hit(regex matcher, from *source, pass *decoded, at []int) (hit, bool) {
	whole := strings.Trim(pass.text[at[0]:at[1]], "\n")
	h := hit{rule: r, match: whole, secret: whole}
	if pass.depth > 0 {
		if !pass.touches(at[0], at[1]) {
			return h, false // it is plain text, and was found in the first pass
		}
		h.start, h.end = pass.original(at[0], at[1])
	} else {
		h.start, h.end = at[0], at[0]+len(whole)
	}
	from.place(&h)
	if groups := regex.FindStringSubmatch(whole); len(groups) > 1 {
		if r.group > 0 {
			if r.group >= len(groups) {
				return h, false
			}
			h.secret = groups[r.group]
		} else if first := slices.IndexFunc(groups[1:], func(s string) bool { return s != "" }); first >= 0 {
			h.secret = groups[1+first]
		}
	}
	return h, r.entropy == 0 || entropy(h.secret) > r.entropy
}
