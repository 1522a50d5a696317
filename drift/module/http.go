package module

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// httpOptions are what get_url and uri share.
var httpOptions = []Option{
	{Name: "url", Required: true},
	{Name: "force", Type: Bool, Default: false},
	{Name: "http_agent", Default: "ansible-httpget"},
	{Name: "use_proxy", Type: Bool, Default: true},
	{Name: "validate_certs", Type: Bool, Default: true},
	{Name: "url_username"},
	{Name: "url_password", NoLog: true},
	{Name: "force_basic_auth", Type: Bool, Default: false},
	{Name: "client_cert", Type: Path},
	{Name: "client_key", Type: Path},
	{Name: "use_gssapi", Type: Bool, Default: false},
	{Name: "use_netrc", Type: Bool, Default: true},
	{Name: "unredirected_headers", Type: List, Elements: Str, Default: []any{}},
	{Name: "decompress", Type: Bool, Default: true},
	{Name: "ciphers", Type: List, Elements: Str},
}

func withOptions(base []Option, more ...Option) []Option {
	var out []Option
	replaced := map[string]bool{}
	for _, o := range more {
		replaced[o.Name] = true
	}
	for _, o := range base {
		if !replaced[o.Name] {
			out = append(out, o)
		}
	}
	return append(out, more...)
}

// client makes an HTTP client of the options. follow judges redirects.
func (t *Task) client(timeout time.Duration, follow func(*http.Request, []*http.Request) error) (*http.Client, error) {
	if t.Bool("use_gssapi") {
		return nil, notNative("authentication by GSSAPI")
	}
	transport := &http.Transport{DialContext: (&net.Dialer{Timeout: timeout}).DialContext, DisableCompression: !t.Bool("decompress")}
	if t.Bool("use_proxy") {
		transport.Proxy = t.proxy
	}
	conf := &tls.Config{InsecureSkipVerify: !t.Bool("validate_certs")} //nolint:gosec // the task asks for it
	if ca := t.Str("ca_path"); ca != "" {
		pem, err := os.ReadFile(t.abs(ca))
		if err != nil {
			return nil, err
		}
		conf.RootCAs = x509.NewCertPool()
		conf.RootCAs.AppendCertsFromPEM(pem)
	}
	if cert := t.Str("client_cert"); cert != "" {
		key := t.Str("client_key")
		if key == "" {
			key = cert
		}
		pair, err := tls.LoadX509KeyPair(t.abs(cert), t.abs(key))
		if err != nil {
			return nil, err
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	transport.TLSClientConfig = conf
	var rt http.RoundTripper = transport
	if socket := t.Str("unix_socket"); socket != "" {
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", t.abs(socket))
		}
	}
	return &http.Client{Transport: rt, CheckRedirect: follow, Timeout: timeout}, nil
}

// proxy reads the proxies from the task's environment.
func (t *Task) proxy(r *http.Request) (*url.URL, error) {
	name := r.URL.Scheme + "_proxy"
	value := t.Getenv(name)
	if value == "" {
		value = t.Getenv(strings.ToUpper(name))
	}
	if value == "" {
		return nil, nil
	}
	no := t.Getenv("no_proxy")
	if no == "" {
		no = t.Getenv("NO_PROXY")
	}
	for host := range strings.SplitSeq(no, ",") {
		host = strings.TrimPrefix(strings.TrimSpace(host), ".")
		if host == "*" || host != "" && (r.URL.Hostname() == host || strings.HasSuffix(r.URL.Hostname(), "."+host)) {
			return nil, nil
		}
	}
	if !strings.Contains(value, "://") {
		value = "http://" + value
	}
	return url.Parse(value)
}

// request makes a request with the agent, credentials and headers of the task.
func (t *Task) request(ctx context.Context, method, address string, body io.Reader) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", t.Str("http_agent"))
	user, password := t.Str("url_username"), t.Str("url_password")
	if u := req.URL.User; u != nil && user == "" {
		user = u.Username()
		password, _ = u.Password()
	}
	if user != "" { // a server that does not ask for it does not mind; a second request is saved
		req.SetBasicAuth(user, password)
	}
	req.URL.User = nil
	if t.Bool("force") {
		req.Header.Set("Cache-Control", "no-cache")
	}
	for name, value := range t.Map("headers") {
		if strings.EqualFold(name, "host") {
			req.Host = pyStr(value)
		}
		req.Header.Set(name, pyStr(value))
	}
	return req, nil
}

// httpMessage is Ansible's word for an answer's status.
func httpMessage(resp *http.Response) string {
	_, reason, _ := strings.Cut(resp.Status, " ")
	if resp.StatusCode >= 400 || resp.StatusCode >= 300 {
		return fmt.Sprintf("HTTP Error %d: %s", resp.StatusCode, reason)
	}
	return fmt.Sprintf("OK (%s bytes)", sizeOf(resp))
}

func sizeOf(resp *http.Response) string {
	if n := resp.Header.Get("Content-Length"); n != "" {
		return n
	}
	return "unknown"
}
