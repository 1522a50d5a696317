package server_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"goodstate.dev/goodstate/hooks/plan"
	_ "goodstate.dev/goodstate/hooks/rule/secrets" // rule secrets
	"goodstate.dev/goodstate/hooks/server"
)

// history makes a bare repository with so many commits, each of which changes two of 500 files, and a ref before them.
func history(b *testing.B, commits int) (server.Repository, server.Update) {
	b.Helper()
	dir := filepath.Join(b.TempDir(), "r.git")
	if out, err := exec.Command("git", "init", "-q", "--bare", "-b", "main", dir).CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	var in bytes.Buffer
	text := func(n, k int) string {
		return strings.Repeat(fmt.Sprintf("line of file %d as commit %d has it\n", k, n), 20)
	}
	for n := range commits + 1 {
		message := fmt.Sprintf("feat: change %d", n)
		fmt.Fprintf(&in, "commit refs/heads/main\nmark :%d\ncommitter Ann <ann@example.org> %d +0000\ndata %d\n%s\n", n+1, 1700000000+n, len(message), message)
		files := []int{n % 500, (n * 7) % 500}
		if n == 0 {
			files = files[:0]
			for k := range 500 {
				files = append(files, k)
			}
		}
		for _, k := range files {
			t := text(n, k)
			fmt.Fprintf(&in, "M 100644 inline dir%d/file%d.txt\ndata %d\n%s\n", k%20, k, len(t), t)
		}
		if n == 0 {
			in.WriteString("reset refs/heads/base\nfrom :1\n\n")
		}
	}
	cmd := exec.Command("git", "-C", dir, "fast-import", "--quiet")
	cmd.Stdin = &in
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	id := func(ref string) string {
		out, err := exec.Command("git", "-C", dir, "rev-parse", ref).Output()
		if err != nil {
			b.Fatal(err)
		}
		return strings.TrimSpace(string(out))
	}
	u := server.Update{Old: id("base"), New: id("main"), Ref: "refs/heads/main"}
	if out, err := exec.Command("git", "-C", dir, "update-ref", "-d", "refs/heads/main").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return server.Repository{Dir: dir}, u
}

func spent(who int) time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(who, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkJudgeAPushOf10000Commits reports the processor time of a judgement as a multiple of what Git itself takes to list the objects and read them.
func BenchmarkJudgeAPushOf10000Commits(b *testing.B) {
	repo, update := history(b, 10_000)
	conventional := terms{Subject: "feat: ", Rules: []plan.Rule{
		{Name: "private-key"}, {Name: "secrets"}, {Name: "conflict-markers"}, {Name: "large-files", Options: json.RawMessage(`{"max":5120,"all":true}`)},
	}}
	for name, t := range map[string]terms{"messages": {Subject: "feat: "}, "messages and contents": conventional} {
		b.Run(name, func(b *testing.B) {
			p, err := t.policy()
			if err != nil {
				b.Fatal(err)
			}
			var ours, gits time.Duration
			for b.Loop() {
				began := spent(syscall.RUSAGE_SELF) + spent(syscall.RUSAGE_CHILDREN)
				j, err := p.Judge(b.Context(), repo, []server.Update{update}, "ann")
				if err != nil || !j.Good() || j.Commits != 10_000 {
					b.Fatal(j, err)
				}
				ours += spent(syscall.RUSAGE_SELF) + spent(syscall.RUSAGE_CHILDREN) - began
				began = spent(syscall.RUSAGE_CHILDREN)
				script := `git rev-list --objects ` + update.New + ` --not --all | cut -d' ' -f1 | git cat-file --batch >/dev/null`
				cmd := exec.Command("sh", "-c", script)
				cmd.Dir = repo.Dir
				cmd.Env = os.Environ()
				if out, err := cmd.CombinedOutput(); err != nil {
					b.Fatalf("%v\n%s", err, out)
				}
				gits += spent(syscall.RUSAGE_CHILDREN) - began
			}
			b.ReportMetric(float64(ours)/float64(gits), "cpu/git")
			b.ReportMetric(ours.Seconds()/float64(b.N), "cpu-s/push")
		})
	}
}
