package proxy

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"goodstate.dev/goodstate/rollout/traffic"
)

func TestWebSocketsPassAndCountUntilTheyEnd(t *testing.T) {
	c := inside(t, Options{})
	ws := instanceOf(t, "v1", func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.CloseNow() }()
		for {
			kind, msg, err := conn.Read(r.Context())
			if err != nil {
				return
			}
			if err := conn.Write(r.Context(), kind, append([]byte("echo "), msg...)); err != nil {
				return
			}
		}
	})
	r := routeTo(t, map[string]int{"v1": traffic.Full}, ws)
	apply(t, c, r)
	conn, res, err := websocket.Dial(t.Context(), "ws://"+r.Listen, nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.Header.Get(releaseHeader) != "v1" {
		t.Errorf("headers %v", res.Header)
	}
	talk := func() {
		t.Helper()
		if err := conn.Write(t.Context(), websocket.MessageText, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		if _, msg, err := conn.Read(t.Context()); err != nil || string(msg) != "echo hello" {
			t.Fatalf("got %q, %v", msg, err)
		}
	}
	talk()
	if s := totals(t, c, 1)["v1"]; s.Requests != 1 || s.Errors != 0 {
		t.Errorf("counted %+v while it is open", s)
	}
	r.Listen = free(t) // the address goes, the connection stays
	r.Backends = append(r.Backends, instanceOf(t, "v2", nil))
	r.Weights = map[string]int{"v2": traffic.Full}
	apply(t, c, r)
	talk()
	soon, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := c.Drain(soon, "web", "v1", ""); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "1 requests") {
		t.Errorf("drain: %v", err)
	}
	if err := conn.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
	if err := c.Drain(t.Context(), "web", "v1", ""); err != nil {
		t.Error(err)
	}
}

func TestEventsArePassedOnAtOnce(t *testing.T) {
	c := inside(t, Options{})
	next := make(chan string)
	r := routeTo(t, map[string]int{"v1": traffic.Full}, instanceOf(t, "v1", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for event := range next {
			_, _ = fmt.Fprintf(w, "data: %s\n\n", event)
			_ = http.NewResponseController(w).Flush()
		}
	}))
	apply(t, c, r)
	go func() { next <- "0" }()
	res, err := browser(t).Get("http://" + r.Listen)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(res.Body)
	read := func(want string) {
		t.Helper()
		if !lines.Scan() || lines.Text() != "data: "+want || !lines.Scan() {
			t.Fatalf("got %q, want event %s", lines.Text(), want)
		}
	}
	read("0")
	for _, event := range []string{"1", "2", "3"} {
		next <- event
		read(event)
	}
	if s := totals(t, c, 1)["v1"]; s.Requests != 1 {
		t.Errorf("counted %+v while it is open", s)
	}
	close(next)
	if lines.Scan() {
		t.Errorf("more: %q", lines.Text())
	}
	_ = res.Body.Close()
}

func TestBodiesAreStreamedBothWaysWithTrailers(t *testing.T) {
	c := inside(t, Options{})
	r := routeTo(t, map[string]int{"v1": traffic.Full}, instanceOf(t, "v1", func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
			t.Error(err)
		}
		w.Header().Set("Trailer", "X-Sum")
		n, err := io.Copy(w, r.Body)
		w.Header().Set("X-Sum", fmt.Sprintf("%d %v %s", n, err, r.Trailer.Get("X-End")))
	}))
	apply(t, c, r)
	pr, pw := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+r.Listen, pr)
	if err != nil {
		t.Fatal(err)
	}
	req.Trailer = http.Header{"X-End": {"the end"}}
	chunk := strings.Repeat("x", 1<<20)
	go func() {
		for range 8 {
			_, _ = io.WriteString(pw, chunk)
		}
		_ = pw.Close()
	}()
	res, err := browser(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	n, err := io.Copy(io.Discard, res.Body)
	if err != nil || n != 8<<20 || res.Trailer.Get("X-Sum") != "8388608 <nil> the end" {
		t.Errorf("%d bytes, trailer %v, %v", n, res.Trailer, err)
	}
}

