package notify

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	"net/mail"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// mailServer is an SMTP server for one connection at a time, enough of RFC 5321, 3207 and 4954.
type mailServer struct {
	address string
	ca      string // file
	tls     *tls.Config
	offer   bool              // STARTTLS
	answers map[string]string // by the beginning of a command
	mu      sync.Mutex
	said    []string
	message string
}

func serveMail(t *testing.T, s *mailServer) *mailServer {
	t.Helper()
	web := httptest.NewTLSServer(nil) // for its certificate, which is for 127.0.0.1
	s.tls = &tls.Config{Certificates: web.TLS.Certificates}
	s.ca = filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw}
	web.Close()
	if err := os.WriteFile(s.ca, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = listener.Addr().String()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.talk(conn)
			conn.Close()
		}
	}()
	t.Cleanup(func() {
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
		<-done
	})
	return s
}

// talk answers one client until it goes away.
func (s *mailServer) talk(conn net.Conn) {
	text := textproto.NewConn(conn)
	say := func(line string) bool { return text.PrintfLine("%s", line) == nil }
	secure := false
	for ok := say("220 mail.test ESMTP"); ok; {
		line, err := text.ReadLine()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.said = append(s.said, line)
		s.mu.Unlock()
		verb, _, _ := strings.Cut(line, " ")
		switch answer := s.answer(line); {
		case answer != "":
			ok = say(answer)
		case verb == "EHLO" && s.offer && !secure:
			ok = say("250-mail.test") && say("250 STARTTLS")
		case verb == "EHLO":
			ok = say("250-mail.test") && say("250 AUTH PLAIN")
		case verb == "STARTTLS":
			if !say("220 go ahead") {
				return
			}
			text, secure = textproto.NewConn(tls.Server(conn, s.tls)), true
		case verb == "DATA":
			if !say("354 go ahead") {
				return
			}
			message, err := io.ReadAll(text.DotReader())
			if err != nil {
				return
			}
			s.mu.Lock()
			s.message = string(message)
			s.mu.Unlock()
			if answer = s.answer("."); answer == "" {
				answer = "250 taken"
			}
			ok = say(answer)
		case verb == "QUIT":
			say("221 bye")
			return
		case verb == "AUTH":
			ok = say("235 welcome")
		default:
			ok = say("250 fine")
		}
	}
}

func (s *mailServer) answer(line string) string {
	for begin, answer := range s.answers {
		if strings.HasPrefix(line, begin) {
			return answer
		}
	}
	return ""
}

func (s *mailServer) all() (string, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.said, "\n"), s.message
}

func (s *mailServer) settings(more map[string]any) map[string]any {
	settings := map[string]any{"server": s.address, "ca": s.ca, "from": "Über goodstate <goodstate@example.org>", "to": []string{"Ops <ops@example.org>", "mia@example.org"}}
	for key, value := range more {
		settings[key] = value
	}
	return settings
}

