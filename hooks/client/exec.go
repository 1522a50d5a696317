package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"goodstate.dev/goodstate/hooks/plan"
)

// maxArgs is how many bytes of file names one start of a command gets; a job with more is started again. It is below what every system takes.
const maxArgs = 256 << 10

// exec runs a job's command in a folder, as often as its files need.
func (r *round) exec(ctx context.Context, job plan.Job, root string, files []string) Result {
	began := time.Now()
	result := Result{Job: job.Name, Good: true, Files: files}
	limited, stop := context.WithTimeout(ctx, job.Within)
	defer stop()
	said := &tail{}
	portions := [][]string{nil}
	if job.TakesFiles() {
		portions = portion(job, files)
	}
	for _, part := range portions {
		if err := r.start(limited, job, root, part, said); err != nil {
			result.Good = false
			result.Why = r.why(ctx, limited, job, err, time.Since(began))
			break
		}
	}
	result.Output, result.Took = said.String(), time.Since(began)
	return result
}

func (r *round) why(ctx, limited context.Context, job plan.Job, err error, took time.Duration) string {
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "was stopped"
	case limited.Err() != nil:
		return fmt.Sprintf("was killed after %s, its limit (within)", job.Within)
	case errors.As(err, &exit):
		return fmt.Sprintf("failed (%s, %.1fs)", exit.ProcessState, took.Seconds())
	}
	return fmt.Sprintf("could not be started: %v", err)
}

// portion cuts the files into lists that fit on a command line, as the job sees their names.
func portion(job plan.Job, files []string) [][]string {
	var all [][]string
	var now []string
	size := 0
	for _, name := range files {
		if job.Dir != "" {
			name = strings.TrimPrefix(name, job.Dir+"/")
		}
		if strings.HasPrefix(name, "-") {
			name = "./" + name // or it would be taken for an option
		}
		if size+len(name)+1 > maxArgs && len(now) > 0 {
			all, now, size = append(all, now), nil, 0
		}
		now, size = append(now, name), size+len(name)+1
	}
	return append(all, now)
}

// start runs the command once. It is a process group of its own, which is killed as a whole.
func (r *round) start(ctx context.Context, job plan.Job, root string, files []string, said *tail) error {
	cmd := exec.Command("sh", append([]string{"-c", r.script(job), job.Name}, files...)...) //nolint:noctx // the group is killed below, not the process alone
	cmd.Dir = filepath.Join(root, filepath.FromSlash(job.Dir))
	cmd.Env = append(freed(), nested+"="+r.repo.Dir, "GOODSTATE_STAGE="+r.call.Stage)
	for name, value := range job.Env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	if r.call.Input != nil {
		cmd.Stdin = bytes.NewReader(r.call.Input)
	}
	cmd.Stdout, cmd.Stderr = said, said
	cmd.SysProcAttr = group()
	cmd.WaitDelay = time.Second // for children that keep the output open
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() { reap(ctx, cmd.Process.Pid, ended) })
	err := cmd.Wait()
	close(ended)
	watcher.Wait()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // the command itself ended well; what it left behind has been heard long enough
	}
	return errors.Join(err, ctx.Err())
}

// grace is how long a group may take to end by itself when it is told to.
const grace = 2 * time.Second

// reap ends a process group when its time is over.
func reap(ctx context.Context, pid int, ended <-chan struct{}) {
	select {
	case <-ended:
		return
	case <-ctx.Done():
	}
	_ = syscall.Kill(-pid, syscall.SIGTERM) // gone already is as good
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
	}
	_ = syscall.Kill(-pid, syscall.SIGKILL)
}

// script puts the placeholders into the command. Files are the arguments of the shell, so no name is ever read as a command.
func (r *round) script(job plan.Job) string {
	pairs := []string{plan.FilesPlaceholder, `"$@"`}
	for i := range 9 {
		value := ""
		if i < len(r.call.Args) {
			value = r.call.Args[i]
		}
		pairs = append(pairs, "{"+strconv.Itoa(i+1)+"}", shellQuoted(value))
	}
	message := ""
	if len(r.call.Args) > 0 && (r.call.Stage == "commit-msg" || r.call.Stage == "prepare-commit-msg") {
		message = absolute(r.repo.Top, r.call.Args[0])
	}
	return strings.NewReplacer(append(pairs, "{message}", shellQuoted(message))...).Replace(job.Run)
}

func shellQuoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// maxSaid is how much of a job's output is kept, in bytes: the beginning and the end, half of it each.
const maxSaid = 1 << 20

// tail keeps the beginning and the end of what a job says, so that one that never stops talking does not fill the memory.
type tail struct {
	mu      sync.Mutex
	first   []byte
	last    []byte
	dropped int
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(p)
	if room := maxSaid/2 - len(t.first); room > 0 {
		take := min(room, len(p))
		t.first = append(t.first, p[:take]...)
		p = p[take:]
	}
	t.last = append(t.last, p...)
	if over := len(t.last) - maxSaid; over > 0 { // cut rarely, by half
		over += maxSaid / 2
		t.dropped += over
		t.last = append(t.last[:0], t.last[over:]...)
	}
	return n, nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.dropped == 0 {
		return string(t.first) + string(t.last)
	}
	return fmt.Sprintf("%s\n... %d bytes left out ...\n%s", t.first, t.dropped, t.last)
}
