package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/app"
	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/hooks"
	"goodstate.dev/goodstate/hooks/environment"
)

func init() { hooksParts = append(hooksParts, hooksLock) }

// hooksLock pins shared policies.
func hooksLock(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use: "lock", Short: "Fetch the shared policies of goodstate.yaml and pin them in goodstate.lock", Args: cobra.NoArgs,
		Long: "Fetch what hooks.shared names and write it into goodstate.lock beside goodstate.yaml, with its commit and its SHA-256. Commit that file: hooks, servers and CI\n" +
			"judge by what it has, and fetch nothing.",
	}
	check := c.Flags().Bool("check", false, "write nothing, and exit with 2 when the policies are others by now")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		path, err := t.configFile()
		if err != nil {
			return err
		}
		var conf app.Config
		if err := config.Load(path, &conf); err != nil {
			return err
		}
		if len(conf.Hooks.Shared) == 0 {
			return usage("%s has no hooks.shared, so there is nothing to pin", filepath.Base(path))
		}
		lock, err := pinAll(cmd.Context(), filepath.Dir(path), conf.Hooks.Shared)
		if err != nil {
			return err
		}
		return t.lock(filepath.Join(filepath.Dir(path), hooks.LockName), lock, *check)
	}
	return c
}

// pinAll fetches the policies. Each is read once, so that nothing is pinned that could not be used.
func pinAll(ctx context.Context, base string, all []hooks.Shared) (hooks.Lock, error) {
	lock := hooks.Lock{}
	for _, s := range all {
		from, err := fetchable(base, s.From)
		if err != nil {
			return lock, err
		}
		commit, content, err := environment.Show(ctx, from, s.Ref, s.File)
		if err != nil {
			return lock, err
		}
		if _, err := app.ReadGates(s.From+":"+s.File, content, app.Folder(".")); err != nil {
			return lock, err
		}
		pinned, err := hooks.Pin(s, commit, content)
		if err != nil {
			return lock, err
		}
		lock.Policies = append(lock.Policies, pinned)
	}
	return lock, nil
}

// fetchable makes a path that is written as seen from the configuration one that git finds from anywhere.
func fetchable(base, from string) (string, error) {
	if !strings.HasPrefix(from, "./") && !strings.HasPrefix(from, "../") {
		return from, nil
	}
	abs, err := filepath.Abs(filepath.Join(base, from))
	if err != nil {
		return "", fmt.Errorf("path of %s: %w", from, err)
	}
	return abs, nil
}

func (t *terminal) lock(path string, lock hooks.Lock, check bool) error {
	data, err := lock.Bytes()
	if err != nil {
		return err
	}
	before, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", hooks.LockName, err)
	}
	changed := !bytes.Equal(before, data)
	if changed && !check {
		if err := replaceFile(path, data, 0o644); err != nil {
			return err
		}
	}
	if t.json {
		t.document(map[string]any{"changed": changed, "policies": lock.Policies})
	}
	for _, p := range lock.Policies {
		if !t.json {
			t.say("%s (%s) is %.12s", p.From, p.Ref, p.Commit)
		}
	}
	switch {
	case changed && check:
		return &exitError{exitDifferences, fmt.Errorf("%s pins something else; goodstate hooks lock pins what is there now", hooks.LockName)}
	case changed && !t.json:
		t.say("wrote %s; commit it", hooks.LockName)
	}
	return nil
}
