package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// ident names one process for good: its id may be given to another process later, but never with the same start.
type ident struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"` // clock ticks after the machine's start
}

// stat is what /proc/PID/stat says about a process (proc_pid_stat(5)).
type stat struct {
	ident
	parent, session int
	state           byte
	rss             int64   // bytes
	cpu             float64 // seconds, with the children that it waited for
}

const ticksPerSecond = 100 // USER_HZ, the same on every Linux

// bootID names this start of the machine.
var bootID = sync.OnceValue(func() string {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "unknown" // equal to itself: process starts still tell most reuses apart
	}
	return strings.TrimSpace(string(text))
})

func readStat(pid int) (stat, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return stat{}, err
	}
	// The name is in parentheses and may hold anything, also parentheses: the fields begin after the last one.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 22 {
		return stat{}, fmt.Errorf("/proc/%d/stat has %d fields, want 22 and more", pid, len(fields))
	}
	number := func(n int) int64 { // n is counted as in the manual page
		v, err := strconv.ParseInt(fields[n-3], 10, 64)
		if err != nil {
			return 0 // the kernel writes numbers here
		}
		return v
	}
	return stat{
		ident:  ident{PID: pid, Start: uint64(number(22))},
		parent: int(number(4)), session: int(number(6)), state: fields[0][0],
		rss: number(24) * int64(os.Getpagesize()),
		cpu: float64(number(14)+number(15)+number(16)+number(17)) / ticksPerSecond,
	}, nil
}

func (s stat) dead() bool { return s.state == 'Z' || s.state == 'X' }

// identify completes a process id to a name for good.
func identify(pid int) (ident, error) {
	s, err := readStat(pid)
	return s.ident, err
}

// alive tells whether this very process runs. A zombie does not.
func (i ident) alive() bool {
	if i.PID <= 0 {
		return false
	}
	s, err := readStat(i.PID)
	return err == nil && s.Start == i.Start && !s.dead()
}

// signal reaches this very process or nothing: the handle is opened first, and then it is looked whose it is.
func (i ident) signal(sig os.Signal) error {
	p, err := os.FindProcess(i.PID)
	if err != nil {
		return err
	}
	defer func() { _ = p.Release() }() // frees the handle; there is nothing to report
	if !i.alive() {
		return nil
	}
	if err := p.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("send %v to process %d: %w", sig, i.PID, err)
	}
	return nil
}

// processes reads all processes of the machine.
func processes() (map[int]stat, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	all := make(map[int]stat, len(entries))
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if s, err := readStat(pid); err == nil { // else it ended meanwhile
			all[pid] = s
		}
	}
	return all, nil
}

// family is the process, its descendants and whoever is in its session, without zombies.
func family(procs map[int]stat, root int) []stat {
	in := map[int]bool{root: true}
	for grown := true; grown; {
		grown = false
		for pid, s := range procs {
			if !in[pid] && (in[s.parent] || s.session == root) {
				in[pid], grown = true, true
			}
		}
	}
	var all []stat
	for pid := range in {
		if s, ok := procs[pid]; ok && !s.dead() {
			all = append(all, s)
		}
	}
	return all
}

// offspring is every living descendant of a process. Where the kernel tells children (CONFIG_PROC_CHILDREN) it does not
// read the whole machine's process table; one that is just being made may be missed.
func offspring(root int) ([]stat, error) {
	if !kernelTellsChildren() {
		procs, err := processes()
		if err != nil {
			return nil, err
		}
		return slices.DeleteFunc(family(procs, root), func(s stat) bool { return s.PID == root }), nil
	}
	children, err := childrenOf(root)
	if err != nil {
		return nil, err
	}
	var all []stat
	for _, child := range children {
		s, err := readStat(child)
		if err != nil {
			continue // ended meanwhile
		}
		if !s.dead() {
			all = append(all, s)
		}
		more, err := offspring(child)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	return all, nil
}

var kernelTellsChildren = sync.OnceValue(func() bool {
	_, err := os.Stat(fmt.Sprintf("/proc/self/task/%d/children", os.Getpid()))
	return err == nil
})

func childrenOf(pid int) ([]int, error) {
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return nil, err
	}
	var all []int
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue // the thread ended meanwhile
		}
		for _, word := range strings.Fields(string(text)) {
			child, err := strconv.Atoi(word)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", list, err)
			}
			all = append(all, child)
		}
	}
	return all, nil
}

// marked finds the living processes that have the entry ("NAME=value") in the environment they were started with.
func marked(procs map[int]stat, entry string) []stat {
	var all []stat
	for pid, s := range procs {
		if s.dead() || pid == os.Getpid() {
			continue
		}
		env, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
		if err != nil {
			continue // ended, or of another user and so not ours
		}
		for pair := range bytes.SplitSeq(env, []byte{0}) {
			if string(pair) == entry {
				all = append(all, s)
				break
			}
		}
	}
	return all
}

// private is the memory of a process in bytes with what it shares divided among those who share it.
func private(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 3 && fields[0] == "Pss:" {
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/smaps_rollup has no Pss", pid)
}

// signalGroup signals a whole process group that is known to be there: its leader was not waited for yet.
func signalGroup(leader int, sig unix.Signal) error {
	if err := unix.Kill(-leader, sig); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("send %v to process group %d: %w", sig, leader, err)
	}
	return nil
}
