package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTrafficIsGoodstatesProxyOrALoadBalancerAndNeverBoth(t *testing.T) {
	const haproxy = "haproxy: {sockets: [/run/h.sock], backend: web, url: 'http://a'}"
	for traffic, says := range map[string]string{
		"{listen: 127.0.0.1:1}":                                  "",
		"{" + haproxy + "}":                                      "",
		"{sticky: none}":                                         "traffic.listen: is missing",
		"{listen: 127.0.0.1:1, " + haproxy + "}":                 "only one of them can",
		"{haproxxy: {}}":                                         "did you mean haproxy",
		"{haproxy: {backend: web, url: 'http://a'}}":             "sockets: is missing",
		"{haproxy: {sockets: [s], backend: w, url: 'http://a'}}": "neither the absolute path",
	} {
		path := filepath.Join(t.TempDir(), ConfigName)
		text := "services: {web: {run: a, health: {tcp: {}}, judge: {limits: [requests < 1/s for 1m]}, traffic: " + traffic + "}}\n"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(path)
		if says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("traffic: %s: %v, want %q", traffic, err, says)
		}
	}
}

func TestALimitThatHAProxyCannotTellIsRefused(t *testing.T) {
	for ring, refused := range map[string]bool{"": true, ", ring: r": false} {
		path := filepath.Join(t.TempDir(), ConfigName)
		text := "services: {web: {run: a, health: {tcp: {}}, judge: {limits: [p99 > 1s for 1m]}, traffic: {haproxy: {sockets: [/s], backend: web, url: 'http://a'" + ring + "}}}}\n"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path); (err != nil) != refused {
			t.Errorf("ring %q: %v, want refused: %v", ring, err, refused)
		}
	}
}
