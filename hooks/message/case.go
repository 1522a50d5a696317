package message

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// cases writes words in each of the cases that commitlint knows (@commitlint/rules, "case").
var cases = map[string]func(string) string{
	"lower-case":    strings.ToLower,
	"upper-case":    strings.ToUpper,
	"sentence-case": capital,
	"camel-case": func(s string) string {
		all := words(s)
		for i, w := range all {
			if all[i] = strings.ToLower(w); i > 0 {
				all[i] = capital(all[i])
			}
		}
		return strings.Join(all, "")
	},
	"pascal-case": func(s string) string {
		all := words(s)
		for i, w := range all {
			all[i] = capital(strings.ToLower(w))
		}
		return strings.Join(all, "")
	},
	"kebab-case": func(s string) string { return strings.ToLower(strings.Join(words(s), "-")) },
	"snake-case": func(s string) string { return strings.ToLower(strings.Join(words(s), "_")) },
	"start-case": func(s string) string {
		all := words(s)
		for i, w := range all {
			all[i] = capital(w)
		}
		return strings.Join(all, " ")
	},
}

// other spellings of the same cases
var sameCase = map[string]string{"lowercase": "lower-case", "lowerCase": "lower-case", "uppercase": "upper-case", "sentencecase": "sentence-case"}

func caseNamed(name string) (string, error) {
	if same, ok := sameCase[name]; ok {
		name = same
	}
	if _, ok := cases[name]; !ok {
		var all []string
		for known := range cases {
			all = append(all, known)
		}
		slices.Sort(all)
		return "", fmt.Errorf("unknown case %q, want one of %s", name, strings.Join(all, ", "))
	}
	return name, nil
}

var quoted = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("`.*?`|\".*?\"|'.*?'") })

// isCase tells whether text is written in a case. What is quoted does not count, and a text without letters is in every case.
func isCase(text, name string) bool {
	if strings.ContainsAny(text, "`\"'") {
		text = quoted().ReplaceAllString(text, "")
	}
	plain := strings.TrimSpace(text)
	written := cases[name](plain)
	if written == "" || '0' <= written[0] && written[0] <= '9' {
		return true
	}
	return written == plain
}

func capital(s string) string {
	for i, c := range s {
		return string(unicode.ToUpper(c)) + s[i+len(string(c)):]
	}
	return s
}

var apostrophes = strings.NewReplacer("'", "", "’", "")

// words parts a text where letters, digits and signs meet, and before a capital letter: fooBar2 is foo, Bar and 2.
func words(s string) []string {
	var all []string
	var word []rune
	runes := []rune(apostrophes.Replace(s))
	end := func() {
		if len(word) > 0 {
			all, word = append(all, string(word)), nil
		}
	}
	for i, c := range runes {
		letter, digit := unicode.IsLetter(c), unicode.IsDigit(c)
		if !letter && !digit {
			end()
			continue
		}
		if len(word) > 0 {
			before := word[len(word)-1]
			switch {
			case unicode.IsDigit(before) != digit, unicode.IsUpper(c) && !unicode.IsUpper(before) && !unicode.IsDigit(before):
				end()
			case unicode.IsUpper(c) && i+1 < len(runes) && unicode.IsLower(runes[i+1]):
				end() // the last capital of HTMLPage starts Page
			}
		}
		word = append(word, c)
	}
	end()
	return all
}