func TestMailIsSentOverSTARTTLSWithALogin(t *testing.T) {
	s := serveMail(t, &mailServer{offer: true})
	e := rolledBack("1")
	e.Title = "shop: v2 zurückgerollt\r\nBcc: everybody@example.org"
	if err := deliverNow(t, "email", s.settings(map[string]any{"user": "goodstate", "password": map[string]any{"secret": "smtp"}}), e); err != nil {
		t.Fatal(err)
	}
	said, message := s.all()
	login := base64.StdEncoding.EncodeToString([]byte("\x00goodstate\x00" + secrets["smtp"]))
	for _, want := range []string{"STARTTLS", "AUTH PLAIN " + login, "MAIL FROM:<goodstate@example.org>", "RCPT TO:<ops@example.org>", "RCPT TO:<mia@example.org>", "QUIT"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q was not said in:\n%s", want, said)
		}
	}
	if strings.Index(said, "AUTH") < strings.Index(said, "STARTTLS") {
		t.Error("the password came before the encryption")
	}
	m, err := mail.ReadMessage(strings.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil || subject != "[critical] shop: v2 zurückgerollt Bcc: everybody@example.org" || m.Header.Get("Bcc") != "" {
		t.Errorf("subject %q, bcc %q, %v", subject, m.Header.Get("Bcc"), err)
	}
	if from, err := m.Header.AddressList("From"); err != nil || from[0].Name != "Über goodstate" {
		t.Errorf("from %v, %v", from, err)
	}
	if to, err := m.Header.AddressList("To"); err != nil || len(to) != 2 {
		t.Errorf("to %v, %v", to, err)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil || !strings.Contains(string(body), "errors 24.8 %, want at most 2 %") || !strings.Contains(string(body), e.URL) {
		t.Errorf("body %s, %v", body, err)
	}
	if err := deliverNow(t, "email", s.settings(nil), e); err != nil {
		t.Fatal(err)
	}
	if _, again := s.all(); m.Header.Get("Message-ID") == "" || !strings.Contains(again, m.Header.Get("Message-ID")) {
		t.Error("the same notice has another Message-ID the second time")
	}
}

func TestMailIsSentInTheClearOnlyWhenAskedFor(t *testing.T) {
	s := serveMail(t, &mailServer{})
	if err := deliverNow(t, "email", s.settings(nil), rolledBack("1")); err == nil || !strings.Contains(err.Error(), "does not offer STARTTLS") {
		t.Errorf("error is %v", err)
	}
	if err := deliverNow(t, "email", s.settings(map[string]any{"tls": "none"}), rolledBack("1")); err != nil {
		t.Error(err)
	}
}

func TestAMailServerThatNobodyVouchesForIsRefused(t *testing.T) {
	s := serveMail(t, &mailServer{offer: true})
	if err := deliverNow(t, "email", s.settings(map[string]any{"ca": ""}), rolledBack("1")); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("error is %v", err)
	}
	if err := deliverNow(t, "email", s.settings(map[string]any{"ca": "/does/not/exist"}), rolledBack("1")); err == nil || !strings.Contains(err.Error(), "ca: open /does/not/exist") {
		t.Errorf("error is %v", err)
	}
}

func TestWhatAMailServerRefuses(t *testing.T) {
	for _, c := range []struct {
		why     string
		answers map[string]string
		want    string
		final   bool
		sent    bool
	}{
		{"busy", map[string]string{"MAIL": "421 busy"}, "sender Über goodstate <goodstate@example.org>: 421 \"busy\"", false, false},
		{"nobody is known", map[string]string{"RCPT": "550 who?"}, "recipient mia@example.org: 550 \"who?\"", false, false},
		{"one is not known", map[string]string{"RCPT TO:<mia": "550 who?"}, "sent to the other recipients only: mail server", true, true},
		{"the message, for now", map[string]string{".": "451 later"}, "message: 451 \"later\"", false, true},
		{"the message, for good", map[string]string{".": "554 spam"}, "message: 554 \"spam\"", true, true},
		{"the goodbye", map[string]string{"QUIT": "500 no"}, "", false, true},
	} {
		t.Run(c.why, func(t *testing.T) {
			s := serveMail(t, &mailServer{offer: true, answers: c.answers})
			n := hurried(t, nil, rule(t, "", "email", s.settings(nil)))
			said, err := n.deliver(t.Context(), n.lanes[0], rolledBack("1"), "key")
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) || said.final != c.final {
				t.Errorf("%v, %+v; want %q", err, said, c.want)
			}
			if _, message := s.all(); (message != "") != c.sent {
				t.Errorf("sent: %v, want %v", message != "", c.sent)
			}
		})
	}
}

func TestAMailServerThatIsSilentIsGivenUp(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	n := hurried(t, openDB(t, t.TempDir()), rule(t, "mail", "email", map[string]any{"server": listener.Addr().String(), "from": "a@example.org", "to": []string{"b@example.org"}}))
	stop := running(t, n)
	send(t, n, rolledBack("1"))
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	stop() // must not wait for the server
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if left := status(t, n); len(left) != 1 || left[0].Attempts != 0 {
		t.Errorf("left: %+v", left)
	}
}

func TestTLSFromTheStart(t *testing.T) {
	s := serveMail(t, &mailServer{})
	listener, err := tls.Listen("tcp", "127.0.0.1:0", s.tls)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			s.talk(conn)
			err = conn.Close()
		}
		done <- err
	}()
	err = deliverNow(t, "email", s.settings(map[string]any{"server": listener.Addr().String(), "tls": "tls"}), rolledBack("1"))
	if err != nil {
		t.Error(err)
	}
	if err := listener.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if said, message := s.all(); strings.Contains(said, "STARTTLS") || message == "" {
		t.Error(fmt.Sprint("said ", said))
	}
}
