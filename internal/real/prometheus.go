package real

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Prometheus starts a scratch Prometheus on loopback that asks the targets for /metrics five times a second, and returns its address.
// A target is host:port, or the http:// address of a list of targets. Alerting and rules may be "": else they are the part of its
// configuration that names Alertmanagers, and its file of rules. The address is empty where WITHOUT has prometheus.
func Prometheus(t testing.TB, targets []string, alerting, rules string) (address string, stop func()) {
	t.Helper()
	program := Need(t, "prometheus")
	if program == "" {
		return "", func() {}
	}
	s := newScratch(t, "prometheus")
	conf := "global: {scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms}\n" + alerting + "scrape_configs:\n- job_name: test\n"
	for _, target := range targets {
		if strings.HasPrefix(target, "http://") {
			conf += "  http_sd_configs: [{url: '" + target + "', refresh_interval: 200ms}]\n"
		} else {
			conf += "  static_configs: [{targets: ['" + target + "']}]\n"
		}
	}
	files := map[string]string{"prometheus.yml": conf}
	if rules != "" {
		files["rules.yml"] = rules
		files["prometheus.yml"] += "rule_files: [rules.yml]\n"
	}
	s.write(t, files)
	port := FreePort(t)
	srv := s.start(t, syscall.SIGTERM, program, "--config.file="+filepath.Join(s.dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(s.dir, "data"),
		fmt.Sprintf("--web.listen-address=127.0.0.1:%d", port), "--query.timeout=20s")
	address = fmt.Sprintf("http://127.0.0.1:%d", port)
	srv.ready(t, func() error { return answersOK(address + "/-/ready") })
	return address, func() {
		_ = srv.cmd.Process.Signal(syscall.SIGKILL) // the cleanup says so if it stays
		<-srv.ended
	}
}

// Alertmanager starts a scratch Alertmanager on loopback with this configuration, and returns its host:port; empty where WITHOUT has prometheus-alertmanager.
func Alertmanager(t testing.TB, configuration string) string {
	t.Helper()
	program := Need(t, "prometheus-alertmanager")
	if program == "" {
		return ""
	}
	s := newScratch(t, "prometheus")
	s.write(t, map[string]string{"alertmanager.yml": configuration})
	port := FreePort(t)
	srv := s.start(t, syscall.SIGTERM, program, "--config.file="+filepath.Join(s.dir, "alertmanager.yml"), "--storage.path="+filepath.Join(s.dir, "data"),
		fmt.Sprintf("--web.listen-address=127.0.0.1:%d", port), "--cluster.listen-address=")
	address := fmt.Sprintf("127.0.0.1:%d", port)
	srv.ready(t, func() error { return answersOK("http://" + address + "/-/ready") })
	return address
}

// write puts files into the folder, readable for the server's account.
func (s scratch) write(t testing.TB, files map[string]string) {
	t.Helper()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o644); err != nil { //nolint:gosec // the server's account reads it
			t.Fatalf("writing %s: %v", name, err)
		}
	}
}

func answersOK(url string) error {
	res, err := http.Get(url)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", url, res.Status)
	}
	return nil
}
