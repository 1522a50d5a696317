package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"goodstate.dev/goodstate/web"
)

// Server says where the dashboard is offered.
type Server struct {
	Listen  string   `yaml:"listen" json:"listen" default:"127.0.0.1:7070" help:"address of the dashboard and of the API, host:port; none offers them on the data directory's socket only"`
	Cert    string   `yaml:"cert" json:"cert,omitempty" help:"file with the TLS certificate chain in PEM; with key, the dashboard speaks HTTPS"`
	Key     string   `yaml:"key" json:"key,omitempty" help:"file with the TLS private key in PEM"`
	Proxies []string `yaml:"proxies" json:"proxies,omitempty" help:"addresses or networks of reverse proxies that are believed who asks and whether TLS is spoken" example:"[10.0.0.0/8]"`
	URL     string   `yaml:"url" json:"url,omitempty" help:"address at which people reach the dashboard, for the links in notices" example:"https://goodstate.example.org"`
}

// noServer is the value of listen that offers no pages.
const noServer = "none"

// Validate reports what would send passwords in the clear, and what cannot be read.
func (s *Server) Validate(report func(path, message string)) {
	if (s.Cert == "") != (s.Key == "") {
		report("cert", "cert and key go together")
	}
	if _, err := s.trusted(); err != nil {
		report("proxies", err.Error())
	}
	if u, err := url.Parse(s.URL); s.URL != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		report("url", fmt.Sprintf("%q, want an address that begins with https:// or http://", s.URL))
	}
	if s.Listen == noServer {
		return
	}
	host, _, err := net.SplitHostPort(s.Listen)
	if err != nil {
		report("listen", fmt.Sprintf("%q, want host:port, such as 127.0.0.1:7070", s.Listen))
		return
	}
	ip, err := netip.ParseAddr(host)
	if loopback := host == "localhost" || err == nil && ip.IsLoopback(); !loopback && s.Cert == "" && len(s.Proxies) == 0 {
		report("listen", s.Listen+" is reached from other machines, and passwords would travel in the clear: set cert and key, or proxies when a reverse proxy speaks TLS")
	}
}

func (s *Server) trusted() ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range s.Proxies {
		if ip, err := netip.ParseAddr(text); err == nil {
			out = append(out, netip.PrefixFrom(ip, ip.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%q is no address and no network, such as 10.0.0.5 or 10.0.0.0/8", text)
		}
		out = append(out, p)
	}
	return out, nil
}

// Listen offers the pages and the API on the network, as the configuration's server says, and tells at which address; empty: on none.
func (a *App) Listen(ctx context.Context) (address string, err error) {
	conf := a.Config.Server
	if conf.Listen == noServer {
		return "", nil
	}
	proxies, err := conf.trusted()
	if err != nil {
		return "", err
	}
	pages, err := web.New(web.Options{
		Rollouts: a.Rollouts, Backups: a.Backups, Desk: a.Desk, Drift: a.Drift.Book, Control: a.Drift, Engine: a.Engine, Journal: a.Journal, Store: a.Store, Auth: a.Auth, Audit: a.handed, Results: a.Results, Links: a.Links, API: a.api, Webhooks: a.hooked, Proxies: proxies, Log: a.log,
		Alerts: a.Config.Alerts, Secret: a.Rollouts.Secret,
	})
	if err != nil {
		return "", err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", conf.Listen)
	if err != nil {
		return "", fmt.Errorf("offer the dashboard: %w; choose another address with server.listen, or none", err)
	}
	scheme := "http"
	server := &http.Server{Handler: pages, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelWarn)}
	if conf.Cert != "" {
		// Read at each handshake, so that a renewed certificate counts at once.
		load := func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(conf.Cert, conf.Key)
			return &pair, err
		}
		if _, err := load(nil); err != nil {
			return "", errors.Join(fmt.Errorf("certificate of the dashboard: %w", err), l.Close())
		}
		server.TLSConfig = &tls.Config{GetCertificate: load, MinVersion: tls.VersionTLS12}
		scheme = "https"
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if server.TLSConfig != nil {
			_ = server.ServeTLS(l, "", "") // ends with Close below
			return
		}
		_ = server.Serve(l) // ends with Close below
	}()
	a.stops = append(a.stops, func() error {
		err := server.Close()
		<-done
		return err
	})
	return scheme + "://" + l.Addr().String(), nil
}

// link is the address of a page for people, when it is known.
func (s *Server) link(path string) string {
	if s.URL == "" {
		return ""
	}
	path, query, _ := strings.Cut(path, "?")
	u, err := url.JoinPath(s.URL, path)
	if err != nil {
		return ""
	}
	if query != "" {
		u += "?" + query
	}
	return u
}
