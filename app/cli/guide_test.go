package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rogpeppe/go-internal/txtar"
)

var (
	exitsWith = regexp.MustCompile(`\s+# exits (\d+)$`)
	directive = regexp.MustCompile(`^<!-- run: (.*) -->$`)
)

// Every command of the guides is run, in their order, in one folder for each guide. A fence of "sh" is run line by line; one with a file's name after its language is
// written to that file; "# exits N" after a command is the exit code that is wanted, and a comment "run:" is a line that readers do not need.
func TestEveryCommandOfTheGuidesWorks(t *testing.T) {
	guides, err := filepath.Glob("../../docs/guide/*.md")
	if err != nil || len(guides) == 0 {
		t.Fatal("no guides", err)
	}
	dir := t.TempDir()
	for _, path := range guides {
		if strings.HasPrefix(filepath.Base(path), "kubernetes") {
			continue // they need a cluster: e2e/kubernetes runs them
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(path), ".md") + ".txtar"
		if err := os.WriteFile(filepath.Join(dir, name), txtar.Format(script(t, path, string(text))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	testscript.Run(t, params(t, dir))
}

func script(t *testing.T, path, guide string) *txtar.Archive {
	a := &txtar.Archive{}
	var commands strings.Builder
	lang, file, body, commandsSeen := "", "", "", 0
	inside := false
	for number, line := range strings.Split(guide, "\n") {
		fence := strings.HasPrefix(line, "```")
		switch {
		case fence && !inside:
			lang, file, _ = strings.Cut(strings.TrimPrefix(line, "```"), " ")
			inside, body = true, ""
		case fence:
			inside = false
			if file != "" {
				kept := fmt.Sprintf("guide/%d", number)
				a.Files = append(a.Files, txtar.File{Name: kept, Data: []byte(body)})
				fmt.Fprintf(&commands, "cp $WORK/%s %s\n", kept, file)
			}
		case inside && lang == "sh":
			commandsSeen++
			commands.WriteString(command(line))
		case inside:
			body += line + "\n"
		default:
			if found := directive.FindStringSubmatch(line); found != nil {
				commands.WriteString(found[1] + "\n")
			}
		}
	}
	if inside || commandsSeen == 0 {
		t.Fatalf("%s: %d commands, an open fence: %v", path, commandsSeen, inside)
	}
	a.Comment = []byte(commands.String())
	return a
}

func command(line string) string {
	code := "0"
	if found := exitsWith.FindStringSubmatch(line); found != nil {
		code, line = found[1], strings.TrimSuffix(line, found[0])
	}
	if to, ok := strings.CutPrefix(line, "cd "); ok {
		return "cd " + to + "\n"
	}
	quoted := "'" + strings.ReplaceAll(line, "'", "''") + "'"
	if background, ok := strings.CutSuffix(line, " &"); ok {
		return "exec sh -c '" + strings.ReplaceAll("exec "+background, "'", "''") + "' &background&\n"
	}
	return "exits " + code + " sh -c " + quoted + "\n"
}