func TestEarlyHintsArePassedOn(t *testing.T) {
	c := inside(t, Options{})
	r := routeTo(t, map[string]int{"v1": traffic.Full}, instanceOf(t, "v1", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</a.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		_, _ = io.WriteString(w, "v1")
	}))
	apply(t, c, r)
	conn, err := net.Dial("tcp", r.Listen)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(b), "HTTP/1.1 103 Early Hints\r\nLink: </a.css>") || !strings.Contains(string(b), "HTTP/1.1 200 OK") {
		t.Errorf("got %q, %v", b, err)
	}
}

func http2Browser(t testing.TB, clear bool, trust *x509.CertPool) *http.Client {
	t.Helper()
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trust}, Protocols: new(http.Protocols)}
	tr.Protocols.SetUnencryptedHTTP2(clear)
	tr.Protocols.SetHTTP2(!clear)
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 10 * time.Second}
}

func TestHTTP2WithAndWithoutTLSAndCertificatesThatChange(t *testing.T) {
	c := inside(t, Options{})
	dir := t.TempDir()
	r := routeTo(t, map[string]int{"v1": traffic.Full}, instanceOf(t, "v1", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto+" "+r.Header.Get("X-Forwarded-Proto"))
	}))
	r.Sticky = "cookie"
	apply(t, c, r)
	res, err := http2Browser(t, true, nil).Get("http://" + r.Listen)
	if err != nil || res.ProtoMajor != 2 || res.StatusCode != 200 {
		t.Fatalf("h2c: %+v, %v", res, err)
	}
	_ = res.Body.Close()

	r.TLS = &traffic.TLS{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	if err := c.Apply(t.Context(), r); err == nil || !strings.Contains(err.Error(), "cert.pem") {
		t.Errorf("a certificate that is not there: %v", err)
	}
	first := newCert(t, *r.TLS)
	apply(t, c, r) // TLS begins on the same address
	b := http2Browser(t, false, first)
	res, err = b.Get("https://" + r.Listen)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if res.ProtoMajor != 2 || string(body) != "HTTP/1.1 https" || !strings.Contains(res.Header.Get("Set-Cookie"), "; Secure") {
		t.Errorf("h2: %s %q %v", res.Proto, body, res.Header)
	}

	second := newCert(t, *r.TLS)
	eventually(t, "the new certificate is shown", func() bool {
		res, err := http2Browser(t, false, second).Get("https://" + r.Listen)
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return true
	})
	writeFile(t, r.TLS.Key, "broken") // the former pair stays
	res, err = http2Browser(t, false, second).Get("https://" + r.Listen)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
}

// newCert writes a certificate for the loopback address and gives the pool that trusts it.
func newCert(t testing.TB, files traffic.TLS) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: serial.String()}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	writeFile(t, files.Cert, string(certPEM))
	writeFile(t, files.Key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certPEM)
	return pool
}

func TestAnInstanceMaySpeakHTTP2WithoutTLS(t *testing.T) {
	c := inside(t, Options{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Protocols: new(http.Protocols), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "Grpc-Status")
		_, _ = io.Copy(w, r.Body)
		w.Header().Set("Grpc-Status", r.Proto)
	})}
	srv.Protocols.SetUnencryptedHTTP2(true)
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	r := routeTo(t, map[string]int{"v1": traffic.Full}, traffic.Backend{Release: "v1", Instance: "a", URL: "h2c://" + l.Addr().String()})
	apply(t, c, r)
	res, err := http2Browser(t, true, nil).Post("http://"+r.Listen, "application/grpc", strings.NewReader("payload"))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil || string(body) != "payload" || res.Trailer.Get("Grpc-Status") != "HTTP/2.0" {
		t.Errorf("got %q, %v, %v", body, res.Trailer, err)
	}
}
