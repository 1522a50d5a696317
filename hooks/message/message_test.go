package message_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"goodstate.dev/goodstate/hooks/message"
)

func judge(t *testing.T, p message.Policy) *message.Judge {
	t.Helper()
	j, err := p.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func rules(found []message.Finding) string {
	var names []string
	for _, f := range found {
		names = append(names, f.Rule)
	}
	return strings.Join(names, " ")
}

func TestTheConventionalPolicyNamesWhatIsWrong(t *testing.T) {
	j := judge(t, message.Policy{})
	for text, want := range map[string]string{
		"fix(cart): keep the last item":                                    "",
		"feat(api)!: drop version 1\n\nBREAKING CHANGE: version 1 is gone": "",
		"keep the last item":                                               "subject-empty type-empty",
		"fixed: keep it":                                                   "type-enum",
		"fix: Keep it":                                                     "subject-case",
		"fix: keep it.":                                                    "subject-full-stop",
		"fix: keep it\nwithout an empty line":                              "body-leading-blank",
		"fix: " + strings.Repeat("x", 100):                                 "header-max-length",
		"fix: a\n\n" + strings.Repeat("word ", 30):                         "body-max-line-length",
		"":                              "empty",
		"# only comments\n#\n":          "empty",
		"Merge branch 'main' into cart": "",
		"Revert \"fix: keep it\"\n\nThis reverts.":  "",
		"fixup! fix: keep it":                       "",
		"1.4.0":                                     "",
		"Merge everything that Ann wrote yesterday": "subject-empty type-empty",
	} {
		if got := rules(j.Check(text, "#")); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestAPolicyOfATeamsOwn(t *testing.T) {
	j := judge(t, message.Policy{
		Types: []string{"feat", "fix"}, Scopes: []string{"cart", "login"}, Scope: "required", Header: 50, Explain: true, SignOff: true,
		Issue:    message.Issue{Match: `[A-Z]+-[0-9]+`, Example: "SHOP-12"},
		Patterns: []message.Pattern{{Match: `(?i)\bwip\b`, Refuse: true, Why: "finish it first"}}, Fixups: "refuse", Breaking: "both",
	})
	good := "fix(cart): keep the last item\n\nSHOP-12: it was dropped when the cart was full.\n\nSigned-off-by: Ann <ann@example.com>\n"
	if found := j.Check(good, "#"); len(found) > 0 {
		t.Errorf("%v, want nothing", found)
	}
	for text, want := range map[string]string{
		strings.Replace(good, "SHOP-12", "shop", 1):      "issue",
		strings.Replace(good, "(cart)", "", 1):           "scope-empty",
		strings.Replace(good, "(cart)", "(stock)", 1):    "scope-enum",
		strings.Replace(good, "keep", "wip keep", 1):     "pattern",
		strings.Replace(good, "fix(", "docs(", 1):        "type-enum",
		strings.Replace(good, "): ", ")!: ", 1):          "breaking-change-exclamation-mark",
		strings.Replace(good, "Signed-off", "Looked", 1): "signed-off-by",
		"fixup! " + good: "fixups",
		strings.Replace(good, "the last item", "the very last item of every cart of every shop", 1): "header-max-length",
	} {
		if got := rules(j.Check(text, "#")); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestAFindingSaysWhereAndGivesAnExample(t *testing.T) {
	j := judge(t, message.Policy{})
	found := j.Check("\n# a comment\nfeet(cart): keep it\n\nbody\n\n"+strings.Repeat("y", 101)+"\n", "#")
	if len(found) != 2 || found[0].Line != 3 || found[1].Line != 7 {
		t.Fatalf("%v, want lines 3 and 7", found)
	}
	if want := "feat(cart): keep it"; found[0].Example != want {
		t.Errorf("the example is %q, want %q", found[0].Example, want)
	}
	if s := found[0].String(); !strings.HasPrefix(s, "line 3: ") || !strings.Contains(s, "(type-enum)") {
		t.Errorf("%q", s)
	}
}

func TestFreeFormatWantsOnlyWhatIsWritten(t *testing.T) {
	j := judge(t, message.Policy{Format: "free", Header: 20, Patterns: []message.Pattern{{Match: `^[a-z/]+: `, Example: "cart: keep it"}}})
	for text, want := range map[string]string{"cart: Keep it.": "", "Keep it": "pattern", "cart: " + strings.Repeat("x", 20): "header-max-length"} {
		if got := rules(j.Check(text, "#")); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestAPolicyThatCannotWorkIsRefused(t *testing.T) {
	for want, p := range map[string]message.Policy{
		"no regular expression":   {Patterns: []message.Pattern{{Match: "("}}},
		"does not pass":           {Patterns: []message.Pattern{{Match: "^a", Example: "b"}}},
		"there is no check":       {Checks: map[string]message.Check{"subject-colour": {}}},
		"unknown case":            {Checks: map[string]message.Check{"subject-case": {List: []string{"loud"}}}},
		"names no case":           {Checks: map[string]message.Check{"subject-case": {}}},
		"merges is \"sometimes\"": {Merges: "sometimes"},
		"has no text":             {Checks: map[string]message.Check{"trailer-exists": {}}},
	} {
		if _, err := p.Compile(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want an error with %q", p, err, want)
		}
	}
}

// Git itself is the judge of what it keeps of a message.
func TestAMessageIsCleanedAsGitCleansIt(t *testing.T) {
	dir := t.TempDir()
	git := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@example.com", "GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=ann@example.com",
			"GIT_EDITOR=true", "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	git("init", "-q")
	for _, text := range []string{
		"fix: a\n\nbody\n",
		"\n\n\nfix: a  \t\n\n\n\nbody \n\n\n",
		"fix: a\n# comment\n\n# more\nbody\n #indented\n",
		"fix: a\n\nbody\n# ------------------------ >8 ------------------------\ndiff --git a b\n",
		"# only\n\nfix: late\n",
		"fix: a\r\n\r\nbody\r\n",
		"fix: a\n#\n#\n\nbody",
	} {
		path := filepath.Join(dir, "message")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		how := []string{"--cleanup=strip"}
		if strings.Contains(text, ">8") {
			how = []string{"--cleanup=scissors", "--edit"} // Git looks for scissors where there was an editor
		}
		git(append([]string{"commit", "-q", "--allow-empty", "-F", "message"}, how...)...)
		want := strings.TrimRight(git("log", "-1", "--format=%B"), "\n")
		var kept []string
		for _, l := range message.Clean(text, "#") {
			kept = append(kept, l.Text)
			if l.Text != "" && !strings.HasPrefix(strings.Split(text, "\n")[l.Number-1], l.Text) {
				t.Errorf("%q: line %d is %q", text, l.Number, l.Text)
			}
		}
		if got := strings.Join(kept, "\n"); got != want {
			t.Errorf("%q\n is cleaned to %q\n and by Git to   %q", text, got, want)
		}
	}
}

func TestTheCommentCharacterIsTheCallers(t *testing.T) {
	j := judge(t, message.Policy{})
	for comment, text := range map[string]string{
		";":    "fix: a\n; Please enter the commit message\n",
		"auto": "fix: a\n\n#12 is closed\n;\n; Please enter the commit message\n",
		"//":   "fix: a\n// Please enter\n",
	} {
		if found := j.Check(text, comment); len(found) > 0 {
			t.Errorf("comment %q: %v", comment, found)
		}
	}
	if got := rules(j.Check("fix: a\n# not a comment", "")); got != "body-leading-blank" {
		t.Errorf("a commit that exists has no comments: %q", got)
	}
}

func TestAJudgeIsUsedFromManyGoroutines(t *testing.T) {
	j := judge(t, message.Policy{SignOff: true, Scopes: []string{"a"}})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				if got := rules(j.Check("fix(b): c", "#")); got != "scope-enum signed-off-by" {
					t.Errorf("%q", got)
				}
			}
		})
	}
	all.Wait()
}

func FuzzCheckNeverPanics(f *testing.F) {
	for _, seed := range []string{"", "\n", "fix: a", "fix(", "(:", "a\x00b\xff", "fix: a\n\nBREAKING CHANGE:\n", "# ------------------------ >8 ------------------------", strings.Repeat("#1 ", 1000)} {
		f.Add(seed, "#")
	}
	f.Add("; x", "auto")
	j, err := message.Policy{Scope: "required", Explain: true, SignOff: true, Breaking: "both", Trailers: []string{"A"}, Issue: message.Issue{Match: "x*"}, Patterns: []message.Pattern{{Match: "^$", In: "footer", Refuse: true}}}.Compile()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text, comment string) {
		lines := strings.Count(text, "\n") + 1
		for _, found := range j.Check(text, comment) {
			if found.Line < 1 || found.Line > lines || found.Message == "" {
				t.Errorf("%q: %+v", text, found)
			}
		}
	})
}
