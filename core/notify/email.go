package notify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"os"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/config"
)

func init() {
	config.Register(config.Kind[Channel]{
		Name:    "email",
		Help:    "send mail through an SMTP server",
		Example: "email: {server: 'smtp.example.org:587', from: goodstate@example.org, to: [ops@example.org], user: goodstate, password: {secret: smtp}}",
		New: func(decode func(any) error) (Channel, error) {
			e := &email{}
			return e, decode(e)
		},
	})
}

// email speaks SMTP (RFC 5321) with STARTTLS, TLS from the start, or, for a server on this machine, in the clear.
type email struct {
	Server   string        `yaml:"server" help:"host and port" required:"true" example:"smtp.example.org:587"`
	TLS      string        `yaml:"tls" help:"starttls refuses a server that cannot; tls is for port 465; none is for a server on this machine" enum:"starttls,tls,none" default:"starttls"`
	CA       string        `yaml:"ca" help:"file with the certificate that signed the server's, in PEM; none means those that the system trusts"`
	From     string        `yaml:"from" help:"sender" required:"true" example:"goodstate@example.org"`
	To       []string      `yaml:"to" help:"recipients" required:"true" example:"[ops@example.org]"`
	User     string        `yaml:"user" help:"account to log in with; none means no login"`
	Password config.Secret `yaml:"password" help:"its password"`
}

// Validate finds wrong addresses and half a login.
func (m *email) Validate(report func(path, message string)) {
	if _, _, err := net.SplitHostPort(m.Server); err != nil {
		report("server", fmt.Sprintf("%q is no host and port; want for example smtp.example.org:587", m.Server))
	}
	if _, err := mail.ParseAddress(m.From); err != nil {
		report("from", fmt.Sprintf("%q is no mail address", m.From))
	}
	for i, to := range m.To {
		if _, err := mail.ParseAddress(to); err != nil {
			report(fmt.Sprintf("to[%d]", i), fmt.Sprintf("%q is no mail address", to))
		}
	}
	if (m.User == "") != m.Password.IsZero() {
		report("user", "user and password belong together; set both or none")
	}
	if m.User != "" && m.TLS == "none" {
		report("tls", "a password is never sent in the clear; use starttls or tls")
	}
}

func (m *email) Deliver(ctx context.Context, n Notice) error {
	password := ""
	if !m.Password.IsZero() {
		var err error
		if password, err = n.Secret(ctx, m.Password); err != nil {
			return err
		}
	}
	client, err := m.connect(ctx)
	if err != nil {
		return m.wrong(ctx, "connect", err)
	}
	defer client.Close() // after Quit it is closed already
	if m.User != "" {
		host, _, _ := net.SplitHostPort(m.Server) // Validate has looked at it
		if err := client.Auth(smtp.PlainAuth("", m.User, password, host)); err != nil {
			return m.wrong(ctx, "log in as "+m.User, err)
		}
	}
	return m.send(ctx, client, n)
}

// connect dials and gets to a connection of the wanted kind. The connection ends with ctx.
func (m *email) connect(ctx context.Context) (*smtp.Client, error) {
	host, _, err := net.SplitHostPort(m.Server)
	if err != nil {
		return nil, err
	}
	secure := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if m.CA != "" {
		pem, err := os.ReadFile(m.CA)
		if err != nil {
			return nil, fmt.Errorf("ca: %w", err)
		}
		if secure.RootCAs = x509.NewCertPool(); !secure.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca: %s has no certificate in PEM", m.CA)
		}
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", m.Server)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() }) // wakes whatever waits for the server; closing again is harmless
	if m.TLS == "tls" {
		conn = tls.Client(conn, secure)
	}
	client, err := smtp.NewClient(conn, host)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if name, err := os.Hostname(); err == nil {
		if err := client.Hello(oneLine(name)); err != nil {
			return nil, errors.Join(err, client.Close())
		}
	}
	if m.TLS == "starttls" {
		if offered, _ := client.Extension("STARTTLS"); !offered {
			return nil, errors.Join(errors.New("the server does not offer STARTTLS; use tls: tls (port 465), or tls: none for a server on this machine"), client.Close())
		}
		if err := client.StartTLS(secure); err != nil {
			return nil, errors.Join(err, client.Close())
		}
	}
	return client, nil
}

