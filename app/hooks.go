package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/hooks"
	"goodstate.dev/goodstate/hooks/client"
	"goodstate.dev/goodstate/hooks/environment"
	"goodstate.dev/goodstate/hooks/moving"
	"goodstate.dev/goodstate/hooks/plan"
)

// Hooks are all that holds at the hooks of a repository: its own configuration with what that takes in.
type Hooks struct {
	hooks.Parts
	Inputs []plan.Input // the files besides the main one
	Notes  []string     // what other tools' configurations say and is not done here
	Again  bool         // something could not be had, and may be later
}

// Files reads a file of a repository by its path from the root; the error wraps fs.ErrNotExist where there is none.
type Files func(name string) ([]byte, error)

// maxHooks is how large a configuration may be, in bytes.
const maxHooks = 1 << 20

// Folder reads files of a folder, and nothing outside of it.
func Folder(top string) Files {
	return func(name string) ([]byte, error) {
		root, err := os.OpenRoot(top)
		if err != nil {
			return nil, fmt.Errorf("configuration %s: %w", name, err)
		}
		defer root.Close() // opened for reading only
		f, err := root.Open(filepath.FromSlash(name))
		if err != nil {
			return nil, fmt.Errorf("configuration %s: %w", name, err)
		}
		defer f.Close() // opened for reading only
		data, err := io.ReadAll(io.LimitReader(f, maxHooks+1))
		if err != nil {
			return nil, fmt.Errorf("configuration %s: %w", name, err)
		}
		if len(data) > maxHooks {
			return nil, fmt.Errorf("configuration %s has more than %d bytes", name, maxHooks)
		}
		return data, nil
	}
}

// ReadHooks reads what holds in a work tree. The environments are for hooks of other tools, and are made where they are not there yet; without any only rules
// can be run. The bytes are those of the main file. Without goodstate.yaml the configurations of other tools hold.
func ReadHooks(top, file string, env moving.Environments) (*Hooks, []byte, error) {
	if file == "" {
		file = mainHooks(top)
	}
	file, err := filepath.Abs(file)
	if err != nil {
		return nil, nil, fmt.Errorf("configuration of the hooks: %w", err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, fmt.Errorf("configuration of the hooks: %w", err)
	}
	name := filepath.Base(file)
	main := hooks.Config{}
	if rel, err := filepath.Rel(top, file); err == nil && slices.Contains(client.Configs[1:], filepath.ToSlash(rel)) {
		main.Use = toolsOf(top)
	} else if main, err = parseHooks(name, data); err != nil {
		return nil, nil, err
	}
	h, err := takeIn(name, main, Folder(top))
	if err != nil {
		return nil, nil, err
	}
	if err := h.use(top, main.Use, env); err != nil {
		return nil, nil, err
	}
	for _, name := range h.others(main) {
		in, err := plan.Look(top, name)
		if err != nil {
			return nil, nil, err
		}
		h.Inputs = append(h.Inputs, in)
	}
	return h, data, nil
}

// ReadGates is what a server and CI judge by: the parts of a configuration, and those that it takes in.
func ReadGates(name string, data []byte, files Files) (hooks.Parts, error) {
	main, err := parseHooks(name, data)
	if err != nil {
		return nil, err
	}
	h, err := takeIn(name, main, files)
	if err != nil {
		return nil, err
	}
	return h.Parts, nil
}

func mainHooks(top string) string {
	for _, name := range client.Configs {
		if _, err := os.Stat(filepath.Join(top, filepath.FromSlash(name))); err == nil {
			return filepath.Join(top, filepath.FromSlash(name))
		}
	}
	return filepath.Join(top, ConfigName)
}

// toolsOf are the tools whose configurations lie in a folder.
func toolsOf(top string) []string {
	var found []string
	for _, name := range client.Configs[1:] {
		tool := "lefthook"
		if strings.Contains(name, "pre-commit") {
			tool = "pre-commit"
		}
		if _, err := os.Stat(filepath.Join(top, filepath.FromSlash(name))); err == nil && !slices.Contains(found, tool) {
			found = append(found, tool)
		}
	}
	return found
}

func parseHooks(name string, data []byte) (hooks.Config, error) {
	var c Config
	err := config.Parse(name, data, &c)
	return c.Hooks, err
}

// takeIn adds shared policies and folders to a configuration.
func takeIn(name string, main hooks.Config, files Files) (*Hooks, error) {
	h := &Hooks{Parts: hooks.Parts{{From: name, Config: main}}}
	if len(main.Shared) > 0 {
		data, err := files(hooks.LockName)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s has shared policies and there is no %s; goodstate hooks lock fetches and pins them", name, hooks.LockName)
		}
		if err != nil {
			return nil, err
		}
		lock, err := hooks.ParseLock(data)
		if err != nil {
			return nil, err
		}
		for _, s := range main.Shared {
			content, err := lock.Find(s)
			if err != nil {
				return nil, err
			}
			if err := h.add(s.From+":"+s.File, "", content); err != nil {
				return nil, err
			}
		}
	}
	for _, dir := range main.Folders {
		content, err := files(path.Join(dir, ConfigName))
		if err != nil {
			return nil, fmt.Errorf("hooks.folders of %s: %w", name, err)
		}
		if err := h.add(path.Join(dir, ConfigName), dir, content); err != nil {
			return nil, err
		}
	}
	return h, nil
}

