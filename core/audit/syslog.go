package audit

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/config"
)

func init() {
	config.Register(config.Kind[Sink]{
		Name:    "syslog",
		Help:    "send each entry as a message of RFC 5424, over UDP, TCP, TLS or a Unix socket. Syslog does not say what arrived: what is under way when the receiver dies may be lost",
		Example: "syslog: {address: 'tls://logs.example.org:6514'}",
		New: func(decode func(any) error) (Sink, error) {
			s := &syslog{}
			return s, decode(s)
		},
	})
}

type syslog struct {
	Address  string `yaml:"address" help:"where to: udp://host:514, tcp://host:601, tls://host:6514 or unix:///dev/log" required:"true" example:"tls://logs.example.org:6514"`
	CA       string `yaml:"ca" help:"of tls: file with the certificates in PEM to trust besides the system's"`
	Facility int    `yaml:"facility" help:"number of the facility; 13 is log audit, 16 to 23 are local0 to local7" default:"13"`
	App      string `yaml:"app" help:"name of the application in the message" default:"goodstate"`

	conn   net.Conn
	stream bool // messages are counted, because the connection has no ends of its own
}

// Validate reports an address that cannot be sent to.
func (s *syslog) Validate() error {
	u, err := url.Parse(s.Address)
	if err != nil {
		return fmt.Errorf("address: %w", err)
	}
	switch u.Scheme {
	case "unix":
		if u.Path == "" {
			return fmt.Errorf("address %q has no path, want unix:///dev/log", s.Address)
		}
	case "udp", "tcp", "tls":
		if u.Port() == "" || u.Hostname() == "" {
			return fmt.Errorf("address %q, want %s://host:port", s.Address, u.Scheme)
		}
	default:
		return fmt.Errorf("address %q, want one that begins with udp://, tcp://, tls:// or unix://", s.Address)
	}
	if s.Facility < 0 || s.Facility > 23 {
		return fmt.Errorf("facility %d, want 0 to 23", s.Facility)
	}
	if field(s.App, 48) != s.App {
		return fmt.Errorf("app %q, want at most 48 printable ASCII characters without spaces", s.App)
	}
	return nil
}

// Send writes the entries. A connection that the other side has closed meanwhile is noticed first, so that nothing is written to nobody.
func (s *syslog) Send(ctx context.Context, _ Secrets, records []Record) error {
	if s.conn != nil && s.stream && closed(s.conn) {
		_ = s.Close() // a new one is opened
	}
	if s.conn == nil {
		if err := s.dial(ctx); err != nil {
			return err
		}
	}
	host, err := os.Hostname()
	if err != nil {
		host = "-"
	}
	until, ok := ctx.Deadline()
	if !ok {
		until = time.Now().Add(sendMost)
	}
	if err := s.conn.SetWriteDeadline(until); err != nil {
		return errors.Join(fmt.Errorf("syslog %s: %w", s.Address, err), s.Close())
	}
	for _, e := range records {
		text := s.message(e, host)
		if s.stream {
			text = strconv.Itoa(len(text)) + " " + text // octet counting: RFC 6587, RFC 5425
		} else {
			text = cut(text, datagram)
		}
		if _, err := s.conn.Write([]byte(text)); err != nil {
			return errors.Join(fmt.Errorf("syslog %s: %w", s.Address, err), s.Close())
		}
	}
	return nil
}

// datagram is how long a message may be that travels in one piece, in bytes.
const datagram = 8 << 10

func (s *syslog) dial(ctx context.Context) (err error) {
	u, err := url.Parse(s.Address)
	if err != nil {
		return fmt.Errorf("syslog: %w", err)
	}
	d := net.Dialer{Timeout: 10 * time.Second}
	switch u.Scheme {
	case "unix":
		s.stream = false
		if s.conn, err = d.DialContext(ctx, "unixgram", u.Path); err != nil {
			s.stream = true
			s.conn, err = d.DialContext(ctx, "unix", u.Path)
		}
	case "tls":
		secure := &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
		if secure.RootCAs, err = roots(s.CA); err != nil {
			return fmt.Errorf("syslog: %w", err)
		}
		s.stream = true
		s.conn, err = (&tls.Dialer{NetDialer: &d, Config: secure}).DialContext(ctx, "tcp", u.Host)
	default:
		s.stream = u.Scheme == "tcp"
		s.conn, err = d.DialContext(ctx, u.Scheme, u.Host)
	}
	if err != nil {
		s.conn = nil
		return fmt.Errorf("syslog %s: %w", s.Address, err)
	}
	return nil
}

// closed says whether the other side has ended the connection: a receiver of logs sends nothing, so that anything to read is an end.
func closed(c net.Conn) bool {
	if err := c.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		return true
	}
	_, err := c.Read(make([]byte, 1))
	var timeout net.Error
	return !errors.As(err, &timeout) || !timeout.Timeout()
}

// example is the number for private enterprises that RFC 5612 keeps for examples: there is no registered one.
const sdID = "goodstate@32473"

// message is a record as RFC 5424 writes it: <PRI>1 TIME HOST APP PROCID MSGID [DATA] TEXT.
func (s *syslog) message(r Record, host string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "<%d>1 %s %s %s %d %s [%s", s.Facility*8+r.Severity, r.At.UTC().Format("2006-01-02T15:04:05.000Z"), field(host, 255), s.App, os.Getpid(), field(r.Event, 32), sdID)
	for _, f := range append([]Field{{"seq", r.seq()}}, r.Fields...) {
		if f.Value != "" {
			fmt.Fprintf(&b, ` %s="%s"`, f.Name, sdEscape.Replace(strings.ToValidUTF8(cut(f.Value, dataMost), "?")))
		}
	}
	b.WriteString("] \xef\xbb\xbf") // the text is UTF-8
	b.WriteString(strings.Join(strings.FieldsFunc(strings.ToValidUTF8(r.Text, "?"), func(r rune) bool { return r < ' ' || r == 0x7f }), " "))
	return b.String()
}

var sdEscape = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `]`, `\]`, "\n", " ", "\r", " ")

// field is a text as a field of the header may have it; "-" for none.
func field(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, text)
	if text == "" {
		return "-"
	}
	return text[:min(len(text), most)]
}

// Close ends the connection.
func (s *syslog) Close() error {
	if s.conn == nil {
		return nil
	}
	err := s.conn.Close()
	s.conn = nil
	return err
}
