package app

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"goodstate.dev/goodstate/core/auth"
)

// sends sends a form with the token of who sends it, and returns what the page then says.
func (v *visitor) sends(want int, path string, fields map[string]string) string {
	v.Helper()
	form := url.Values{auth.CSRFField: {v.csrf}}
	for name, value := range fields {
		form.Set(name, value)
	}
	code, text := v.form(path, form)
	if code != want {
		v.Fatalf("form to %s: %d, want %d: %s", path, code, want, main(text))
	}
	return main(text)
}

func (v *visitor) page(want int, path string) string {
	v.Helper()
	code, text := v.send(http.MethodGet, path, "", "", "")
	if code != want {
		v.Fatalf("page %s: %d, want %d: %s", path, code, want, main(text))
	}
	return main(text)
}

// main is what a page shows between its head and its foot.
func main(page string) string {
	if _, text, ok := strings.Cut(page, "<main"); ok {
		page, _, _ = strings.Cut(text, "</main>")
	}
	return page
}

func (v *visitor) wants(what, text string, all ...string) {
	v.Helper()
	for _, want := range all {
		if !strings.Contains(text, want) {
			v.Errorf("%s: no %q in %s", what, want, text)
		}
	}
}

func TestFormsOfProjectsAreForAdminsAndKeepWhatWasTyped(t *testing.T) {
	repo, address := playbooks(t)
	anna, otto, vera := visit(t, address, "anna", "correct horse anna"), visit(t, address, "otto", "correct horse otto"), visit(t, address, "vera", "correct horse vera")
	const secret, web = "battery-staple", "/projects/web"

	otto.sends(http.StatusForbidden, "/projects", map[string]string{"name": "web", "repository": repo})
	otto.page(http.StatusForbidden, "/add/project")
	anna.page(http.StatusOK, "/add/project")
	text := anna.sends(http.StatusUnprocessableEntity, "/projects", map[string]string{"name": "we b", "repository": repo, "branch": "typed"})
	anna.wants("a name that is none", text, "want letters, digits", `value="typed"`, `value="we b"`)
	text = anna.sends(http.StatusOK, "/projects", map[string]string{"name": "web", "repository": repo, "r0.who": "vera", "r0.role": "viewer"})
	anna.wants("the project's page", text, "vera is viewer", "never pulled")
	text = anna.sends(http.StatusUnprocessableEntity, "/projects", map[string]string{"name": "web", "repository": repo})
	anna.wants("the same name again", text, "there is a project web already")
	anna.sends(http.StatusOK, web+"/pull", nil)

	forms := []struct {
		kind, one string
		bad, good map[string]string
		says      string // of the bad one
		shows     []string
	}{
		{"inventories", "h", map[string]string{"text": "web1\n[web\n"}, map[string]string{"text": "web[1:3]\n"}, "line 2: host range", []string{"web[1:3]"}},
		{"credentials", "login", map[string]string{"user": "de ploy", "password": secret}, map[string]string{"user": "deploy", "password": secret}, "no name of an account", []string{`value="deploy"`, "password"}},
		{"templates", "hi", map[string]string{"playbook": "../site.yml", "inventory": "h", "q0.variable": "n", "q0.kind": "integer", "q0.default": "3"}, map[string]string{
			"playbook": "site.yml", "inventory": "h", "credential": "login", "q0.variable": "n", "q0.ask": "How <many>", "q0.kind": "integer", "q0.default": "3", "q0.max": "9",
		}, "want a path in the project", []string{"How &lt;many&gt;", `value="9"`, `checked`}},
		{"schedules", "nightly", map[string]string{"template": "hi", "cron": "61 3 * * *"}, map[string]string{"template": "hi", "cron": "0 3 * * *", "zone": "Europe/Berlin", "what": "check"}, "minute", []string{"Europe/Berlin", "03:00 CE"}},
	}
	for _, f := range forms {
		list, one := web+"/"+f.kind+"/", web+"/"+f.kind+"/"+f.one
		named := maps.Clone(f.good)
		named["name"] = f.one
		for _, v := range []*visitor{otto, vera} {
			v.sends(http.StatusForbidden, list, named)
			v.page(http.StatusForbidden, web+"/add/"+f.kind)
		}
		anna.page(http.StatusOK, web+"/add/"+f.kind)
		f.bad["name"] = f.one
		text := anna.sends(http.StatusUnprocessableEntity, list, f.bad)
		anna.wants(f.kind+" typed wrong", text, f.says, `value="`+f.one+`"`)
		if strings.Contains(text, secret) {
			t.Errorf("%s: a form that is shown again has the secret", f.kind)
		}
		anna.wants("the project's page", anna.sends(http.StatusOK, list, named), f.one)
		anna.wants("the same name again", anna.sends(http.StatusUnprocessableEntity, list, named), "already")
		anna.wants(f.kind, anna.page(http.StatusOK, one), f.shows...)
		anna.sends(http.StatusOK, one, f.good)
		seen := vera.page(http.StatusOK, one)
		vera.wants(f.kind+" as a viewer sees it", seen, "needs an admin of this project", "<fieldset disabled")
		if strings.Contains(seen, "<button") {
			t.Errorf("%s: a viewer is offered a button", f.kind)
		}
		for _, v := range []*visitor{otto, vera} {
			v.sends(http.StatusForbidden, one, f.good)
			v.sends(http.StatusForbidden, one+"/remove", nil)
		}
		anna.sends(http.StatusNotFound, web+"/"+f.kind+"/none", f.good)
		vera.page(http.StatusNotFound, web+"/"+f.kind+"/none")
	}
	anna.wants("a look at an inventory", anna.sends(http.StatusOK, web+"/inventories/h", map[string]string{"do": "check", "text": "[db]\ndb[1:40]\n"}), "40 hosts", "Nothing is saved", "db[1-40]")
	anna.wants("what is kept", anna.page(http.StatusOK, web+"/inventories/h"), "web[1:3]")
	anna.wants("the next times", anna.sends(http.StatusOK, web+"/schedules/nightly", map[string]string{"do": "check", "template": "hi", "cron": "30 6 * * mon", "zone": "Asia/Tokyo"}), "06:30 JST", "Mon ")
	anna.wants("room for a question", anna.sends(http.StatusOK, web+"/templates/hi", map[string]string{"do": "more", "playbook": "site.yml", "inventory": "h", "q0.variable": "n", "q0.kind": "text", "q1.variable": "m", "q1.kind": "text"}), `name="q2.variable"`)

	launch := "/projects/web/templates/hi/launch"
	otto.wants("the form that launches", otto.page(http.StatusOK, launch), "How &lt;many&gt;", `value="launch"`)
	otto.wants("a wrong answer", otto.sends(http.StatusUnprocessableEntity, launch, map[string]string{"do": "launch", "answer.n": "12", "why": "typed"}), "want at most 9", `value="12"`, `value="typed"`)
	vera.wants("a viewer's form", vera.page(http.StatusOK, launch), "needs an operator")
	for _, f := range forms {
		for _, page := range []string{web, web + "/" + f.kind + "/" + f.one, "/projects", "/journal", "/plays"} {
			if strings.Contains(anna.page(http.StatusOK, page), secret) {
				t.Errorf("%s shows the secret", page)
			}
		}
	}
	for i := len(forms) - 1; i >= 0; i-- {
		one := web + "/" + forms[i].kind + "/" + forms[i].one
		anna.sends(http.StatusOK, one+"/remove", nil)
		anna.page(http.StatusNotFound, one)
	}
	otto.sends(http.StatusForbidden, web+"/remove", nil)
	anna.sends(http.StatusOK, web+"/remove", nil)
	anna.page(http.StatusNotFound, web)
}
