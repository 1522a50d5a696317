package check

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"goodstate.dev/goodstate/core/good"
)

func init() {
	register(Kind{
		Name:    "tcp",
		Help:    "connect to an address, send and expect some text",
		Example: "tcp: {address: 127.0.0.1:6379, send: \"PING\\r\\n\", expect: \"+PONG\"}",
		New: func(decode func(any) error) (Check, error) {
			c := &tcpCheck{}
			return c, decode(c)
		},
	})
}

type tcpCheck struct {
	Address string `yaml:"address" help:"host:port; default: where the instance listens" example:"127.0.0.1:5432"`
	Send    string `yaml:"send" help:"text that is sent once connected"`
	Expect  string `yaml:"expect" help:"text that must come back"`
}

// Run connects once.
func (c *tcpCheck) Run(ctx context.Context, t Target) good.Finding {
	f := good.Finding{Wanted: "a connection", Verdict: good.Fail}
	if c.Expect != "" {
		f.Wanted = fmt.Sprintf("a connection that answers %q", c.Expect)
	}
	address := c.Address
	if address == "" {
		u, err := t.url("/")
		if err != nil {
			return unknown(f.Wanted, errors.New("no address is given, and the service has none"))
		}
		address = u.Host
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return unreachable(ctx, f, address, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // a read that waits ends with the context
	defer stop()
	seen, err := c.talk(conn)
	if closed := conn.Close(); err == nil && ctx.Err() == nil {
		err = closed
	}
	if err != nil {
		f = unreachable(ctx, f, address, err)
		f.Detail = excerpt([]byte(seen))
		return f
	}
	f.Verdict, f.Observed = good.Pass, address+" accepts connections"
	return f
}

func (c *tcpCheck) talk(conn net.Conn) (string, error) {
	if _, err := conn.Write([]byte(c.Send)); err != nil {
		return "", err
	}
	var seen strings.Builder
	buffer := make([]byte, 4096)
	for c.Expect != "" && !strings.Contains(seen.String(), c.Expect) {
		n, err := conn.Read(buffer)
		seen.Write(buffer[:n])
		if err != nil && !strings.Contains(seen.String(), c.Expect) {
			return seen.String(), err
		}
		if seen.Len() > maxBody {
			return seen.String(), fmt.Errorf("a megabyte came without %q in it", c.Expect)
		}
	}
	return seen.String(), nil
}
