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
)

func main() {
	dir := flag.String("dir", "", "folder to make")
	files := flag.Int("files", 200, "files in it")
	flag.Parse()
	if err := grow(*dir, *files); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func grow(dir string, files int) error {
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
	err = write(in, files)
	if err = errors.Join(err, in.Close(), cmd.Wait()); err != nil {
		return fmt.Errorf("fast-import: %w", err)
	}
	return git("-C", dir, "checkout", "-q", "-f", "main")
}

const commits = 20

// write says all commits in the language of git-fast-import(1).
func write(to io.Writer, files int) error {
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
			content := ""
			for line := range 20 + f%60 {
				content += fmt.Sprintf("line %d of file %d as step %d left it, %x\n", line, f, c, line*f*2654435761)
			}
			fmt.Fprintf(w, "M 100644 inline d%02d/s%03d/f%05d.txt\ndata %d\n%s\n", f/2500, f/50, f, len(content), content)
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

func git(args ...string) error {
	cmd := exec.Command("git", args...) //nolint:noctx // short, and of this program alone
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("git %q: %w", args, err)
	}
	return nil
}
