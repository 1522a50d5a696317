package moving

import (
	"slices"
	"strings"
	"unicode"
)

// paths are the globs that choose what a pattern of another tool chooses.
type paths struct {
	all   bool // every path; there are no globs then
	globs []string
}

// none is true when no path is chosen.
func (p paths) none() bool { return !p.all && len(p.globs) == 0 }

const (
	maxChoices = 64 // of one pattern, when its alternatives are written out
	maxPattern = 8 << 10
)

// piece is one step through a path.
type piece struct {
	kind  pieceKind
	class string // of one: as in a glob, a letter or [...]; never a slash
}

type pieceKind int

const (
	one     pieceKind = iota // one character of a name
	slash                    // between folders
	some                     // any characters of a name: [^/]*
	through                  // any characters at all: .*
	begin                    // ^
	end                      // $
)

func product(left, right [][]piece) ([][]piece, error) {
	if len(left)*len(right) > maxChoices {
		return nil, errTooMany
	}
	var all [][]piece
	for _, l := range left {
		for _, r := range right {
			all = append(all, slices.Concat(l, r))
		}
	}
	return all, nil
}

// characters are the alternatives of a set of ranges: a slash, which a class of a glob does not have, and the others.
func characters(ranges []rune) [][]piece {
	var all [][]piece
	var rest []rune
	for i := 0; i+1 < len(ranges); i += 2 {
		low, high := ranges[i], ranges[i+1]
		if low > '/' || high < '/' {
			rest = append(rest, low, high)
			continue
		}
		all = append(all, []piece{{kind: slash}})
		if low < '/' {
			rest = append(rest, low, '/'-1)
		}
		if high > '/' {
			rest = append(rest, '/'+1, high)
		}
	}
	if len(rest) > 0 {
		all = append([][]piece{{{kind: one, class: class(rest)}}}, all...)
	}
	return all
}

// class writes a set of characters as a glob has it.
func class(ranges []rune) string {
	if len(ranges) == 2 && ranges[0] == ranges[1] {
		if strings.ContainsRune(`*?[]\`, ranges[0]) {
			return `\` + string(ranges[0])
		}
		return string(ranges[0])
	}
	if slices.Equal(ranges, []rune{0, '/' - 1, '/' + 1, unicode.MaxRune}) {
		return "?"
	}
	escaped := func(r rune) string {
		if strings.ContainsRune(`\]-^[`, r) {
			return `\` + string(r)
		}
		return string(r)
	}
	if ranges[0] == 0 && ranges[len(ranges)-1] == unicode.MaxRune { // all but a few
		var b strings.Builder
		for i := 2; i < len(ranges); i += 2 {
			low, high := ranges[i-1]+1, ranges[i]-1
			if low == '/' {
				low++
			}
			if high == '/' {
				high--
			}
			if low > high {
				continue
			}
			b.WriteString(escaped(low))
			if high > low {
				b.WriteString("-" + escaped(high))
			}
		}
		return "[^" + b.String() + "]"
	}
	var b strings.Builder
	for i := 0; i+1 < len(ranges); i += 2 {
		b.WriteString(escaped(ranges[i]))
		if ranges[i+1] > ranges[i] {
			b.WriteString("-" + escaped(ranges[i+1]))
		}
	}
	return "[" + b.String() + "]"
}
