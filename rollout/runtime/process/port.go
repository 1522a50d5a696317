package process

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Ports are chosen below the range from which Linux takes ports for outgoing connections, so that none of those sits on
// an instance's port between its end and its restart.
const (
	lowestPort, highestPort = 20_000, 32_000
	portsFrom               = 100 // where a spec says from which port on
)

// choosePort finds a port that nobody listens on and no other instance was given. The caller holds the ports' lock until
// the choice is written down.
func (r *Runtime) choosePort(host string, from int) (int, error) {
	given, err := r.givenPorts()
	if err != nil {
		return 0, err
	}
	low, span := lowestPort, highestPort-lowestPort
	first := rand.IntN(span)
	if from > 0 {
		low, span, first = from, portsFrom, 0
	}
	for i := range span {
		port := low + (first+i)%span
		if port < 65536 && given[port] == "" && taken(host, port) == nil {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no port between %d and %d is free", low, low+span)
}

// givenPorts tells which instance has which port.
func (r *Runtime) givenPorts() (map[int]string, error) {
	folders, err := r.folders("")
	if err != nil {
		return nil, err
	}
	given := map[int]string{}
	for _, f := range folders {
		seen, err := f.look()
		if err != nil || seen.state.Phase == phaseStopped && !seen.kept {
			continue // being made, or its port is free again
		}
		given[seen.spec.Port] = f.id()
	}
	return given, nil
}

func (r *Runtime) lockPorts(ctx context.Context) (*lock, error) {
	return waitLock(ctx, filepath.Join(r.dir, "ports.lock"))
}

// taken says in an error who listens on the port, as far as that can be told. A port that may not be tried (below 1024)
// is left to the program, which may have the right.
func taken(host string, port int) error {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err == nil {
		return l.Close()
	}
	if errors.Is(err, unix.EADDRNOTAVAIL) {
		return fmt.Errorf("%s is no address of this machine: %w", host, err)
	}
	if !errors.Is(err, unix.EADDRINUSE) {
		return nil
	}
	return fmt.Errorf("port %d is taken by %s; free it, or give the service another port", port, listener(port))
}

// listener names the process that listens on the port.
func listener(port int) string {
	const unknown = "a process that cannot be seen from here"
	sockets := listening(port)
	if len(sockets) == 0 {
		return unknown
	}
	links, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return unknown
	}
	for _, link := range links {
		target, err := os.Readlink(link)
		if err != nil || !sockets[target] {
			continue // ended, another user's, or another file
		}
		pid := strings.Split(link, "/")[2]
		name, err := os.ReadFile("/proc/" + pid + "/comm")
		if err != nil {
			return "process " + pid
		}
		return "process " + pid + " (" + strings.TrimSpace(string(name)) + ")" + instanceOf(pid)
	}
	return unknown
}

// instanceOf adds which instance a process belongs to, when it is one.
func instanceOf(pid string) string {
	env, err := os.ReadFile("/proc/" + pid + "/environ")
	if err != nil {
		return ""
	}
	for pair := range strings.SplitSeq(string(env), "\x00") {
		if id, ok := strings.CutPrefix(pair, "GOODSTATE_INSTANCE="); ok {
			return ", instance " + id
		}
	}
	return ""
}

// listening finds the sockets that listen on the port, as links in /proc/PID/fd name them (proc_net_tcp(5)).
func listening(port int) map[string]bool {
	const listen = "0A"
	want := ":" + strings.ToUpper(hex.EncodeToString([]byte{byte(port >> 8), byte(port)}))
	sockets := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table)
		if err != nil {
			continue // no IPv6 here
		}
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) > 9 && strings.HasSuffix(f[1], want) && f[3] == listen {
				sockets["socket:["+f[9]+"]"] = true
			}
		}
	}
	return sockets
}
