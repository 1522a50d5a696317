package module

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

func init() {
	register(Kind{
		Name:    "pip",
		Help:    "Packages of Python",
		Example: "pip: {name: [requests, 'flask==3.0'], virtualenv: /srv/app/venv}",
		Options: []Option{
			{Name: "state", Default: "present", Choices: words("present", "absent", "latest", "forcereinstall")},
			{Name: "name", Type: List, Elements: Str},
			{Name: "version"},
			{Name: "requirements"},
			{Name: "virtualenv", Type: Path},
			{Name: "virtualenv_site_packages", Type: Bool, Default: false},
			{Name: "virtualenv_command", Type: Path, Default: "virtualenv"},
			{Name: "virtualenv_python"},
			{Name: "extra_args"},
			{Name: "editable", Type: Bool, Default: false},
			{Name: "chdir", Type: Path},
			{Name: "executable", Type: Path},
			{Name: "umask"},
			{Name: "break_system_packages", Type: Bool, Default: false, Since: "2.17"},
		},
		RequiredOneOf:     [][]string{{"name", "requirements"}},
		MutuallyExclusive: [][]string{{"name", "requirements"}, {"executable", "virtualenv"}},
		Check:             CheckFull,
		Own:               true, // without setuptools Ansible's own does not start
		Plan:              planPip,
	})
}

// pipTask is one call of pip.
type pipTask struct {
	*Task
	venv, dir string
	pip       []string
	env       []string
}

func planPip(ctx context.Context, t *Task) error {
	p := &pipTask{Task: t, venv: t.Str("virtualenv"), dir: t.Str("chdir")}
	if p.dir != "" {
		p.dir = t.abs(p.dir)
	}
	if t.Bool("break_system_packages") {
		p.env = append(p.env, "PIP_BREAK_SYSTEM_PACKAGES=1")
	}
	if t.Has("version") && len(t.Strs("name")) > 1 {
		return fail("'version' argument is ambiguous when installing multiple package distributions. Please specify version restrictions next to each package in 'name' argument.")
	}
	t.Return("virtualenv", nil)
	if t.Has("virtualenv") {
		t.Return("virtualenv", p.venv)
	}
	t.Return("state", t.Str("state"))
	t.Return("version", t.args["version"])
	t.Return("name", t.args["name"])
	t.Return("requirements", t.args["requirements"])
	fresh := p.venv != "" && !exists(filepath.Join(p.venv, "bin", "activate"))
	if fresh {
		t.Change(p.makeVenv)
	}
	if err := p.find(fresh); err != nil {
		return err
	}
	needed, err := p.needed(ctx, fresh)
	if err != nil || !needed {
		return err
	}
	if p.Has("requirements") {
		// Whether anything changes is only known afterwards.
		if t.Check {
			t.changed = true
			return nil
		}
		t.Act(p.install)
		return nil
	}
	t.Change(p.install)
	return nil
}

func (p *pipTask) find(fresh bool) error {
	switch {
	case p.venv != "":
		p.pip = []string{filepath.Join(p.venv, "bin", "pip")}
		if !fresh && !exists(p.pip[0]) {
			return fail(fmt.Sprintf("Unable to find pip in the virtualenv, %s, under any of these names: pip3, pip. Make sure pip is present in the virtualenv.", p.venv))
		}
	case p.Has("executable"):
		p.pip = []string{p.Str("executable")}
	default:
		for _, name := range []string{"pip3", "pip"} {
			if path, err := p.Task.find(name); err == nil {
				p.pip = []string{path}
				return nil
			}
		}
		return fail("Unable to find any of pip3, pip to use.  pip needs to be installed.")
	}
	return nil
}

