package adopt

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// longestName is what the desk allows.
const longestName = 63

// slug writes a name with the letters that names have here: "Größe & Co." is "Grosse-Co". Empty: no letter is left.
func slug(name string) string {
	name = strings.NewReplacer("ß", "ss", "æ", "ae", "ø", "o", "ł", "l").Replace(name)
	var b strings.Builder
	gap := false
	for _, r := range norm.NFKD.String(name) {
		switch {
		case r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9':
		case (r == '.' || r == '_') && b.Len() > 0:
		case unicode.Is(unicode.Mn, r):
			continue
		default:
			gap = true
			continue
		}
		if gap && b.Len() > 0 {
			b.WriteByte('-')
		}
		gap = false
		b.WriteRune(r)
	}
	return strings.TrimRight(b.String(), ".-_")
}

// names gives every key a name of its own. The same keys always get the same names, in whatever order they come, so that an import can be repeated.
type names struct {
	of    map[string]string // by key
	taken map[string]int    // how many want a slug
	short map[string]string
}

// nameAll names keys; wanted is what a key would be called if nobody else were, and under is what tells it from others, such as its organization.
func nameAll(kind string, keys []string, wanted, under func(key string) string) names {
	n := names{of: map[string]string{}, taken: map[string]int{}, short: map[string]string{}}
	seen := map[string]bool{}
	for _, k := range keys {
		if seen[k] {
			continue
		}
		seen[k] = true
		n.short[k] = slug(wanted(k))
		n.taken[strings.ToLower(n.short[k])]++
	}
	long, longs := map[string]string{}, map[string]int{}
	for k := range seen {
		long[k] = n.short[k]
		if n.taken[strings.ToLower(n.short[k])] > 1 && under != nil {
			long[k] = strings.Trim(slug(under(k))+"-"+n.short[k], "-")
		}
		longs[strings.ToLower(long[k])]++
	}
	for k := range seen {
		name := long[k]
		if name == "" {
			name = kind
		}
		if longs[strings.ToLower(long[k])] > 1 || long[k] == "" || len(name) > longestName {
			name = marked(name, k)
		}
		n.of[k] = name
	}
	return n
}

// marked is a name with a part that is only this key's.
func marked(name, key string) string {
	sum := sha256.Sum256([]byte(key))
	mark := "-" + hex.EncodeToString(sum[:3])
	if len(name) > longestName-len(mark) {
		name = strings.TrimRight(name[:longestName-len(mark)], ".-_")
	}
	return name + mark
}

// joined is a name made of two.
func joined(a, b string) string {
	if b = slug(b); b == "" {
		return marked(a, b)
	}
	if name := a + "-" + b; len(name) <= longestName {
		return name
	}
	return marked(a, b)
}
