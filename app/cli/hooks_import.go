package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"goodstate.dev/goodstate/app"
	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/hooks/client"
	"goodstate.dev/goodstate/hooks/moving"
)

func init() { hooksParts = append(hooksParts, hooksImport) }

// imported is what hooks import says with --json.
type imported struct {
	Files  []string `json:"files"`  // that were read
	Stages []string `json:"stages"` // that do something now
	Notes  []string `json:"notes"`  // what was not moved
	YAML   string   `json:"yaml"`
	Wrote  string   `json:"wrote,omitempty"` // the file
}

// hooksImport moves over from other tools for Git hooks.
func hooksImport(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use: "import", Short: "Move over from pre-commit, lefthook, lint-staged, husky and commitlint", Args: cobra.NoArgs,
		Long: "Read .pre-commit-config.yaml, lefthook.yml, the configurations of lint-staged and commitlint and the scripts of husky, and print the equal hooks section of goodstate.yaml.\n" +
			"What cannot be moved is named on standard error, and the exit code is then 3.",
	}
	write := c.Flags().Bool("write", false, "add the section to goodstate.yaml, which must have no hooks yet")
	c.RunE = func(*cobra.Command, []string) error {
		repo, err := client.Open()
		if err != nil {
			return err
		}
		found, err := moving.Read(repo.Top)
		if err != nil {
			return err
		}
		text := found.YAML()
		if err := usable("the moved hooks", []byte("services: {}\n"+text)); err != nil {
			return err
		}
		done := imported{Files: found.Files(), Stages: found.Stages(), Notes: found.Notes(), YAML: text}
		if *write && !found.Empty() {
			path := t.file
			if path == "" {
				path = filepath.Join(repo.Top, app.ConfigName)
			}
			if err := addHooks(path, text); err != nil {
				return err
			}
			done.Wrote = path
		}
		t.imported(done)
		if len(done.Notes) > 0 {
			return &exitError{code: exitIncomplete}
		}
		return nil
	}
	return c
}

func (t *terminal) imported(done imported) {
	if t.json {
		t.document(done)
		return
	}
	for _, n := range done.Notes {
		fmt.Fprintln(t.err, n)
	}
	switch {
	case done.YAML == "":
		fmt.Fprintf(t.err, "nothing of %s could be moved\n", strings.Join(done.Files, ", "))
	case done.Wrote == "":
		fmt.Fprint(t.out, done.YAML)
	default:
		t.say("wrote hooks for %s to %s; take the old hooks out (pre-commit uninstall, lefthook uninstall, git config --unset core.hooksPath), then: goodstate hooks install",
			strings.Join(done.Stages, ", "), filepath.Base(done.Wrote))
	}
}

// usable tells whether goodstate takes a configuration, and its hooks.
func usable(name string, data []byte) error {
	var c app.Config
	if err := config.Parse(name, data, &c); err != nil {
		return err
	}
	_, err := c.Hooks.Compile()
	return err
}

// addHooks adds the section to a configuration, or begins one.
func addHooks(path, text string) error {
	return addSections(path, text, "hooks", "goodstate hooks import", func(data []byte) error { return usable(filepath.Base(path), data) })
}

// addSections adds text with a top-level section to a configuration that has none yet, or begins one. The file is replaced as a whole, and only by one that goodstate takes.
func addSections(path, text, section, command string, takes func([]byte) error) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // so that a link stays one
	}
	mode := fs.FileMode(0o644)
	old, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		old = []byte("services: {}\n")
	case err != nil:
		return fmt.Errorf("add %s to the configuration: %w", section, err)
	default:
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("add %s to the configuration: %w", section, err)
		}
		mode = info.Mode().Perm()
		if hasSection(old, section) {
			return fmt.Errorf("%s has %s already and stays as it is; run %s without --write, and add by hand what is missing", filepath.Base(path), section, command)
		}
	}
	if len(old) > 0 && old[len(old)-1] != '\n' {
		old = append(old, '\n')
	}
	data := slices.Concat(old, []byte(text))
	if err := takes(data); err != nil {
		return fmt.Errorf("%s with the moved %s at its end would not be valid, so it stays as it is: %w", filepath.Base(path), section, err)
	}
	return replaceFile(path, data, mode)
}

// hasSection says whether a configuration has a top-level key.
func hasSection(data []byte, name string) bool {
	return regexp.MustCompile(`(?m)^["']?` + name + `["']?[ \t]*:`).Match(data)
}

func replaceFile(path string, data []byte, mode fs.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
