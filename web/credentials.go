package web

import (
	"context"
	"net/http"
	"strings"

	"goodstate.dev/goodstate/drift/desk"
)

// credentials adds the form of credentials. Values go from the form into the seal: no page has one, also not one that is shown again.
func (s *site) credentials(mux *http.ServeMux) {
	edits(s, mux, editor[desk.Credential]{
		kind: "credentials", one: "credential", find: s.Desk.Credential, remove: s.Desk.RemoveCredential,
		read: func(r *http.Request, project, name string, old desk.Credential) (desk.Credential, error) {
			value := func(field string) string { return strings.TrimSpace(r.PostFormValue(field)) }
			return desk.Credential{Project: project, Name: name, User: value("user"), Become: value("become"), VaultID: value("vault_id"), Has: old.Has}, nil
		},
		put: func(ctx context.Context, r *http.Request, who string, c desk.Credential) error {
			return s.Desk.PutCredential(ctx, who, c, desk.Values{
				Key: r.PostFormValue("key"), Passphrase: r.PostFormValue("passphrase"), Password: r.PostFormValue("password"),
				BecomePass: r.PostFormValue("become_password"), VaultPass: r.PostFormValue("vault_password"),
			})
		},
		command: func(project, name string, c desk.Credential) string {
			words := append([]string{"goodstate", "credential", "set", project, name}, option("--user", c.User)...)
			words = append(words, option("--become-user", c.Become)...)
			return sh(append(append(words, option("--vault-id", c.VaultID)...), "--key", "FILE")...)
		},
		forget: func(project, name string) string { return sh("goodstate", "credential", "remove", project, name) },
	})
}