func (p *pipTask) makeVenv(ctx context.Context) error {
	command, err := shellWords(p.Str("virtualenv_command"))
	if err != nil {
		return err
	}
	if len(command) == 1 && command[0] == "virtualenv" {
		if _, err := p.Task.find("virtualenv"); err != nil {
			command = []string{"python3", "-m", "venv"}
		}
	}
	if p.Bool("virtualenv_site_packages") {
		command = append(command, "--system-site-packages")
	}
	if py := p.Str("virtualenv_python"); py != "" && command[0] != "python3" {
		command = append(command, "-p"+py)
	}
	out, err := p.run(ctx, program{args: append(command, p.venv), dir: p.dir, env: p.env})
	if err == nil && out.rc != 0 {
		err = fail(out.stdout+out.stderr, Result{"cmd": toAny(command)})
	}
	return err
}

var requirement = regexp.MustCompile(`^([A-Za-z0-9._-]+)(\[[^\]]*\])?\s*(==)?\s*([A-Za-z0-9.*+!_-]*)$`)

var dashes = regexp.MustCompile(`[-_.]+`)

func pipName(name string) string { return strings.ToLower(dashes.ReplaceAllString(name, "-")) }

// needed compares what is asked for with what is installed. What is not as simple as a name and a version is left to pip.
func (p *pipTask) needed(ctx context.Context, fresh bool) (bool, error) {
	if fresh || p.Has("requirements") || p.Str("state") == "forcereinstall" {
		return true, nil
	}
	out, err := p.run(ctx, program{args: append(p.pip[:len(p.pip):len(p.pip)], "list", "--format=freeze", "--disable-pip-version-check"), dir: p.dir, env: p.env})
	if err != nil {
		return false, err
	}
	if out.rc != 0 {
		return false, fail("pip list: " + strings.TrimSpace(out.stderr))
	}
	installed := map[string]string{}
	for line := range strings.SplitSeq(out.stdout, "\n") {
		if name, version, ok := strings.Cut(line, "=="); ok {
			installed[pipName(name)] = version
		}
	}
	for _, name := range p.Strs("name") {
		m := requirement.FindStringSubmatch(strings.TrimSpace(name))
		if m == nil {
			return true, nil
		}
		version := m[4]
		if p.Has("version") {
			version = p.Str("version")
		}
		now, there := installed[pipName(m[1])]
		switch {
		case p.Str("state") == "absent":
			if there {
				return true, nil
			}
		case !there || version != "" && version != now || p.Str("state") == "latest":
			return true, nil
		}
	}
	return false, nil
}

var pipChanged = regexp.MustCompile(`(?m)(^\s*Successfully (un)?installed|Found existing installation|Uninstalling )`)

func (p *pipTask) install(ctx context.Context) error {
	args := append([]string{}, p.pip...)
	switch p.Str("state") {
	case "absent":
		args = append(args, "uninstall", "-y")
	case "latest":
		args = append(args, "install", "-U")
	case "forcereinstall":
		args = append(args, "install", "-U", "--force-reinstall")
	default:
		args = append(args, "install")
	}
	extra, err := shellWords(p.Str("extra_args"))
	if err != nil {
		return err
	}
	args = append(args, extra...)
	if p.Bool("editable") {
		args = append(args, "-e")
	}
	if r := p.Str("requirements"); r != "" {
		args = append(args, "-r", r)
	}
	for _, name := range p.Strs("name") {
		if p.Has("version") {
			name += "==" + p.Str("version")
		}
		args = append(args, name)
	}
	dir := p.dir
	if dir == "" {
		dir = os.TempDir()
	}
	out, err := p.run(ctx, program{args: args, dir: dir, env: p.env})
	if err != nil {
		return err
	}
	p.Return("cmd", toAny(args))
	p.Return("stdout", out.stdout)
	p.Return("stderr", out.stderr)
	if out.rc != 0 {
		return fail(strings.TrimSpace("stdout: "+out.stdout+"\n:stderr: "+out.stderr), Result{"cmd": toAny(args)})
	}
	p.changed = p.changed && !p.Has("requirements") && p.Str("state") != "latest" || pipChanged.MatchString(out.stdout)
	return nil
}
