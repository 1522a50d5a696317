// Command grow makes a repository of a given size, the same one every time: folders of fifty small text files, a few commits.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

func main() {
	dir := flag.String("dir", "", "folder to make")
	files := flag.Int("files", 200, "files in it")
	mixed := flag.Bool("mixed", false, "one file in eight is JSON and one YAML; each has the word first")
	steps := flag.Int("commits", 20, "commits; each but the first changes five files")
	flag.Parse()
	if err := grow(*dir, *files, *steps, *mixed); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func grow(dir string, files, commits int, mixed bool) error {
	if err := git("init", "-q", "-b", "main", dir); err != nil {
		return err
	}
	for _, setting := range [][2]string{{"user.name", "Bench"}, {"user.email", "bench@example.test"}, {"gc.auto", "0"}, {"maintenance.auto", "false"}} {
		if err := git("-C", dir, "config", setting[0], setting[1]); err != nil {
			return err
		}
	}
	cmd := exec.Command("git", "-C", dir, "fast-import", "--quiet") //nolint:noctx // it ends with its input
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("fast-import: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("fast-import: %w", err)
	}
	err = write(in, files, commits, mixed)
	if err = errors.Join(err, in.Close(), cmd.Wait()); err != nil {
		return fmt.Errorf("fast-import: %w", err)
	}
	return git("-C", dir, "checkout", "-q", "-f", "main")
}

// write says all commits in the language of git-fast-import(1).
func write(to io.Writer, files, commits int, mixed bool) error {
	w := bufio.NewWriter(to)
	for c := range commits {
		message := fmt.Sprintf("feat: step %d\n", c)
		fmt.Fprintf(w, "commit refs/heads/main\nmark :%d\ncommitter Bench <bench@example.test> %d +0000\ndata %d\n%s", c+1, 1_700_000_000+c*60, len(message), message)
		if c > 0 {
			fmt.Fprintf(w, "from :%d\n", c)
		}
		for f := c % 7; f < files; f++ {
			if c > 0 && f >= c%7+5 {
				break
			}
			ending, content := text(f, c, mixed)
			fmt.Fprintf(w, "M 100644 inline d%02d/s%03d/f%05d%s\ndata %d\n%s\n", f/2500, f/50, f, ending, len(content), content)
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

// text is what a step left in a file.
func text(f, step int, mixed bool) (ending, content string) {
	var b strings.Builder
	switch {
	case mixed && f%8 == 3:
		fmt.Fprintf(&b, "first: %d\nstep: %d\nlist:\n", f, step)
		for line := range 5 + f%20 {
			fmt.Fprintf(&b, "  - name: entry %d\n    ports: [%d, %d]\n", line, line*f%65536, line)
		}
		return ".yaml", b.String()
	case mixed && f%8 == 4:
		fmt.Fprintf(&b, "{\n  \"first\": %d,\n  \"step\": %d,\n  \"list\": [", f, step)
		for line := range 5 + f%20 {
			fmt.Fprintf(&b, "{\"name\": \"entry %d\", \"ports\": [%d, %d]}, ", line, line*f%65536, line)
		}
		b.WriteString("null]\n}\n")
		return ".json", b.String()
	case mixed:
		b.WriteString("this is the first line\n")
	}
	for line := range 20 + f%60 {
		fmt.Fprintf(&b, "line %d of file %d as step %d left it, %x\n", line, f, step, line*f*2654435761)
	}
	return ".txt", b.String()
}

func git(args ...string) error {
	cmd := exec.Command("git", args...) //nolint:noctx // short, and of this program alone
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("git %q: %w", args, err)
	}
	return nil
}
