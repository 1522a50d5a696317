package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"goodstate.dev/goodstate/app"
	"goodstate.dev/goodstate/web/api"
)

func init() { register(userCommand) }

func userCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "user", Short: "Who may log in to the dashboard"}
	c.AddCommand(t.userAdd(), t.userList(), t.userRemove())
	return c
}

func (t *terminal) userAdd() *cobra.Command {
	c := &cobra.Command{
		Use: "add NAME", Short: "Let somebody log in", Args: args(1, 1, "one NAME"),
		Long: "Let somebody log in. The password is asked for at the terminal, or read as one line from standard input; it is never an argument.",
	}
	role := c.Flags().String("role", "viewer", "viewer, operator, approver or admin")
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		password, err := t.newPassword(args[0])
		if err != nil {
			return err
		}
		if err := client.UserAdd(ctx, args[0], *role, password); err != nil {
			return err
		}
		if t.json {
			t.document(api.User{Name: args[0], Role: *role})
			return nil
		}
		t.say("%s may log in as %s", args[0], *role)
		return nil
	})
	return c
}

// newPassword asks for a password twice at a terminal, or reads one line from elsewhere.
func (t *terminal) newPassword(name string) (string, error) {
	if !t.interactive() {
		line, err := bufio.NewReader(t.in).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read the password: %w", err)
		}
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			return "", usage("no password: type it at a terminal, or give it as one line on standard input")
		}
		return line, nil
	}
	ask := func(prompt string) (string, error) {
		fmt.Fprint(t.err, prompt)
		in, _ := t.in.(*os.File) // interactive has seen that it is one
		text, err := term.ReadPassword(int(in.Fd()))
		fmt.Fprintln(t.err)
		if err != nil {
			return "", fmt.Errorf("read the password: %w", err)
		}
		return string(text), nil
	}
	first, err := ask("Password for " + name + ": ")
	if err != nil {
		return "", err
	}
	again, err := ask("Once more: ")
	if err != nil {
		return "", err
	}
	if first != again {
		return "", usage("the two passwords differ")
	}
	return first, nil
}

func (t *terminal) userList() *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "List who may log in", Args: cobra.NoArgs}
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, _ []string) error {
		users, err := client.Users(ctx)
		if err != nil {
			return err
		}
		if t.json {
			t.document(users)
			return nil
		}
		for _, u := range users {
			t.say("%-20s %s", u.Name, u.Role)
		}
		if len(users) == 0 {
			t.say("nobody may log in yet; goodstate user add NAME --role operator")
		}
		return nil
	})
	return c
}

func (t *terminal) userRemove() *cobra.Command {
	c := &cobra.Command{Use: "remove NAME", Short: "Let somebody log in no more", Args: args(1, 1, "one NAME")}
	c.RunE = t.with(reads, func(ctx context.Context, client *api.Client, args []string) error {
		if err := client.UserRemove(ctx, args[0]); err != nil {
			return err
		}
		if t.json {
			t.document(map[string]string{"removed": args[0]})
			return nil
		}
		t.say("%s may log in no more", args[0])
		return nil
	})
	return c
}

// firstUser says how to make one when nobody can log in.
func (t *terminal) firstUser(ctx context.Context, a *app.App) {
	if users, err := a.Auth.UserList(ctx); err == nil && len(users) == 0 {
		fmt.Fprintln(t.out, "nobody may log in yet: goodstate user add NAME --role operator")
	}
}