func (h *Hooks) add(from, under string, content []byte) error {
	c, err := parseHooks(from, content)
	if err != nil {
		return err
	}
	p := hooks.Part{From: from, Under: under, Config: c}
	h.Parts = append(h.Parts, p)
	return p.Validate()
}

// others are the files besides the main one that decide what holds.
func (h *Hooks) others(main hooks.Config) []string {
	var names []string
	if len(main.Shared) > 0 {
		names = append(names, hooks.LockName)
	}
	for _, dir := range main.Folders {
		names = append(names, path.Join(dir, ConfigName))
	}
	if len(main.Use) > 0 {
		names = append(names, client.Configs[1:]...)
	}
	return names
}

// use adds what other tools are configured to do.
func (h *Hooks) use(top string, tools []string, env moving.Environments) error {
	if len(tools) == 0 {
		return nil
	}
	found, err := moving.AsTheyAre(top, tools, env)
	if err != nil {
		return err
	}
	from := strings.Join(found.Files(), ", ")
	part := hooks.Part{From: from, Cannot: map[string][]plan.Cannot{}}
	if part.Config, err = parseHooks(from, []byte(found.YAML())); err != nil {
		return err
	}
	for _, l := range found.Lost() {
		part.Cannot[l.Stage] = append(part.Cannot[l.Stage], plan.Cannot{Name: l.Name, Why: l.Why})
	}
	h.Parts, h.Notes, h.Again = append(h.Parts, part), found.Notes(), len(found.Lost()) > 0
	return nil
}

// Environments are those of the user's cache, for as long as the context lives.
func Environments(ctx context.Context) (moving.Environments, error) {
	cache, err := environment.Default()
	return environments{ctx: ctx, cache: cache}, err
}

// environments are those of a cache, made while one configuration is read.
type environments struct {
	ctx   context.Context //nolint:containedctx // lives as long as the call that reads the configuration
	cache environment.Cache
}

func (e environments) Manifest(repo, rev string) ([]byte, error) {
	data, err := e.cache.Manifest(e.ctx, repo, rev)
	return data, unreachable(err)
}

func (e environments) Source(repo, rev string) (string, error) {
	dir, err := e.cache.Source(e.ctx, repo, rev)
	return dir, unreachable(err)
}

func (e environments) Build(repo, rev, language, version string, more []string) (string, error) {
	bin, err := e.cache.Build(e.ctx, environment.Want{Repo: repo, Rev: rev, Language: language, Version: version, More: more})
	return bin, unreachable(err)
}

// unreachable says what to do where something could not be fetched.
func unreachable(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w; it is tried again at the next start. Where there is no network, goodstate hooks import writes a job that takes the program from PATH", err)
}

// Plan is the plan of all parts.
func (h *Hooks) Plan() (*plan.Plan, error) {
	p, err := h.Compile()
	if err != nil {
		return nil, err
	}
	p.Inputs, p.Again = h.Inputs, h.Again
	return p, nil
}
