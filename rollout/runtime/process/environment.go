package process

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/rollout/runtime"
)

// passed are the variables that a program gets from the machine; everything else it gets is said in its spec.
var passed = []string{"PATH", "HOME", "LANG", "TMPDIR", "TZ"}

// clean is the environment of keepers: what programs get from the machine, and nothing of the controller's own.
func clean() []string {
	var env []string
	for _, name := range passed {
		value, ok := os.LookupEnv(name)
		if name == "PATH" && !ok {
			value, ok = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", true
		}
		if ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// mark is the variable by which a program is found when its keeper was killed.
func (f folder) mark() string { return "GOODSTATE_INSTANCE_DIR=" + f.dir }

// environment is what the program sees: the machine's few variables, then the spec's, then ours, which cannot be
// overridden: traffic goes to the port that the spec names.
func environment(machine []string, s runtime.Spec, f folder) []string {
	all := map[string]string{}
	for _, pair := range machine {
		name, value, _ := strings.Cut(pair, "=")
		all[name] = value
	}
	maps.Copy(all, s.Env)
	all["PORT"], all["HOST"] = strconv.Itoa(s.Port), s.Listen()
	all["GOODSTATE_SERVICE"], all["GOODSTATE_RELEASE"], all["GOODSTATE_INSTANCE"] = s.Service, s.Release, f.id()
	name, value, _ := strings.Cut(f.mark(), "=")
	all[name] = value
	env := make([]string, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		env = append(env, name+"="+all[name])
	}
	return env
}

// program finds the file to run: a name without a slash in the environment's PATH, anything else from the spec's folder.
func program(name, dir string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		path := name
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, name)
		}
		return path, runnable(path)
	}
	search := ""
	for _, pair := range env {
		if value, ok := strings.CutPrefix(pair, "PATH="); ok {
			search = value
		}
	}
	for _, place := range filepath.SplitList(search) {
		if path := filepath.Join(place, name); filepath.IsAbs(path) && runnable(path) == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%q is in no folder of PATH (%s); for a program of the release say ./%s", name, search, name)
}

func runnable(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return fmt.Errorf("the program is not there: %w; does the build make it?", err)
	case info.IsDir() || info.Mode()&0o111 == 0:
		return fmt.Errorf("%s is not a program: its mode is %v; make it executable (chmod +x)", path, info.Mode())
	}
	return nil
}

// check refuses a spec that cannot be started.
func check(s runtime.Spec) error {
	switch {
	case s.Service == "" || s.Release == "" || s.Index < 0:
		return fmt.Errorf("service %q, release %q, index %d do not name an instance", s.Service, s.Release, s.Index)
	case len(s.ID()) > 200:
		return fmt.Errorf("its id %q is longer than 200 characters", s.ID())
	case len(s.Command) == 0 || s.Command[0] == "":
		return fmt.Errorf("no command is given")
	case s.Port < 0 || s.Port > 65535:
		return fmt.Errorf("port %d is not between 1 and 65535", s.Port)
	}
	for name, value := range s.Env {
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.Contains(value, "\x00") {
			return fmt.Errorf("environment variable %q: its name must not be empty, and = and NUL cannot be passed", name)
		}
	}
	if info, err := os.Stat(s.Dir); err != nil {
		return fmt.Errorf("its folder: %w", err)
	} else if !info.IsDir() || !filepath.IsAbs(s.Dir) {
		return fmt.Errorf("%s is not the absolute path of a folder", s.Dir)
	}
	return nil
}
