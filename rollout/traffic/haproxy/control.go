package haproxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

const (
	askWithin  = 5 * time.Second
	mostAnswer = 16 << 20 // bytes; a backend of a thousand servers says half a megabyte
	mostLine   = 8 << 10  // bytes of commands in one go; HAProxy reads 16 KiB
)

// control is one HAProxy's runtime socket.
type control struct{ socket string }

// dial opens the socket. HAProxy closes it after one line of commands.
func (c *control) dial(ctx context.Context) (net.Conn, error) {
	network := "tcp"
	if strings.HasPrefix(c.socket, "/") {
		network = "unix"
	}
	conn, err := (&net.Dialer{Timeout: askWithin}).DialContext(ctx, network, c.socket)
	if err != nil {
		return nil, fmt.Errorf("haproxy %s: %w; it needs a line like: stats socket %s mode 660 level admin", c.socket, err, c.socket)
	}
	return conn, nil
}

// ask carries out one line of commands and returns what HAProxy answered.
func (c *control) ask(ctx context.Context, commands ...string) (string, error) {
	line := strings.Join(commands, ";")
	if strings.ContainsAny(line, "\n\r") {
		return "", fmt.Errorf("haproxy %s: the command %.60q has more than one line", c.socket, line)
	}
	ctx, stop := context.WithTimeout(ctx, askWithin)
	defer stop()
	conn, err := c.dial(ctx)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }() // all has been read
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })()
	_, err = io.WriteString(conn, line+"\n")
	var text []byte
	if err == nil {
		text, err = io.ReadAll(io.LimitReader(conn, mostAnswer+1))
	}
	switch {
	case ctx.Err() != nil && err != nil:
		return "", fmt.Errorf("haproxy %s: no answer within %s: %w", c.socket, askWithin, ctx.Err())
	case err != nil:
		return "", fmt.Errorf("haproxy %s: %w", c.socket, err)
	case len(text) > mostAnswer:
		return "", fmt.Errorf("haproxy %s: its answer to %.40q is longer than %d bytes", c.socket, line, mostAnswer)
	}
	answer := strings.TrimSpace(string(text))
	if strings.HasPrefix(answer, "Permission denied") {
		return "", errors.Join(&missingError{
			what: fmt.Sprintf("haproxy %s: permission denied", c.socket), wanted: "a socket that may change servers",
			hint: "give the stats socket level admin",
		})
	}
	return answer, nil
}

// tell carries out commands in their order, in as few lines as possible. What HAProxy answers is only kept for an error:
// whether it did what it was told is looked at afterwards.
func (c *control) tell(ctx context.Context, commands []string) (said string, err error) {
	for len(commands) > 0 {
		n, size := 0, 0
		for n < len(commands) && (n == 0 || size+len(commands[n]) < mostLine) {
			size += len(commands[n]) + 1
			n++
		}
		answer, err := c.ask(ctx, commands[:n]...)
		if err != nil {
			return said, err
		}
		said = strings.TrimSpace(said + "\n" + answer)
		commands = commands[n:]
	}
	return strings.Join(strings.Fields(said), " "), nil
}
