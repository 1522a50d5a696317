package web

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/core/store"
	"goodstate.dev/goodstate/drift/desk"
	"goodstate.dev/goodstate/drift/record"
)

func TestPagesOfPlaybooksOfferWhatTheProjectAllows(t *testing.T) {
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	st, err := store.Open(ctx, filepath.Join(t.TempDir(), "data"))
	must(err)
	t.Cleanup(func() { _ = st.Close() }) // the folder goes with the test
	j := journal.New(st)
	e, err := run.Open(ctx, st, j, run.Options{})
	must(err)
	d, err := desk.New(desk.Options{Store: st, Engine: e, Journal: j, Log: slog.New(slog.DiscardHandler)})
	must(err)
	must(e.Launch(ctx))
	t.Cleanup(func() { _ = e.Close(context.Background()) }) // no run is under way
	repo := t.TempDir()
	must(os.WriteFile(filepath.Join(repo, "site.yml"), []byte("- hosts: all\n  gather_facts: false\n  connection: local\n  tasks:\n    - ansible.builtin.debug: {msg: '<script>'}\n"), 0o600))
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}, {"-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "-m", "p"}} {
		out, err := exec.Command("git", append([]string{"-C", repo}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("git: %v %s", err, out)
		}
	}
	must(d.PutProject(ctx, "anna", desk.Project{Name: "web", Repository: repo, Local: true, Roles: map[string]auth.Role{"vito": auth.Operator}}))
	_, err = d.Pull(ctx, "anna", "web")
	must(err)
	must(d.PutInventory(ctx, "anna", desk.Inventory{Project: "web", Name: "h", Text: "h1\n"}))
	must(d.PutCredential(ctx, "anna", desk.Credential{Project: "web", Name: "login"}, desk.Values{Password: "correct horse"}))
	must(d.PutTemplate(ctx, "anna", desk.Template{Project: "web", Name: "t", Playbook: "site.yml", Inventory: "h", Survey: []desk.Question{{Variable: "n", Ask: "How <many>", Kind: desk.Integer, Default: "3"}}}))
	book, err := record.Open(st)
	must(err)
	s := &site{Options: Options{Desk: d, Drift: book, Engine: e, Store: st, Journal: j, Log: slog.New(slog.DiscardHandler)}, states: map[string]seen{}}
	must(s.load())
	page := func(who, value string, make func(*http.Request) (view, error)) string {
		t.Helper()
		r := httptest.NewRequest(http.MethodGet, "/x", http.NoBody)
		r.SetPathValue("project", "web")
		r.SetPathValue("template", "t")
		r.SetPathValue("run", value)
		r = r.WithContext(auth.WithPrincipal(r.Context(), auth.Principal{Name: who, Role: auth.Viewer}))
		v, err := make(r)
		must(err)
		w := httptest.NewRecorder()
		s.render(w, r, http.StatusOK, shown{view: v})
		if w.Code != http.StatusOK {
			t.Fatalf("page: %d %s", w.Code, w.Body)
		}
		return w.Body.String()
	}
	operator, viewer := page("vito", "", s.launchPage), page("vera", "", s.launchPage)
	if !strings.Contains(operator, `value="launch"`) || !strings.Contains(operator, "How &lt;many&gt;") {
		t.Error("the project's operator is not offered to launch")
	}
	if strings.Contains(viewer, `value="launch"`) || strings.Contains(viewer+operator, "horse") {
		t.Error("a viewer is offered to launch, or a secret is shown")
	}
	if text := page("vera", "", s.project); strings.Contains(text, "add/credentials") || !strings.Contains(text, "needs an operator") || strings.Contains(text, "horse") {
		t.Error("a viewer is offered to add a credential")
	}
	if list := page("vera", "", s.projects); !strings.Contains(list, `href="/projects/web"`) {
		t.Error("the project is not listed")
	}
	info, err := d.Launch(ctx, desk.Launch{Project: "web", Template: "t", Who: "vito"})
	must(err)
	limited, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	info, err = e.Wait(limited, info.ID)
	must(err)
	if text := page("vera", info.ID, s.play); !strings.Contains(text, "&lt;script&gt;") || strings.Contains(text, "<script>") {
		t.Errorf("the run's page (%s %s): its text is not shown as text: %s", info.State, info.Error, fmt.Sprintf("%.3000s", text))
	}
	r := httptest.NewRequest(http.MethodGet, "/plays/"+info.ID, http.NoBody)
	r.SetPathValue("run", info.ID)
	w := httptest.NewRecorder()
	if s.stream(w, r, s.play); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "event: again") {
		t.Errorf("who follows a run that ended before the stream began is answered %d %s, want to be told to look again", w.Code, w.Body)
	}
}
