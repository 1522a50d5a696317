package api

import (
	"context"
	"net/http"
	"net/url"

	"github.com/danielgtaylor/huma/v2"

	"goodstate.dev/goodstate/backup"
	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/core/auth"
)

// KeyWork says what to do with the keys of a repository. Passwords are named by their secrets and never sent.
type KeyWork struct {
	Secret string `json:"secret,omitempty" doc:"secret with the password to add, or for a rotation with the old one"`
	Key    string `json:"key,omitempty" doc:"beginning of the ID of the key to remove"`
	Why    string `json:"why,omitempty"`
}

type keyWork struct {
	Name string `path:"name"`
	Body KeyWork
}

func (s *server) keys(a huma.API) {
	get(a, "/repositories/{name}/keys", "list-keys", "Which keys open a repository", func(ctx context.Context, in *backupName) ([]repository.Key, error) {
		return s.Backups.Keys(ctx, in.Name)
	})
	handle(a, http.MethodPost, "/repositories/{name}/keys/add", "add-key", "Let another password open a repository", auth.Administer, func(ctx context.Context, in *keyWork, p auth.Principal) (repository.ID, error) {
		return s.Backups.AddKey(ctx, in.Name, in.Body.Secret, p.Name, in.Body.Why)
	})
	handle(a, http.MethodPost, "/repositories/{name}/keys/remove", "remove-key", "Take a key of a repository away", auth.Administer, func(ctx context.Context, in *keyWork, p auth.Principal) (repository.ID, error) {
		return s.Backups.RemoveKey(ctx, in.Name, in.Body.Key, p.Name, in.Body.Why)
	})
	handle(a, http.MethodPost, "/repositories/{name}/keys/rotate", "rotate-key", "Put the configured password in the place of an old one", auth.Administer, func(ctx context.Context, in *keyWork, p auth.Principal) (backup.Rotated, error) {
		return s.Backups.RotateKey(ctx, in.Name, in.Body.Secret, p.Name, in.Body.Why)
	})
}

// RepositoryKeys lists the keys that open a repository.
func (c *Client) RepositoryKeys(ctx context.Context, name string) (all []repository.Key, err error) {
	return all, c.call(ctx, http.MethodGet, "/repositories/"+url.PathEscape(name)+"/keys", nil, &all)
}

// AddKey lets the password of a secret open a repository.
func (c *Client) AddKey(ctx context.Context, name string, w KeyWork) (id repository.ID, err error) {
	return id, c.call(ctx, http.MethodPost, "/repositories/"+url.PathEscape(name)+"/keys/add", w, &id)
}

// RemoveKey takes a key away.
func (c *Client) RemoveKey(ctx context.Context, name string, w KeyWork) (id repository.ID, err error) {
	return id, c.call(ctx, http.MethodPost, "/repositories/"+url.PathEscape(name)+"/keys/remove", w, &id)
}

// RotateKey puts the configured password in the place of an old one.
func (c *Client) RotateKey(ctx context.Context, name string, w KeyWork) (res backup.Rotated, err error) {
	return res, c.call(ctx, http.MethodPost, "/repositories/"+url.PathEscape(name)+"/keys/rotate", w, &res)
}
