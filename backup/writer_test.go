package backup_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"goodstate.dev/goodstate/backup"
	"goodstate.dev/goodstate/backup/plan"
	"goodstate.dev/goodstate/backup/storage"
	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/internal/real"
)

// withoutDeletes is a gate in front of an S3 server that refuses what a policy without s3:DeleteObject refuses.
func withoutDeletes(t *testing.T, server *real.S3) string {
	t.Helper()
	u, err := url.Parse(server.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	next := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u); r.Out.Host = r.In.Host }} // the name is in the signature
	gate := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete || r.Method == http.MethodPost && r.URL.Query().Has("delete") {
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>`)) // who asked may be gone
			return
		}
		next.ServeHTTP(w, r)
	}))
	t.Cleanup(gate.Close)
	return gate.URL
}

func TestAWriterThatMayNotDeleteCopiesAndMaintenanceDeletes(t *testing.T) {
	server := real.StartS3(t)
	server.Bucket(t, "backup", false)
	at := func(endpoint string) config.Choice[storage.Place] {
		place, err := config.Choose[storage.Place]("s3", map[string]any{
			"endpoint": endpoint, "bucket": "backup", "region": "us-east-1", "access_key": map[string]any{"secret": "id"}, "secret_key": map[string]any{"secret": "key"},
		})
		if err != nil {
			t.Fatal(err)
		}
		return place
	}
	s := shopIn(t, t.TempDir(), at(withoutDeletes(t, server)), func(_ context.Context, name string) (string, error) {
		return map[string]string{"id": server.ID, "key": server.Key, "backup": password}[name], nil
	})
	for n := range 3 {
		s.must(os.WriteFile(filepath.Join(s.files, "a"), []byte(text(n+1, 64)), 0o600))
		s.copy() // its locks stay, and stand in nobody's way
	}
	do := func(kind, name string) run.Info {
		info, err := s.b.Start(t.Context(), kind, name, "ann", "", backup.Request{})
		s.must(err)
		info, err = s.b.Engine.Wait(t.Context(), info.ID)
		s.must(err)
		return info
	}
	a, _ := s.b.Config.Applications.Get("shop")
	a.Keep = plan.Keep{Last: 1}
	s.b.Config.Applications.Set("shop", a)
	if info := do(backup.KindPrune, "main"); info.State == run.Succeeded || !strings.Contains(info.Error, "refuses") {
		t.Errorf("the writer prunes: %s %s", info.State, info.Error)
	}
	if info := do(backup.KindForget, "shop"); info.State == run.Succeeded || s.points() != 3 {
		t.Errorf("the writer forgets: %s, %d points are left", info.State, s.points())
	}
	conf, _ := s.b.Config.Repositories.Get("main")
	conf.Maintenance = at(server.Endpoint)
	s.b.Config.Repositories.Set("main", conf)
	if info := do(backup.KindForget, "shop"); info.State != run.Succeeded || s.points() != 1 {
		t.Errorf("maintenance does not forget: %s %s, %d points are left", info.State, info.Error, s.points())
	}
	if info := do(backup.KindPrune, "main"); info.State != run.Succeeded || !strings.Contains(string(info.Result), `"removed"`) {
		t.Errorf("maintenance does not prune: %s %s %s", info.State, info.Error, info.Result)
	}
	s.copy()
	s.judged([]string{"AWS_ACCESS_KEY_ID=" + server.ID, "AWS_SECRET_ACCESS_KEY=" + server.Key}, "-r", fmt.Sprintf("s3:%s/backup", server.Endpoint))
}
