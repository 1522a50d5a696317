package app

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"goodstate.dev/goodstate/core/auth"
)

// visitor is a browser of somebody who is logged in.
type visitor struct {
	*testing.T
	http.Client
	base, csrf string
}

func (v *visitor) send(method, path, kind, token, body string) (int, string) {
	v.Helper()
	r, err := http.NewRequestWithContext(v.Context(), method, v.base+path, strings.NewReader(body))
	if err != nil {
		v.Fatal(err)
	}
	r.Header.Set("Content-Type", kind)
	r.Header.Set("Origin", v.base)
	if token != "" {
		r.Header.Set(auth.CSRFHeader, token)
	}
	got, err := v.Do(r)
	if err != nil {
		v.Fatal(err)
	}
	defer func() { _ = got.Body.Close() }() // it was read
	text, err := io.ReadAll(got.Body)
	if err != nil {
		v.Fatal(err)
	}
	return got.StatusCode, string(text)
}

func (v *visitor) form(path string, fields url.Values) (int, string) {
	v.Helper()
	return v.send(http.MethodPost, path, "application/x-www-form-urlencoded", "", fields.Encode())
}

func (v *visitor) api(method, path, body string) (int, string) {
	v.Helper()
	return v.send(method, "/api"+path, "application/json", v.csrf, body)
}

var tokenField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

func visit(t *testing.T, base, name, password string) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	v := &visitor{T: t, base: base, Client: http.Client{Jar: jar}}
	if code, text := v.form("/login", url.Values{"name": {name}, "password": {password}}); code != http.StatusOK {
		t.Fatalf("login of %s: %d %.300s", name, code, text)
	}
	_, page := v.send(http.MethodGet, "/projects", "", "", "")
	if m := tokenField.FindStringSubmatch(page); m != nil {
		v.csrf = m[1]
	} else {
		t.Fatalf("no token in the page of %s: %.500s", name, page)
	}
	return v
}

// playbooks is a repository with one playbook, and goodstate with an admin, an operator and a viewer.
func playbooks(t *testing.T) (repo, address string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "desk-") // shorter than the test's own: a socket is in it
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // best effort
	repo = filepath.Join(dir, "repo")
	must(t, os.Mkdir(repo, 0o700))
	must(t, os.WriteFile(filepath.Join(repo, "site.yml"), []byte("- hosts: all\n  gather_facts: false\n  tasks:\n    - ansible.builtin.debug: {msg: hi}\n"), 0o600))
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}, {"-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "-m", "p"}} {
		if out, err := exec.Command("git", append([]string{"-C", repo}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("git: %v %s", err, out)
		}
	}
	path := filepath.Join(dir, ConfigName)
	must(t, os.WriteFile(path, []byte("data: "+dir+"/d\nserver: {listen: '127.0.0.1:0'}\nservices: {}\n"), 0o600))
	conf, err := Load(path)
	must(t, err)
	a, err := Open(t.Context(), Options{Config: conf, Base: dir, Self: []string{"goodstate"}})
	must(t, err)
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	for name, role := range map[string]auth.Role{"anna": auth.Admin, "otto": auth.Operator, "vera": auth.Viewer} {
		must(t, a.Auth.UserAdd(t.Context(), name, role, "correct horse "+name))
	}
	address, err = a.Listen(t.Context())
	must(t, err)
	return repo, address
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestProjectsOverHTTPAreForWhoMay(t *testing.T) {
	repo, address := playbooks(t)
	anna, otto, vera := visit(t, address, "anna", "correct horse anna"), visit(t, address, "otto", "correct horse otto"), visit(t, address, "vera", "correct horse vera")
	const project, template = "/projects/web", "/projects/web/templates/hi"
	step := func(v *visitor, who string, want int, method, path, body string) string {
		t.Helper()
		code, text := v.api(method, path, body)
		if code/100 != want {
			t.Fatalf("%s: %s %s: %d %s, want %dxx", who, method, path, code, text, want)
		}
		return text
	}
	put := `{"name": "", "repository": "` + repo + `"}`
	step(vera, "vera", 4, http.MethodPut, project, put)
	step(otto, "otto", 4, http.MethodPut, project, put)
	step(anna, "anna", 2, http.MethodPut, project, put)
	step(vera, "vera", 4, http.MethodPost, project+"/pull", "")
	step(otto, "otto", 2, http.MethodPost, project+"/pull", "")
	step(anna, "anna", 2, http.MethodPut, project+"/inventories/h", `{"project": "", "name": "", "text": "h1\n"}`)
	step(otto, "otto", 4, http.MethodPut, project+"/credentials/login", `{"project": "", "name": "", "values": {"password": "battery staple"}}`)
	step(anna, "anna", 2, http.MethodPut, project+"/credentials/login", `{"project": "", "name": "", "values": {"password": "battery staple"}}`)
	if text := step(vera, "vera", 2, http.MethodGet, project+"/credentials", ""); strings.Contains(text, "staple") || !strings.Contains(text, `"password"`) {
		t.Errorf("credentials as listed: %s", text)
	}
	step(anna, "anna", 2, http.MethodPut, template, `{"project": "", "name": "", "playbook": "site.yml", "inventory": "h"}`)
	step(vera, "vera", 4, http.MethodPost, template+"/launch", `{"project": "", "template": "", "check": true}`)
	step(otto, "otto", 2, http.MethodPost, template+"/launch", `{"project": "", "template": "", "check": true}`)

	launch := url.Values{"do": {"check"}, "why": {"a look"}}
	if code, _ := otto.form(template+"/launch", launch); code != http.StatusForbidden {
		t.Errorf("a form without the token: %d, want it forbidden", code)
	}
	launch.Set(auth.CSRFField, vera.csrf)
	if code, _ := otto.form(template+"/launch", launch); code != http.StatusForbidden {
		t.Errorf("a form with somebody else's token: %d, want it forbidden", code)
	}
	if code, _ := vera.form(template+"/launch", launch); code != http.StatusForbidden {
		t.Errorf("a viewer's form: %d, want it forbidden", code)
	}
	launch.Set(auth.CSRFField, otto.csrf)
	code, text := otto.form(template+"/launch", launch)
	if code != http.StatusOK && code != http.StatusConflict { // the run of before may still hold the template
		t.Errorf("an operator's form: %d %.500s", code, text)
	}
	if code, text := otto.form(project+"/pull", url.Values{auth.CSRFField: {otto.csrf}}); code != http.StatusOK || !strings.Contains(text, "site.yml") {
		t.Errorf("the page after a pull: %d %.500s", code, text)
	}
}
