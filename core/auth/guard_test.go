package auth

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// site is a server with a login, a page for viewers and a button for operators, behind a guard.
func site(g *Guard) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		s, err := g.auth.Login(r.Context(), r.PostFormValue("name"), r.PostFormValue("password"), g.ClientAddress(r))
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		g.SetCookie(w, r, s)
	})
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		if err := g.Logout(w, r); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	mux.Handle("GET /{$}", g.Require(View, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := PrincipalFrom(r.Context())
		fmt.Fprintf(w, "%s %s %s %s", p.Name, p.Role, p.Via, CSRFToken(r.Context()))
	})))
	mux.Handle("POST /rollback", g.Require(Rollback, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "going back") })))
	return g.Handler(mux)
}

// browser keeps cookies.
type browser struct {
	t      *testing.T
	client *http.Client
	base   string
}

func (b browser) get(path string) (int, string) {
	b.t.Helper()
	return b.do(http.MethodGet, path, nil, nil)
}

func (b browser) post(path string, header http.Header, pairs ...string) (int, string) {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return b.do(http.MethodPost, path, header, form)
}

func (b browser) do(method, path string, header http.Header, form url.Values) (int, string) {
	b.t.Helper()
	request, err := http.NewRequestWithContext(b.t.Context(), method, b.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	if header != nil {
		request.Header = header
	}
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := b.client.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return response.StatusCode, strings.TrimSpace(string(body))
}

func openSite(t *testing.T, role Role) (browser, *Auth) {
	t.Helper()
	a, _, _ := newAuth(t)
	addUser(t, a, "mia", role)
	server := httptest.NewServer(site(NewGuard(a)))
	t.Cleanup(server.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := server.Client()
	client.Jar = jar
	return browser{t, client, server.URL}, a
}

// logIn returns the CSRF token of the session.
func (b browser) logIn() string {
	b.t.Helper()
	if status, body := b.post("/login", nil, "name", "mia", "password", goodPassword); status != http.StatusOK {
		b.t.Fatalf("login: %d %s", status, body)
	}
	status, body := b.get("/")
	words := strings.Fields(body)
	if status != http.StatusOK || len(words) != 4 {
		b.t.Fatalf("page: %d %s", status, body)
	}
	return words[3]
}

func TestNobodySeesAnythingBeforeTheLogin(t *testing.T) {
	b, _ := openSite(t, Operator)
	if status, body := b.get("/"); status != http.StatusUnauthorized || body != "log in first" {
		t.Errorf("page: %d %s", status, body)
	}
	if status, _ := b.post("/rollback", nil); status != http.StatusUnauthorized {
		t.Errorf("button: %d", status)
	}
	if status, body := b.post("/login", nil, "name", "mia", "password", "wrong password"); status != http.StatusUnauthorized || body != ErrBadLogin.Error() {
		t.Errorf("wrong login: %d %s", status, body)
	}
}

func TestAnOperatorPressesTheButtonWithTheTokenOfTheSession(t *testing.T) {
	b, _ := openSite(t, Operator)
	csrf := b.logIn()
	if status, body := b.post("/rollback", nil, CSRFField, csrf); status != http.StatusOK || body != "going back" {
		t.Errorf("form: %d %s", status, body)
	}
	if status, body := b.post("/rollback", http.Header{CSRFHeader: {csrf}, "Sec-Fetch-Site": {"same-origin"}}); status != http.StatusOK {
		t.Errorf("script: %d %s", status, body)
	}
}

func TestForgedRequestsAreTurnedAway(t *testing.T) {
	b, a := openSite(t, Operator)
	csrf := b.logIn()
	addUser(t, a, "jo", Operator)
	foreign := csrfToken(login(t, a, "jo").Token)
	for why, send := range map[string]func() (int, string){
		"no token":                 func() (int, string) { return b.post("/rollback", nil) },
		"empty token":              func() (int, string) { return b.post("/rollback", nil, CSRFField, "") },
		"token of another session": func() (int, string) { return b.post("/rollback", nil, CSRFField, foreign) },
		"another site, by the browser's word": func() (int, string) {
			return b.post("/rollback", http.Header{"Sec-Fetch-Site": {"cross-site"}}, CSRFField, csrf)
		},
		"another origin": func() (int, string) {
			return b.post("/rollback", http.Header{"Origin": {"https://evil.example"}}, CSRFField, csrf)
		},
		"login from another site": func() (int, string) {
			return b.post("/login", http.Header{"Sec-Fetch-Site": {"cross-site"}}, "name", "mia", "password", goodPassword)
		},
		"a huge form": func() (int, string) {
			return b.post("/rollback", nil, "a", strings.Repeat("x", 2*formMost), CSRFField, csrf)
		},
	} {
		if status, body := send(); status != http.StatusForbidden {
			t.Errorf("%s: %d %s, want 403", why, status, body)
		}
	}
}

func TestAViewerIsRefusedAndToldWhy(t *testing.T) {
	b, _ := openSite(t, Viewer)
	csrf := b.logIn()
	if status, body := b.post("/rollback", nil, CSRFField, csrf); status != http.StatusForbidden || body != "mia is viewer; rollback needs operator" {
		t.Errorf("%d %s", status, body)
	}
}

func TestLoggingOutEndsTheSessionInTheBrowserToo(t *testing.T) {
	b, _ := openSite(t, Viewer)
	csrf := b.logIn()
	if status, body := b.post("/logout", nil, CSRFField, csrf); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	if status, _ := b.get("/"); status != http.StatusUnauthorized {
		t.Errorf("page after the logout: %d", status)
	}
	at, err := url.Parse(b.base)
	if err != nil {
		t.Fatal(err)
	}
	if cookies := b.client.Jar.Cookies(at); len(cookies) != 0 {
		t.Errorf("cookies are left: %v", cookies)
	}
}

func TestTheCookieCannotBeReadByScriptsOrSentInTheClear(t *testing.T) {
	a, _, _ := newAuth(t)
	g := NewGuard(a)
	g.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, c := range []struct {
		why    string
		from   string
		tls    bool
		proto  string
		secure bool
	}{
		{"plain", "192.0.2.1:1234", false, "", false},
		{"TLS", "192.0.2.1:1234", true, "", true},
		{"a trusted proxy had TLS", "10.1.2.3:1234", false, "https", true},
		{"anybody says so", "192.0.2.1:1234", false, "https", false},
	} {
		t.Run(c.why, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://goodstate.example/", nil)
			r.RemoteAddr = c.from
			r.Header.Set("X-Forwarded-Proto", c.proto)
			if c.tls {
				r.TLS = &tls.ConnectionState{}
			}
			w := httptest.NewRecorder()
			g.SetCookie(w, r, Session{Token: "token"})
			cookie := w.Result().Cookies()[0]
			if cookie.Name != CookieName || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || cookie.Secure != c.secure {
				t.Errorf("cookie is %+v", cookie)
			}
		})
	}
}

func TestTheClientsAddressIsBelievedOnlyFromTrustedProxies(t *testing.T) {
	g := &Guard{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	for _, c := range []struct{ why, from, forwarded, want string }{
		{"direct", "192.0.2.1:1", "", "192.0.2.1"},
		{"a liar", "192.0.2.1:1", "203.0.113.9", "192.0.2.1"},
		{"through a proxy", "10.0.0.1:1", "203.0.113.9", "203.0.113.9"},
		{"through two", "10.0.0.1:1", "203.0.113.9, 10.0.0.2", "203.0.113.9"},
		{"a liar through a proxy", "10.0.0.1:1", "127.0.0.1, 203.0.113.9", "203.0.113.9"},
		{"nonsense", "10.0.0.1:1", "me", "10.0.0.1"},
		{"IPv6", "[2001:db8::1]:1", "", "2001:db8::1"},
	} {
		r := &http.Request{RemoteAddr: c.from, Header: http.Header{}}
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		if got := g.ClientAddress(r); got != c.want {
			t.Errorf("%s: %s, want %s", c.why, got, c.want)
		}
	}
}

func TestTheOwnerOfTheSocketNeedsNoLogin(t *testing.T) {
	a, _, _ := newAuth(t)
	dir, err := os.MkdirTemp("", "gs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	path := filepath.Join(dir, "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(site(NewGuard(a)))
	if err := server.Listener.Close(); err != nil {
		t.Fatal(err)
	}
	server.Listener, server.Config.ConnContext = listener, ConnContext
	server.Start()
	t.Cleanup(server.Close)
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	b := browser{t, &http.Client{Transport: transport}, "http://goodstate"}
	want := accountName(uint32(os.Geteuid())) + " admin socket"
	if status, body := b.get("/"); status != http.StatusOK || body != want {
		t.Errorf("%d %s, want %s", status, body, want)
	}
	if status, body := b.post("/rollback", nil); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
}

func TestOnlyTheSameAccountAndRootOwnTheSocket(t *testing.T) {
	for _, c := range []struct {
		uid    uint32
		server int
		want   bool
	}{{0, 1000, true}, {1000, 1000, true}, {1001, 1000, false}, {1000, 0, false}, {1000, -1, false}, {4294967295, -1, false}} {
		if got := owner(c.uid, c.server); got != c.want {
			t.Errorf("uid %d at a server of %d: %v, want %v", c.uid, c.server, got, c.want)
		}
	}
	g := &Guard{}
	ctx := context.WithValue(t.Context(), strangerKey{}, "uid 1001 is not the owner of this server")
	w := httptest.NewRecorder()
	g.Require(View, http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil))
	if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "not the owner") {
		t.Errorf("a stranger got %d %s", w.Code, w.Body)
	}
}

func TestConnectionsThatAreNoSocketAreLeftAlone(t *testing.T) {
	near, far := net.Pipe()
	t.Cleanup(func() {
		if err := near.Close(); err != nil {
			t.Error(err)
		}
		if err := far.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, ok := PrincipalFrom(ConnContext(t.Context(), near)); ok {
		t.Error("a pipe was recognised as the owner")
	}
}
