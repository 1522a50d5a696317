package proxy

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"goodstate.dev/goodstate/rollout/traffic"
)

// certs is a certificate on disk that is read again when its files change. A pair that cannot be read, as between the writing of
// the one and of the other file, leaves the former in force.
type certs struct {
	files  traffic.TLS
	log    *slog.Logger
	config *tls.Config

	mu     sync.Mutex
	cert   *tls.Certificate
	stamp  stamp
	failed stamp     // files that were read and are bad
	looked time.Time // when the files were last looked at
}

// stamp changes when one of the files does.
type stamp struct {
	certTime, keyTime time.Time
	certSize, keySize int64
}

const lookAtCerts = time.Second

func openCerts(files traffic.TLS, log *slog.Logger) (*certs, error) {
	c := &certs{files: files, log: log}
	c.config = &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current(time.Now()), nil },
	}
	at, err := c.look()
	if err != nil {
		return nil, err
	}
	if err := c.read(at); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *certs) look() (stamp, error) {
	cert, err := os.Stat(c.files.Cert)
	if err != nil {
		return stamp{}, fmt.Errorf("certificate: %w", err)
	}
	key, err := os.Stat(c.files.Key)
	if err != nil {
		return stamp{}, fmt.Errorf("key of the certificate: %w", err)
	}
	return stamp{cert.ModTime(), key.ModTime(), cert.Size(), key.Size()}, nil
}

func (c *certs) read(at stamp) error {
	pair, err := tls.LoadX509KeyPair(c.files.Cert, c.files.Key)
	if err != nil {
		return fmt.Errorf("certificate %s with key %s: %w", c.files.Cert, c.files.Key, err)
	}
	c.cert, c.stamp = &pair, at
	return nil
}

// current is the certificate to show.
func (c *certs) current(now time.Time) *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.looked) < lookAtCerts {
		return c.cert
	}
	c.looked = now
	at, err := c.look()
	if err == nil && (at == c.stamp || at == c.failed) {
		return c.cert
	}
	if err == nil {
		err = c.read(at)
	}
	if err != nil {
		c.failed = at
		c.log.Warn("the certificate changed and cannot be read, the former stays in force", "error", err)
		return c.cert
	}
	c.log.Info("certificate read again", "cert", c.files.Cert)
	return c.cert
}
