package moving

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"goodstate.dev/goodstate/hooks/plan"
)

func TestExpressionsOfPathsBecomeGlobs(t *testing.T) {
	for text, want := range map[string]string{
		`\.py$`:                         "*.py",
		`\.(js|ts)x?$`:                  "*.js *.jsx *.ts *.tsx",
		`^src/`:                         "src/",
		`^setup\.py$`:                   "/setup.py",
		`(^|/)tests/`:                   "**/tests/",
		`^docs/.*\.md$`:                 "docs/**/*.md",
		`vendor`:                        "*vendor* **/*vendor*/",
		`^(?:a|b)/c\.txt$`:              "[a-b]/c.txt",
		`(?x)^( src/ # ours` + "\n)":    "src/",
		`^src/[^/]+\.go$`:               "src/?*.go",
		`(?i)^readme\.md$`:              "/[Rr][Ee][Aa][Dd][Mm][Ee].[Mm][Dd]",
		`^[^.]$`:                        "/[^.]",
		`(^|/)requirements/.+\.txt$`:    "**/requirements/?*.txt **/requirements/?*/**/*.txt",
		`^\.github/workflows/.*\.ya?ml`: ".github/workflows/**/*.yml* .github/workflows/**/*.yml*/ .github/workflows/**/*.yaml* .github/workflows/**/*.yaml*/",
	} {
		got, err := fromRegexp(text)
		if err != nil || strings.Join(got.globs, " ") != want {
			t.Errorf("%s: %q, %v, want %s", text, got.globs, err, want)
		}
	}
	for _, text := range []string{"", ".*", "^.*$", "^"} {
		if got, err := fromRegexp(text); err != nil || !got.all {
			t.Errorf("%q: %+v, %v, want every path", text, got, err)
		}
	}
	if got, err := fromRegexp("^$"); err != nil || !got.none() {
		t.Errorf("^$: %+v, %v, want no path", got, err)
	}
}

func TestWhatGlobsCannotSayIsRefused(t *testing.T) {
	for _, text := range []string{`^(?!vendor/)`, `\d+_migration`, `[a-z]+\.py`, `(ab)*`, `a{1,1000}`, `(`, `x\{y`, strings.Repeat("(a|bc)", 10), strings.Repeat("a", 9000)} {
		if got, err := fromRegexp(text); err == nil {
			t.Errorf("%.40s: %q, want an error", text, got.globs)
		}
	}
}

// Every translation is compared with the expression itself on many paths.
func TestGlobsChooseWhatTheExpressionChooses(t *testing.T) {
	parts := []string{"a", "b", "/", "a", `\.`, ".", ".*", "[^/]*", "[^/]+", ".+", "(a|b/)", "(^|/)", "(a/)?", "[^a]", "[ab]", "b?", "(a|.*b)", `\.a$`, "^a", "$"}
	letters := []string{"a", "b", "ab", ".a", "a.a", "ba", "c", "a/b", "b/a"}
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(from []string, most int) []string {
		out := make([]string, 1+random.IntN(most))
		for i := range out {
			out[i] = from[random.IntN(len(from))]
		}
		return out
	}
	compared := 0
	for range 4000 {
		text := strings.Join(pick(parts, 5), "")
		got, err := fromRegexp(text)
		if err != nil {
			continue
		}
		want := regexp.MustCompile(text)
		for range 20 {
			name := strings.Join(pick(letters, 4), "/")
			hit := got.all || slices.ContainsFunc(got.globs, func(g string) bool { return plan.Match(g, name) })
			if hit != want.MatchString(name) {
				t.Fatalf("%s on %s: the globs %q say %v", text, name, got.globs, hit)
			}
			compared++
		}
	}
	if compared < 40_000 {
		t.Errorf("%d paths were compared, want more", compared)
	}
}

func TestGlobsOfLefthookGoThroughFolders(t *testing.T) {
	for text, want := range map[string]string{
		"*.js":            "*.js",
		"*.{js,ts}":       "*.js *.ts",
		"src/*.js":        "src/**/*.js",
		"**/*.go":         "**/*/**/*.go",
		"{a,b/{c,d}}.txt": "/a.txt b/c.txt b/d.txt",
	} {
		got, err := fromLooseGlob(text)
		if err != nil || strings.Join(got.globs, " ") != want {
			t.Errorf("%s: %q, %v, want %s", text, got.globs, err, want)
		}
	}
	for _, text := range []string{"{a", "a\\", "[a-z].js", "{{{{{{a}}}}}}"} {
		if got, err := fromLooseGlob(text); err == nil {
			t.Errorf("%s: %q, want an error", text, got.globs)
		}
	}
}
