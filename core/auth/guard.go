package auth

import (
	"context"
	"crypto/subtle"
	"errors"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Names that pages and clients need.
const (
	CookieName = "goodstate_session"
	CSRFField  = "csrf"         // form field with CSRFToken
	CSRFHeader = "X-CSRF-Token" // the same for scripts
)

// formMost bounds the body of a form, in bytes.
const formMost = 1 << 20

// Guard is the door of an HTTP server: it recognises who is asking and turns away requests that another site made a browser send.
type Guard struct {
	// TrustedProxies are believed what they say in X-Forwarded-For and X-Forwarded-Proto; nobody else is.
	TrustedProxies []netip.Prefix
	// Denied answers a request that is turned away, with 401, 403 or 500 and the reason in words. Nil answers in plain text.
	Denied func(w http.ResponseWriter, r *http.Request, status int, why string)

	auth   *Auth
	origin *http.CrossOriginProtection
}

// NewGuard returns a guard that knows the sessions of a.
func NewGuard(a *Auth) *Guard {
	return &Guard{auth: a, origin: http.NewCrossOriginProtection()}
}

type csrfKey struct{}

// CSRFToken returns what the forms of this request's session have to send back in CSRFField; empty if there is no session.
func CSRFToken(ctx context.Context) string {
	token, _ := ctx.Value(csrfKey{}).(string)
	return token
}

// Handler recognises who is asking and passes everything on to next, also requests of nobody (the login page is for them): wrap what needs more with Require.
// A changing request (not GET, HEAD or OPTIONS) of a browser must come from our own pages: by the browser's word (Sec-Fetch-Site or Origin), and, if it
// has a session, by the session's CSRF token in a form (application/x-www-form-urlencoded) or in the header. Requests through the Unix socket need neither.
func (g *Guard) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p, ok := PrincipalFrom(r.Context()); ok && p.Via == ViaSocket {
			next.ServeHTTP(w, r)
			return
		}
		if err := g.origin.Check(r); err != nil {
			g.deny(w, r, http.StatusForbidden, "this request came from another site; open the page here and try again")
			return
		}
		token := sessionToken(r)
		if token == "" {
			next.ServeHTTP(w, r)
			return
		}
		p, err := g.auth.Session(r.Context(), token)
		switch {
		case errors.Is(err, ErrNoSession):
			g.ClearCookie(w, r)
			next.ServeHTTP(w, r)
			return
		case err != nil:
			g.auth.log.ErrorContext(r.Context(), "session not looked up", slog.Any("error", err))
			g.deny(w, r, http.StatusInternalServerError, "the session could not be looked up; the server's log says why")
			return
		}
		csrf := csrfToken(token)
		if changes(r) && !sameText(csrf, sentCSRF(w, r)) {
			g.deny(w, r, http.StatusForbidden, "the form does not belong to this session; reload the page and try again")
			return
		}
		ctx := context.WithValue(WithPrincipal(r.Context(), p), csrfKey{}, csrf)
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// Require passes on to next who may do the action, and turns away everybody else.
func (g *Guard) Require(action Action, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, ok := PrincipalFrom(r.Context())
		switch stranger := strangerFrom(r.Context()); {
		case !ok && stranger != "":
			g.deny(w, r, http.StatusForbidden, stranger)
		case !ok:
			g.deny(w, r, http.StatusUnauthorized, "log in first")
		case !p.Can(action):
			g.deny(w, r, http.StatusForbidden, p.Name+" is "+string(p.Role)+"; "+string(action)+" needs "+string(lowest[action]))
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// SetCookie gives the browser its session.
func (g *Guard) SetCookie(w http.ResponseWriter, r *http.Request, s Session) {
	http.SetCookie(w, g.cookie(r, s.Token, int(SessionMost.Seconds())))
}

// ClearCookie takes the session away from the browser.
func (g *Guard) ClearCookie(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, g.cookie(r, "", -1))
}

// Logout ends the request's session and takes it away from the browser.
func (g *Guard) Logout(w http.ResponseWriter, r *http.Request) error {
	g.ClearCookie(w, r)
	return g.auth.Logout(r.Context(), sessionToken(r))
}

func (g *Guard) cookie(r *http.Request, value string, age int) *http.Cookie {
	return &http.Cookie{
		Name: CookieName, Value: value, Path: "/", MaxAge: age,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: g.secure(r),
	}
}

// secure says whether the browser reached us through TLS.
func (g *Guard) secure(r *http.Request) bool {
	return r.TLS != nil || g.trusted(remote(r)) && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

// ClientAddress returns the address of whoever sent the request: the last one in X-Forwarded-For that is no trusted proxy, if a trusted proxy
// sent it, else the other end of the connection.
func (g *Guard) ClientAddress(r *http.Request) string {
	address := remote(r)
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		ip, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil || !g.trusted(address) {
			break
		}
		address = ip.Unmap().String()
	}
	return address
}

func (g *Guard) trusted(address string) bool {
	ip, err := netip.ParseAddr(address)
	return err == nil && slices.ContainsFunc(g.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(ip.Unmap()) })
}

func (g *Guard) deny(w http.ResponseWriter, r *http.Request, status int, why string) {
	if g.Denied != nil {
		g.Denied(w, r, status, why)
		return
	}
	http.Error(w, why, status)
}

func remote(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

func changes(r *http.Request) bool {
	return r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodOptions
}

func sessionToken(r *http.Request) string {
	c, err := r.Cookie(CookieName)
	if err != nil {
		return ""
	}
	return c.Value
}

// sentCSRF finds the token in the header or in a form; other bodies are left unread.
func sentCSRF(w http.ResponseWriter, r *http.Request) string {
	if token := r.Header.Get(CSRFHeader); token != "" {
		return token
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return ""
	}
	r.Body = http.MaxBytesReader(w, r.Body, formMost)
	return r.PostFormValue(CSRFField)
}

func sameText(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
