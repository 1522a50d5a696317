package prometheus

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var blank = regexp.MustCompile(`\{\{\s*([a-z]+)\s*\}\}`)

// Fill puts values into the blanks of a query, {{name}}. They stand within quotes in PromQL, so that quotes and backslashes in them
// are escaped: a name can never become a part of the query.
func Fill(query string, values map[string]string) string {
	return blank.ReplaceAllStringFunc(query, func(found string) string {
		v, ok := values[blank.FindStringSubmatch(found)[1]]
		if !ok {
			return found
		}
		return escape.Replace(v)
	})
}

var escape = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `'`, `\'`, "`", "", "\n", `\n`)

// Blanks checks the query's blanks against the names that can be filled in, and lists those that it has.
func Blanks(query string, known ...string) ([]string, error) {
	if strings.TrimSpace(query) == "" {
		return nil, errors.New("query is empty, want PromQL that gives one number")
	}
	var found []string
	for _, m := range blank.FindAllStringSubmatch(query, -1) {
		if !slices.Contains(known, m[1]) {
			return nil, fmt.Errorf("query: unknown blank {{%s}}, want one of {{%s}}", m[1], strings.Join(known, "}}, {{"))
		}
		found = append(found, m[1])
	}
	return found, nil
}

// Any is a regular expression that matches exactly these texts, for =~ in a query.
func Any(texts []string) string {
	quoted := make([]string, len(texts))
	for i, t := range texts {
		quoted[i] = regexp.QuoteMeta(t)
	}
	return strings.Join(quoted, "|")
}
