package serve

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"strings"
	"sync"

	"goodstate.dev/goodstate/drift/agent/wire"
	"goodstate.dev/goodstate/drift/module"
)

//go:embed warm.py
var warmSource string

// maxPrinted bounds what a module may print on each of its streams; its result is part of it.
const maxPrinted = 40 << 20

// interpreters run the modules that are not the agent's own, each kind of Python kept warm.
type interpreters struct {
	blobs *blobs
	mu    sync.Mutex
	warm  map[string]*warm // by interpreter and base archive
}

// run carries out a module by an interpreter of the host.
func (p *interpreters) run(ctx context.Context, call wire.Call) module.Result {
	interpreter, found := findInterpreter(call.Python.Interpreters)
	if !found && call.Python.Style != "binary" {
		return module.Result{"failed": true, "msg": fmt.Sprintf(
			"module %s is written in Python, and there is no Python on the host (looked for %s); install it there, set ansible_python_interpreter, or use a native module",
			call.Module, strings.Join(call.Python.Interpreters, ", "))}
	}
	var printed output
	var err error
	if call.Python.Style == "new" {
		printed, err = p.runWarm(ctx, interpreter, call)
	} else {
		printed, err = p.runFile(ctx, interpreter, call)
	}
	if ctx.Err() != nil {
		return module.Result{"failed": true, "msg": "interrupted"}
	}
	if err != nil {
		return module.Result{"failed": true, "msg": fmt.Sprintf("running the module %s by %s: %v", call.Module, interpreter, err)}
	}
	return printed.result(interpreter)
}

// findInterpreter takes the first interpreter that is there; env words before it are allowed, as in "/usr/bin/env python3".
func findInterpreter(list []string) (string, bool) {
	for _, name := range list {
		words := strings.Fields(name)
		if len(words) == 0 {
			continue
		}
		if _, err := exec.LookPath(words[len(words)-1]); err == nil {
			return name, true
		}
	}
	return "", false
}

// output is what a module printed.
type output struct {
	rc       int
	out, err string
}

// result finds the JSON of a module in what it printed; other lines around it are left out.
func (o output) result(interpreter string) module.Result {
	lines := strings.Split(o.out, "\n")
	from, to := -1, -1
	for i, line := range lines {
		trimmed := strings.TrimSpace(line)
		if from < 0 && strings.HasPrefix(trimmed, "{") {
			from = i
		}
		if from >= 0 && strings.HasSuffix(trimmed, "}") {
			to = i
		}
	}
	result := module.Result{}
	if from >= 0 && to >= from && wire.Decode([]byte(strings.Join(lines[from:to+1], "\n")), &result) == nil && result != nil {
		if _, said := result["rc"]; o.rc != 0 && !said && result["failed"] == nil {
			result["failed"], result["rc"] = true, o.rc
		}
		return result
	}
	msg := "MODULE FAILURE\nSee stdout/stderr for the exact error"
	if o.rc == 127 || strings.Contains(o.err, "No module named") && strings.Contains(o.err, "ansible") {
		msg += "\nThe interpreter is " + interpreter
	}
	return module.Result{"failed": true, "rc": o.rc, "module_stdout": o.out, "module_stderr": o.err, "msg": msg}
}

// arguments are what a module of Ansible reads: its own options, and what Ansible says about the run.
func arguments(call wire.Call, tmp string) (string, error) {
	args := map[string]any{}
	maps.Copy(args, call.Args)
	for k, v := range map[string]any{
		"_ansible_check_mode": call.Check, "_ansible_diff": call.Diff, "_ansible_no_log": call.NoLog, "_ansible_debug": false,
		"_ansible_verbosity": call.Verbosity, "_ansible_version": call.Python.Version, "_ansible_module_name": call.Module,
		"_ansible_syslog_facility": "LOG_USER", "_ansible_selinux_special_fs": []string{"fuse", "nfs", "vboxsf", "ramfs", "9p", "vfat"},
		"_ansible_string_conversion_action": "warn", "_ansible_socket": nil, "_ansible_shell_executable": "/bin/sh",
		"_ansible_keep_remote_files": false, "_ansible_tmpdir": tmp, "_ansible_remote_tmp": orElse(call.Tmp, "~/.ansible/tmp"),
	} {
		args[k] = v
	}
	text, err := json.Marshal(map[string]any{"ANSIBLE_MODULE_ARGS": args})
	return string(text), err
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// runWarm hands a module to an interpreter that is already there.
func (p *interpreters) runWarm(ctx context.Context, interpreter string, call wire.Call) (output, error) {
	tmp, err := p.scratch()
	if err != nil {
		return output{}, err
	}
	defer os.RemoveAll(tmp)
	args, err := arguments(call, tmp)
	if err != nil {
		return output{}, err
	}
	base, err := p.blobs.file(ctx, call.Python.Base, ".zip", 0o600)
	if err != nil {
		return output{}, err
	}
	payload, err := p.blobs.file(ctx, call.Python.Payload, ".zip", 0o600)
	if err != nil {
		return output{}, err
	}
	w, err := p.keep(interpreter, base)
	if err != nil {
		return output{}, err
	}
	env := map[string]string{}
	maps.Copy(env, call.Env)
	printed, err := w.ask(ctx, request{Payload: payload, Main: call.Python.Main, Args: args, Env: env, Dir: call.Dir, Umask: call.Umask})
	if err != nil {
		p.forget(interpreter, base)
		return output{}, err
	}
	return printed, nil
}

// scratch is a folder for one module's temporary files.
func (p *interpreters) scratch() (string, error) {
	dir, err := p.blobs.folder()
	if err != nil {
		return "", err
	}
	return os.MkdirTemp(dir, "module-")
}

func (p *interpreters) keep(interpreter, base string) (*warm, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := interpreter + "\x00" + base
	if w := p.warm[key]; w != nil {
		return w, nil
	}
	w, err := startWarm(interpreter, base)
	if err != nil {
		return nil, err
	}
	if p.warm == nil {
		p.warm = map[string]*warm{}
	}
	p.warm[key] = w
	return w, nil
}

func (p *interpreters) forget(interpreter, base string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := interpreter + "\x00" + base
	if w := p.warm[key]; w != nil {
		w.end()
		delete(p.warm, key)
	}
}

func (p *interpreters) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.warm {
		w.end()
	}
	p.warm = nil
}
