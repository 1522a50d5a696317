package feedback

import (
	"slices"
	"strings"
	"unicode"
)

// similar is the share of trigrams that two reports have to have in common to be of one group.
const similar = 0.55

// normal is a text without what differs between two people who say the same: case, punctuation, numbers, blanks.
func normal(text string) string {
	words := strings.FieldsFunc(strings.ToLower(text), func(c rune) bool { return !unicode.IsLetter(c) })
	return strings.Join(words, " ")
}

// mostCompared is how much of a text is looked at when two are compared.
const mostCompared = 600

// trigrams are the three letters in a row of a normal text, sorted, each once. Words are compared as they are written in any
// alphabet, so that neither spelling nor language matters much.
func trigrams(normal string) []string {
	runes := []rune(" " + normal + " ")
	runes = runes[:min(len(runes), mostCompared)]
	var all []string
	for i := 0; i+3 <= len(runes); i++ {
		all = append(all, string(runes[i:i+3]))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// likeness is the Dice coefficient of two sorted lists: twice what they share over what they have.
func likeness(a, b []string) float64 {
	if len(a)+len(b) == 0 {
		return 1
	}
	shared, i, j := 0, 0, 0
	for i < len(a) && j < len(b) {
		switch strings.Compare(a[i], b[j]) {
		case 0:
			shared++
			i++
			j++
		case -1:
			i++
		default:
			j++
		}
	}
	return 2 * float64(shared) / float64(len(a)+len(b))
}

// nearest is the group whose text says the same as this one; 0: none does.
func nearest(text string, groups []Group) int64 {
	mine := normal(text)
	grams := trigrams(mine)
	var best int64
	most := similar
	for _, g := range groups {
		theirs := normal(g.Text)
		if theirs == mine {
			return g.ID
		}
		if l := likeness(grams, trigrams(theirs)); l >= most {
			best, most = g.ID, l
		}
	}
	return best
}
