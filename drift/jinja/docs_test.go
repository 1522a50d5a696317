package jinja

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// The page for users names every filter, test and lookup. With UPDATE=1 its lists are written anew.
func TestThePageNamesAllThatIsKnown(t *testing.T) {
	const path = "../../docs/templates.md"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for title, fam := range map[string]family{"Filters": filters, "Tests": tests, "Lookups": lookups} {
		names := make([]string, 0, len(fam))
		for name := range fam {
			names = append(names, "`"+name+"`")
		}
		slices.Sort(names)
		head := "## " + title + "\n\n"
		before, rest, ok := strings.Cut(text, head)
		if !ok {
			t.Fatalf("%s has no part %q", path, title)
		}
		_, after, more := strings.Cut(rest, "\n\n## ")
		text = before + head + wrapped(strings.Join(names, ", "), 150)
		if more {
			text += "\n\n## " + after
		} else {
			text += "\n"
		}
	}
	if text == string(data) {
		return
	}
	if os.Getenv("UPDATE") == "" {
		t.Fatalf("%s does not name what is known; UPDATE=1 go test ./drift/jinja -run Page writes it", path)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func wrapped(text string, width int) string {
	return strings.Join(wrapLine(text, width, false, false), "\n")
}
