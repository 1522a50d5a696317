package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"
)

// tick is how often a keeper looks at its program's memory and log.
const tick = 500 * time.Millisecond

// reapEvery is after how many ticks it waits for dead processes that the program left to it: reading the whole process
// table is not cheap on a large machine.
const reapEvery = 20

// life is the program from one start to its end.
type life struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when the program ended and, not being waited for yet, still has its process id
}

// begin starts the program in a session of its own and writes it down.
func (k *keeper) begin() (*life, error) {
	argv := k.spec.Words()
	path, err := program(argv[0], k.spec.Dir, k.env)
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(k.folder.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the program has its own
	cmd := &exec.Cmd{
		Path: path, Args: argv, Dir: k.spec.Dir, Env: k.env, Stdout: log, Stderr: log,
		SysProcAttr: &unix.SysProcAttr{Setsid: true},
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	l := &life{cmd: cmd, ended: make(chan struct{})}
	go l.await()
	k.state.Program, err = identify(cmd.Process.Pid)
	k.state.Phase, k.state.Started = phaseRunning, time.Now()
	if err == nil {
		err = k.save()
	}
	if err != nil && k.state.Restarts == 0 { // nobody could find it: better not started
		k.clear(l)
		return nil, fmt.Errorf("write down the started program: %w", err)
	}
	return l, nil
}

// await ends with the program, but leaves it as a zombie: until it is waited for, its process group is surely its own.
func (l *life) await() {
	defer close(l.ended)
	for {
		err := unix.Waitid(unix.P_PID, l.cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// watch returns how the program ended, after all that it started ended too.
func (k *keeper) watch(ctx context.Context, l *life) string {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	looks := 0
	for {
		select {
		case <-l.ended:
			return k.clear(l)
		case <-ctx.Done():
			return k.stop(l)
		case <-ticker.C:
		}
		if k.unsaved {
			k.try()
		}
		k.say("rotate the log", rotate(k.folder.log()))
		if looks++; looks%reapEvery == 0 {
			reapAdopted(l.cmd.Process.Pid)
		}
		if used := k.overMemory(); used > 0 {
			k.clear(l)
			return fmt.Sprintf("killed: memory %s over its limit of %s", mebibytes(used), mebibytes(k.spec.Memory))
		}
	}
}

// stop asks politely, and kills what is left after the grace.
func (k *keeper) stop(l *life) string {
	k.state.Phase = phaseStopping
	k.try()
	k.say("stop", signalGroup(l.cmd.Process.Pid, unix.SIGTERM))
	timer := time.NewTimer(grace(k.spec.Grace))
	defer timer.Stop()
	late := false
	select {
	case <-l.ended:
	case <-timer.C:
		late = true
	}
	// The program ended, but perhaps not yet what it started: that has the rest of the grace.
	for pause := 5 * time.Millisecond; !late; pause = min(2*pause, 100*time.Millisecond) {
		left, err := offspring(os.Getpid())
		if err != nil || len(left) == 0 {
			break
		}
		next := time.NewTimer(pause)
		select {
		case <-timer.C:
			late = true
		case <-next.C:
		}
		next.Stop()
	}
	how := k.clear(l)
	if late {
		return fmt.Sprintf("stopped: killed after %s of grace", grace(k.spec.Grace))
	}
	return "stopped: " + how
}

// clear kills everything that is left of the life and waits for it.
func (k *keeper) clear(l *life) string {
	k.say("kill", signalGroup(l.cmd.Process.Pid, unix.SIGKILL))
	<-l.ended
	_ = l.cmd.Wait() // how it ended is in the process's state
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		left, err := offspring(os.Getpid()) // also those with a session of their own
		if err != nil || len(left) == 0 {
			break
		}
		for _, p := range left {
			k.say("kill", p.signal(unix.SIGKILL))
		}
		<-time.After(pause)
	}
	reapAdopted(0)
	return exitText(l.cmd.ProcessState)
}

// reapAdopted waits for the processes that the program left to us and that ended, except for the program itself.
func reapAdopted(program int) {
	procs, err := processes()
	if err != nil {
		return // the next tick tries again
	}
	for pid, p := range procs {
		if p.parent == os.Getpid() && p.dead() && pid != program {
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil) // it is dead; nobody asks how it ended
		}
	}
}

// overMemory returns how much memory the program and all that it started use when that is over the limit, else 0. What
// they share is counted once: only when the quick sum is over the limit the exact one is made.
func (k *keeper) overMemory() int64 {
	if k.spec.Memory <= 0 {
		return 0
	}
	all, err := offspring(os.Getpid())
	if err != nil {
		return 0 // the next tick tries again
	}
	var quick, exact int64
	for _, p := range all {
		quick += p.rss
	}
	if quick <= k.spec.Memory {
		return 0
	}
	for _, p := range all {
		own, err := private(p.PID)
		if err != nil {
			own = p.rss // not readable, or just ended
		}
		exact += own
	}
	if exact <= k.spec.Memory {
		return 0
	}
	return exact
}