// send hands over one message. Recipients that the server refuses do not keep it from the others.
func (m *email) send(ctx context.Context, client *smtp.Client, n Notice) error {
	if err := client.Mail(bare(m.From)); err != nil {
		return m.wrong(ctx, "sender "+m.From, err)
	}
	var refused []error
	for _, to := range m.To {
		if err := client.Rcpt(bare(to)); err != nil {
			refused = append(refused, m.wrong(ctx, "recipient "+to, err))
		}
	}
	if len(refused) == len(m.To) {
		return errors.Join(refused...)
	}
	body, err := client.Data()
	if err != nil {
		return m.wrong(ctx, "message", err)
	}
	if _, err := body.Write(m.message(n)); err != nil {
		return m.wrong(ctx, "message", err)
	}
	if err := body.Close(); err != nil {
		return m.wrong(ctx, "message", permanent(err))
	}
	_ = client.Quit() // the server has taken the message; how it says goodbye does not matter
	if len(refused) > 0 {
		return &Refusal{Err: fmt.Errorf("sent to the other recipients only: %w", errors.Join(refused...)), Final: true}
	}
	return nil
}

// message is the mail as it is sent. Its Message-ID is the same at every attempt.
func (m *email) message(n Notice) []byte {
	_, domain, _ := strings.Cut(bare(m.From), "@")
	subject := oneLine(n.Title)
	if n.Severity == Critical {
		subject = "[critical] " + subject
	}
	var b bytes.Buffer
	for _, h := range [][2]string{
		{"From", encoded(m.From)},
		{"To", encoded(m.To...)},
		{"Subject", mime.QEncoding.Encode("utf-8", subject)},
		{"Date", n.At.Format(time.RFC1123Z)},
		{"References", reference(n, domain)},
		{"Message-ID", fmt.Sprintf("<%x@%s>", sha256.Sum256([]byte(n.Key)), domain)},
		{"Auto-Submitted", "auto-generated"},
		{"MIME-Version", "1.0"},
	} {
		if h[1] == "" {
			continue
		}
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], oneLine(h[1]))
	}
	text := fmt.Sprintf("%s\n\n%s\n", n.Title, n.plain())
	if len(n.Files) == 0 {
		b.WriteString("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n")
		quote(&b, text)
		return b.Bytes()
	}
	attach(&b, n, text)
	return b.Bytes()
}

// reference names a message that is not there and that all mails of a run refer to, so that programs show them together.
func reference(n Notice, domain string) string {
	if n.Run == "" {
		return ""
	}
	return fmt.Sprintf("<%x@%s>", sha256.Sum256([]byte("run "+n.Run)), domain)
}

// wrong names the server and the step; when ctx ended, that is the reason, not the connection that it closed.
func (m *email) wrong(ctx context.Context, step string, err error) error {
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return fmt.Errorf("mail server %s: %s: %w", m.Server, step, err)
}

// permanent marks what the server says about the message itself: a 5xx answer to it will be the same tomorrow.
func permanent(err error) error {
	var answer *textproto.Error
	if errors.As(err, &answer) && answer.Code >= 500 {
		return &Refusal{Err: err, Final: true}
	}
	return err
}

// encoded writes addresses as a header may have them, with names that are not ASCII encoded.
func encoded(addresses ...string) string {
	all := make([]string, len(addresses))
	for i, address := range addresses {
		all[i] = address
		if parsed, err := mail.ParseAddress(address); err == nil {
			all[i] = parsed.String()
		}
	}
	return strings.Join(all, ", ")
}

// bare takes the name away from an address: "Ops <ops@example.org>" is ops@example.org.
func bare(address string) string {
	parsed, err := mail.ParseAddress(address)
	if err != nil {
		return address
	}
	return parsed.Address
}
