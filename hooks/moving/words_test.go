package moving

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestACommandIsSplitAsAShellWould(t *testing.T) {
	for text, want := range map[string]string{
		`a  b`: "a|b", `a 'b c' "d e"`: "a|b c|d e", `a\ b`: "a b", `"a\"b\n"`: `a"b\n`, `''`: "", `a'b'c`: "abc", `'a\b'`: `a\b`,
	} {
		got, err := words(text)
		if err != nil || strings.Join(got, "|") != want || len(got) != strings.Count(want, "|")+1 {
			t.Errorf("%s: %q, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{`a "b`, `a 'b`, `a\`} {
		if got, err := words(text); err == nil {
			t.Errorf("%s: %q, want an error", text, got)
		}
	}
}

// The real shell gives back every word as it was, and no word is taken for a placeholder.
func TestWordsAreQuotedForTheShell(t *testing.T) {
	given := []string{"plain", "two words", "it's", `"$HOME"`, "`id`", "{files}", "x{1}y", "a\nb", "*", "", "~", "A=b", "-n", `\n`, "ä;b"}
	command := shell(append([]string{"printf", "%s\\0"}, given...))
	if placeholder.MatchString(command) {
		t.Errorf("%s would be given a value", command)
	}
	out, err := exec.Command("sh", "-c", command).Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"); !slices.Equal(got, given) {
		t.Errorf("%q came back as %q", given, got)
	}
}
