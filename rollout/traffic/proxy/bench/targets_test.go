package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"goodstate.dev/goodstate/internal/real"
	"goodstate.dev/goodstate/rollout/traffic"
	"goodstate.dev/goodstate/rollout/traffic/proxy"
)

// target is a proxy that is measured.
type target struct {
	name string
	addr string
	pid  int
}

// ticks of the kernel's process accounting in a second: USER_HZ, 100 on all of Linux's platforms that Go runs on.
const ticks = 100

// cpu is the processor time that the proxy has used, with its children, in seconds.
func (t *target) cpu(b *testing.B) float64 {
	b.Helper()
	pids := []string{strconv.Itoa(t.pid)}
	if kids, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", t.pid, t.pid)); err == nil {
		pids = append(pids, strings.Fields(string(kids))...)
	}
	sum := 0.0
	for _, pid := range pids {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil {
			b.Fatal(err)
		}
		f := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:])) // field 3 (state) is first
		for _, n := range f[11:13] {                                                   // utime, stime
			v, err := strconv.ParseFloat(n, 64)
			if err != nil {
				b.Fatal(err)
			}
			sum += v / ticks
		}
	}
	return sum
}

func freeAddr(b *testing.B) string {
	b.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(real.FreePort(b)))
}

func shortDir(b *testing.B) string {
	b.Helper()
	dir, err := os.MkdirTemp("", "gs")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			b.Error(err)
		}
	})
	return dir
}

func ours(b *testing.B, up string) *target {
	b.Helper()
	dir := shortDir(b)
	c, err := proxy.Ensure(b.Context(), proxy.Options{Dir: dir, Command: []string{"/usr/bin/env", "GOODSTATE_BENCH_PROXY=" + dir, os.Args[0]}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := c.Shutdown(ctx); err != nil {
			b.Error(err)
		}
	})
	r := traffic.Route{
		Service: "shop", Listen: freeAddr(b), Weights: map[string]int{"v1": traffic.Full},
		Backends: []traffic.Backend{{Release: "v1", Instance: "v1-0", URL: "http://" + up}},
	}
	if err := c.Apply(b.Context(), r); err != nil {
		b.Fatal(err)
	}
	pid, err := c.PID(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return &target{"ours", r.Listen, pid}
}

func haproxy(b *testing.B, up string) *target {
	b.Helper()
	bin := real.Need(b, "haproxy", "haproxy")
	addr := freeAddr(b)
	return start(b, "haproxy", addr, fmt.Sprintf(`
global
	maxconn 4096
defaults
	mode http
	timeout connect 3s
	timeout client 75s
	timeout server 60s
	timeout http-request 10s
	option forwardfor
	option http-keep-alive
	http-reuse always
frontend in
	bind %s
	http-request set-header X-Forwarded-Proto http
	http-request set-header X-Forwarded-Host %%[req.hdr(host)]
	http-request set-header X-Goodstate-Release v1
	http-response set-header X-Goodstate-Release v1
	default_backend v1
backend v1
	server v1-0 %s
`, addr, up), bin, "-db", "-f", "FILE")
}

func nginx(b *testing.B, up string) *target {
	b.Helper()
	bin := real.Need(b, "nginx", "nginx")
	addr := freeAddr(b)
	return start(b, "nginx", addr, fmt.Sprintf(`
daemon off;
pid DIR/pid;
error_log stderr;
worker_processes auto;
events { worker_connections 4096; }
http {
	access_log off;
	keepalive_requests 1000000;
	client_body_temp_path DIR/a; proxy_temp_path DIR/b; fastcgi_temp_path DIR/c; uwsgi_temp_path DIR/d; scgi_temp_path DIR/e;
	upstream v1 { server %s; keepalive 256; keepalive_requests 1000000; }
	server {
		listen %s;
		location / {
			proxy_pass http://v1;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_set_header Host $host;
			proxy_set_header X-Forwarded-For $remote_addr;
			proxy_set_header X-Forwarded-Host $host;
			proxy_set_header X-Forwarded-Proto $scheme;
			proxy_set_header X-Goodstate-Release v1;
			add_header X-Goodstate-Release v1;
		}
	}
}
`, up, addr), bin, "-c", "FILE")
}

// start runs a proxy with its configuration until the benchmark ends; FILE and DIR stand for where that lies.
func start(b *testing.B, name, addr, config string, argv ...string) *target {
	b.Helper()
	dir := shortDir(b)
	file := filepath.Join(dir, "config")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(config, "DIR", dir)), 0o600); err != nil {
		b.Fatal(err)
	}
	for i := range argv {
		argv[i] = strings.ReplaceAll(argv[i], "FILE", file)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		err := cmd.Process.Signal(syscall.SIGTERM)
		var exit *exec.ExitError
		if werr := cmd.Wait(); err != nil || (werr != nil && !errors.As(werr, &exit)) {
			b.Errorf("end %s: %v, %v\n%s", name, err, werr, out.String())
		}
	})
	real.Eventually(b, 10*time.Second, name+" accepts connections", func() bool {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return false
		}
		return c.Close() == nil
	})
	return &target{name, addr, cmd.Process.Pid}
}
