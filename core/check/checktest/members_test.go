package checktest_test

import (
	"database/sql"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"google.golang.org/grpc"
	grpchealth "google.golang.org/grpc/health"
	health "google.golang.org/grpc/health/grpc_health_v1"

	"goodstate.dev/goodstate/core/check"
	"goodstate.dev/goodstate/core/check/checktest"
	"goodstate.dev/goodstate/internal/real"
)

type settings = map[string]any

const vegeta = `{"latencies":{"95th":200000000},"requests":50,"rate":10,"success":1}`

func TestEveryKindOfCheckKeepsTheContract(t *testing.T) {
	shop := check.Target{BaseURL: website(t), Dir: t.TempDir()}
	mute := check.Target{BaseURL: "http://" + silent(t), Dir: t.TempDir()}
	rpc := check.Target{BaseURL: "http://" + grpcServer(t)}
	book := database(t)
	secret := settings{"secret": "token"}
	metrics, _ := real.Prometheus(t, []string{closed(t)}, "", "")
	checktest.Run(t,
		checktest.Member{
			Kind:  "prometheus",
			Good:  checktest.Look{Settings: settings{"url": metrics, "token": secret, "query": "vector(1)", "want": ">= 100%"}},
			Bad:   checktest.Look{Settings: settings{"url": metrics, "token": secret, "query": "vector(1)", "want": "< 1"}},
			Never: checktest.Look{Settings: settings{"url": "http://" + silent(t), "query": "vector(1)", "want": "< 1"}},
			Apart: true,
		},
		checktest.Member{
			Kind:  "load",
			Good:  checktest.Look{Settings: settings{"run": "echo '" + vegeta + "'", "format": "vegeta", "limits": []string{"p95 < 300ms", "errors < 1%"}}, Target: shop},
			Bad:   checktest.Look{Settings: settings{"run": "echo '" + vegeta + "'", "format": "vegeta", "limits": []string{"p95 < 100ms"}}, Target: shop},
			Never: checktest.Look{Settings: settings{"run": "sleep 600", "format": "vegeta", "limits": []string{"p95 < 100ms"}}, Target: shop},
		},
		checktest.Member{
			Kind:  "http",
			Good:  checktest.Look{Settings: settings{"url": "/healthz", "headers": settings{"X-Token": secret}}, Target: shop},
			Bad:   checktest.Look{Settings: settings{"url": "/broken", "headers": settings{"X-Token": secret}}, Target: shop},
			Never: checktest.Look{Settings: settings{"url": "/healthz"}, Target: mute},
		},
		checktest.Member{
			Kind:  "tcp",
			Good:  checktest.Look{Target: shop},
			Bad:   checktest.Look{Settings: settings{"address": closed(t)}},
			Never: checktest.Look{Settings: settings{"send": "PING", "expect": "PONG"}, Target: mute},
		},
		checktest.Member{
			Kind:  "grpc",
			Good:  checktest.Look{Settings: settings{"service": "shop.Orders"}, Target: rpc},
			Bad:   checktest.Look{Settings: settings{"service": "shop.Stock"}, Target: rpc},
			Never: checktest.Look{Target: mute},
		},
		checktest.Member{
			Kind:  "command",
			Good:  checktest.Look{Settings: settings{"run": "exit 0"}, Target: shop},
			Bad:   checktest.Look{Settings: settings{"run": "echo no stock; exit 1"}, Target: shop},
			Never: checktest.Look{Settings: settings{"run": "sleep 600"}, Target: shop},
		},
		checktest.Member{
			Kind:  "test",
			Good:  checktest.Look{Settings: settings{"run": "echo '1..1\nok 1 - pays'", "format": "tap"}, Target: shop},
			Bad:   checktest.Look{Settings: settings{"run": "echo '1..1\nnot ok 1 - pays'; exit 1", "format": "tap"}, Target: shop},
			Never: checktest.Look{Settings: settings{"run": "sleep 600", "format": "tap"}, Target: shop},
		},
		checktest.Member{
			Kind: "sql",
			Good: checktest.Look{Settings: settings{"driver": "sqlite", "dsn": book, "query": "SELECT count(*) FROM users", "expect": "2"}},
			Bad:  checktest.Look{Settings: settings{"driver": "sqlite", "dsn": book, "query": "SELECT count(*) FROM orders"}},
			Never: checktest.Look{Settings: settings{
				"driver": "postgres", "dsn": "postgres://ann@" + silent(t) + "/shop?sslmode=disable",
			}},
		},
		checktest.Member{
			Kind: "journey",
			Good: checktest.Look{Settings: settings{"steps": []settings{
				{"url": "/login", "form": settings{"user": "ann", "password": secret}},
				{"url": "/healthz"},
			}}, Target: shop},
			Bad: checktest.Look{Settings: settings{"steps": []settings{
				{"url": "/login", "form": settings{"user": "ann", "password": secret}},
				{"url": "/broken"},
			}}, Target: shop},
			Never: checktest.Look{Settings: settings{"steps": []settings{{"url": "/"}}}, Target: mute},
		},
	)
}

func website(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("/broken", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no database", http.StatusServiceUnavailable)
	})
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("password") != checktest.SecretValue {
			http.Error(w, "who are you?", http.StatusForbidden)
		}
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

// silent accepts connections and never says anything.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		var open []net.Conn
		for {
			conn, err := l.Accept()
			if err != nil {
				break // the test is over
			}
			open = append(open, conn)
		}
		for _, conn := range open {
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

func closed(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("127.0.0.1:%d", real.FreePort(t))
}

func grpcServer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	states := grpchealth.NewServer()
	states.SetServingStatus("shop.Orders", health.HealthCheckResponse_SERVING)
	states.SetServingStatus("shop.Stock", health.HealthCheckResponse_NOT_SERVING)
	s := grpc.NewServer()
	health.RegisterHealthServer(s, states)
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Stop()
		if err := <-ended; err != nil {
			t.Errorf("the gRPC server: %v", err)
		}
	})
	return l.Addr().String()
}

func database(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shop.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE users (name TEXT); INSERT INTO users VALUES ('ann'), ('bob')"); err != nil {
		t.Fatal(err)
	}
	return path
}
