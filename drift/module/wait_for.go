package module

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

func init() {
	register(Kind{
		Name:    "wait_for",
		Help:    "Wait for a port, a file or a text",
		Example: "wait_for: {port: 8080, timeout: 60}",
		Options: []Option{
			{Name: "host", Default: "127.0.0.1"},
			{Name: "timeout", Type: Int, Default: 300},
			{Name: "connect_timeout", Type: Int, Default: 5},
			{Name: "delay", Type: Int, Default: 0},
			{Name: "port", Type: Int},
			{Name: "active_connection_states", Type: List, Elements: Str, Default: []any{"ESTABLISHED", "FIN_WAIT1", "FIN_WAIT2", "SYN_RECV", "SYN_SENT", "TIME_WAIT"}},
			{Name: "path", Type: Path},
			{Name: "search_regex"},
			{Name: "state", Default: "started", Choices: words("absent", "drained", "present", "started", "stopped")},
			{Name: "exclude_hosts", Type: List, Elements: Str},
			{Name: "sleep", Type: Int, Default: 1},
			{Name: "msg"},
		},
		Check: CheckNone,
		Plan:  planWaitFor,
	})
}

func planWaitFor(ctx context.Context, t *Task) error {
	port, path := t.Int("port"), t.Str("path")
	state := t.Str("state")
	switch {
	case t.Has("port") && t.Has("path"):
		return fail("port and path parameter can not both be passed to wait_for", Result{"elapsed": int64(0)})
	case t.Has("path") && state == "stopped":
		return fail("state=stopped should only be used for checking a port in the wait_for module", Result{"elapsed": int64(0)})
	case t.Has("path") && state == "drained":
		return fail("state=drained should only be used for checking a port in the wait_for module", Result{"elapsed": int64(0)})
	case t.Has("exclude_hosts") && state != "drained":
		return fail("exclude_hosts should only be with state=drained", Result{"elapsed": int64(0)})
	}
	start := time.Now()
	elapsed := func() int64 { return int64(time.Since(start).Seconds()) }
	if err := pause(ctx, time.Duration(t.Int("delay"))*time.Second); err != nil {
		return err
	}
	t.Return("state", state)
	t.Return("port", nil)
	t.Return("search_regex", nil)
	t.Return("path", nil)
	for _, name := range []string{"port", "search_regex", "path"} {
		t.Return(name, t.args[name])
	}
	t.Return("match_groups", []any{})
	t.Return("match_groupdict", map[string]any{})
	if !t.Has("port") && !t.Has("path") && state != "drained" {
		err := pause(ctx, time.Duration(t.Int("timeout"))*time.Second)
		t.Return("elapsed", elapsed())
		return err
	}
	p, err := t.searchPattern()
	if err != nil {
		return err
	}
	met := func() bool { return t.condition(ctx, state, port, path, p) }
	deadline := start.Add(time.Duration(t.Int("timeout")) * time.Second)
	for !met() {
		if !time.Now().Before(deadline) {
			return fail(t.lateWords(state, port, path), Result{"elapsed": elapsed()})
		}
		if err := pause(ctx, min(time.Duration(t.Int("sleep"))*time.Second, time.Until(deadline))); err != nil {
			return err
		}
	}
	t.Return("elapsed", elapsed())
	return nil
}

func (t *Task) searchPattern() (*pattern, error) {
	if !t.Has("search_regex") {
		return nil, nil
	}
	return compile(t.Str("search_regex"), "m")
}

// lateWords say what did not come in time.
func (t *Task) lateWords(state string, port int64, path string) string {
	at := t.Str("host") + ":" + strconv.FormatInt(port, 10)
	var text string
	switch {
	case t.Has("msg"):
		return t.Str("msg")
	case state == "absent" && path != "":
		text = "Timeout when waiting for " + path + " to be absent."
	case state == "absent" || state == "stopped":
		text = "Timeout when waiting for " + at + " to stop."
	case state == "drained":
		text = "Timeout when waiting for " + at + " to drain"
	case path != "" && t.Has("search_regex"):
		text = fmt.Sprintf("Timeout when waiting for search string %s in %s", t.Str("search_regex"), path)
	case path != "":
		text = "Timeout when waiting for file " + path
	case t.Has("search_regex"):
		text = fmt.Sprintf("Timeout when waiting for search string %s in %s", t.Str("search_regex"), at)
	default:
		text = "Timeout when waiting for " + at
	}
	return text
}

func (t *Task) condition(ctx context.Context, state string, port int64, path string, p *pattern) bool {
	switch {
	case state == "drained":
		return !t.connected(port)
	case path != "" && state == "absent":
		return !exists(t.abs(path))
	case path != "":
		return t.fileThere(t.abs(path), p)
	}
	ok := t.answers(ctx, port, p)
	if state == "absent" || state == "stopped" {
		return !ok
	}
	return ok
}

func (t *Task) fileThere(path string, p *pattern) bool {
	if p == nil {
		return exists(path)
	}
	text, err := readText(path)
	return err == nil && t.found(string(text), p)
}

// found keeps what the groups matched.
func (t *Task) found(text string, p *pattern) bool {
	loc := p.find(text)
	if loc == nil {
		return false
	}
	groups, named := []any{}, map[string]any{}
	names := p.names()
	for i := 1; i*2 < len(loc); i++ {
		var value any
		if loc[2*i] >= 0 {
			value = text[loc[2*i]:loc[2*i+1]]
		}
		groups = append(groups, value)
		if i < len(names) && names[i] != "" {
			named[names[i]] = value
		}
	}
	t.Return("match_groups", groups)
	t.Return("match_groupdict", named)
	return true
}

// answers tells whether the port takes a connection, and says the text that is looked for.
func (t *Task) answers(ctx context.Context, port int64, p *pattern) bool {
	limit := time.Duration(t.Int("connect_timeout")) * time.Second
	dialer := net.Dialer{Timeout: limit}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(t.Str("host"), strconv.FormatInt(port, 10)))
	if err != nil {
		return false
	}
	defer conn.Close()
	if p == nil {
		return true
	}
	if err := conn.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return false
	}
	var said bytes.Buffer
	buf := make([]byte, 1024)
	for said.Len() < 1<<20 {
		n, err := conn.Read(buf)
		said.Write(buf[:n])
		if t.found(said.String(), p) {
			return true
		}
		if err != nil {
			return false
		}
	}
	return false
}

// tcpStates are the kernel's numbers in /proc/net/tcp.
var tcpStates = map[string]string{"01": "ESTABLISHED", "02": "SYN_SENT", "03": "SYN_RECV", "04": "FIN_WAIT1", "05": "FIN_WAIT2", "06": "TIME_WAIT"}

// connected tells whether anybody is connected to the local port.
func (t *Task) connected(port int64) bool {
	active := map[string]bool{}
	for _, s := range t.Strs("active_connection_states") {
		active[s] = true
	}
	want := fmt.Sprintf(":%04X", port)
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		table, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for line := range strings.SplitSeq(string(table), "\n") {
			f := strings.Fields(line)
			if len(f) > 3 && strings.HasSuffix(f[1], want) && active[tcpStates[f[3]]] {
				return true
			}
		}
	}
	return false
}
