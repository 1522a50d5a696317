package config

import (
	"fmt"
	"slices"
	"strings"
)

// Nearest returns the known name that a person most likely meant by a misspelt one, or "" when none is near.
func Nearest(name string, known []string) string {
	best, bestAt := "", 1+max(1, len([]rune(name))/3)
	for _, candidate := range known {
		at := distance(strings.ToLower(name), strings.ToLower(candidate))
		if at < bestAt || (at == bestAt && best != "" && candidate < best) {
			best, bestAt = candidate, at
		}
	}
	if best == "" && len(name) >= 3 { // a start of a name, or a name with something added
		for _, candidate := range known {
			if strings.HasPrefix(candidate, name) || (len(candidate) >= 3 && strings.HasPrefix(name, candidate)) {
				return candidate
			}
		}
	}
	return best
}

// unknown says that a name is not known: `unknown strategy "canery" (did you mean canary?)`, and lists the known ones.
func unknown(noun, name string, known []string) (message, hint string) {
	message = fmt.Sprintf("unknown %s %s", noun, quoted(name))
	if near := Nearest(name, known); near != "" {
		message += fmt.Sprintf(" (did you mean %s?)", near)
	}
	return message, oneOf(known)
}

// oneOf lists names for a hint.
func oneOf(known []string) string {
	switch len(known) {
	case 0:
		return "there is none to choose from"
	case 1:
		return "only " + known[0] + " is known here"
	}
	known = slices.Sorted(slices.Values(known))
	return "one of " + strings.Join(known, ", ")
}

// quoted is the text in quotes, cut where it gets long.
func quoted(text string) string {
	const most = 60
	if r := []rune(text); len(r) > most {
		text = string(r[:most]) + "…"
	}
	return fmt.Sprintf("%q", text)
}

// distance counts the edits between two names, where swapping two neighbours is one edit (Damerau-Levenshtein,
// optimal string alignment). Long names are not compared: nobody mistypes them into a key.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	if len(x) > 64 || len(y) > 64 {
		return 64
	}
	before, row := make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(x); i++ {
		next := make([]int, len(y)+1)
		next[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row = row, next
	}
	return row[len(y)]
}
