package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/core/journal"
)

// User is somebody who may log in.
type User struct {
	Name string `json:"name"`
	Role string `json:"role"`
}

type addedUser struct {
	Body struct {
		Name     string `json:"name"`
		Role     string `json:"role"`
		Password string `json:"password"`
	}
}

type namedUser struct {
	Name string `path:"name"`
}

func (s *server) users(a huma.API) {
	handle(a, http.MethodGet, "/users", "list-users", "Who may log in", auth.Administer, func(ctx context.Context, _ *struct{}, _ auth.Principal) ([]User, error) {
		all, err := s.Auth.UserList(ctx)
		users := make([]User, 0, len(all))
		for _, u := range all {
			users = append(users, User{Name: u.Name, Role: string(u.Role)})
		}
		return users, err
	})
	handle(a, http.MethodPost, "/users", "add-user", "Let somebody log in", auth.Administer, func(ctx context.Context, in *addedUser, p auth.Principal) (User, error) {
		role, err := auth.ParseRole(in.Body.Role)
		if err != nil {
			return User{}, err
		}
		if err := s.Auth.UserAdd(ctx, in.Body.Name, role, in.Body.Password); err != nil {
			return User{}, err
		}
		_, err = s.Journal.Append(ctx, journal.Entry{Event: "user-added", Actor: p.Name, Text: in.Body.Name + " may log in as " + in.Body.Role})
		return User{Name: in.Body.Name, Role: in.Body.Role}, err
	})
	handle(a, http.MethodDelete, "/users/{name}", "remove-user", "Let somebody log in no more", auth.Administer, func(ctx context.Context, in *namedUser, p auth.Principal) (struct{}, error) {
		if err := s.Auth.UserRemove(ctx, in.Name); err != nil {
			return struct{}{}, err
		}
		_, err := s.Journal.Append(ctx, journal.Entry{Event: "user-removed", Actor: p.Name, Text: in.Name + " may log in no more"})
		return struct{}{}, err
	})
}
