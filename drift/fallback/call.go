package fallback

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"

	"goodstate.dev/goodstate/drift/agent"
	"goodstate.dev/goodstate/drift/module"
)

// usualPythons are where Python is found on a host when its variables do not say.
var usualPythons = []string{
	"/usr/bin/python3", "/usr/libexec/platform-python", "python3", "/usr/local/bin/python3", "python3.13", "python3.12", "python3.11", "python3.10", "python3.9", "python3.8",
	"python3.7", "/usr/bin/python", "python", "python2.7",
}

// Call prepares a call for a module that is not native; one that is native is left as it is, unless a library folder has its own.
func (a *Ansible) Call(ctx context.Context, name, python string, call *agent.Call) error {
	_, local := a.Local(name)
	if _, native := module.Find(name); native && !local {
		return nil
	}
	return a.Python(ctx, name, python, call)
}

// Python prepares a call for the module in Python, also where there is a native one: a native module may not know all options.
func (a *Ansible) Python(_ context.Context, name, python string, call *agent.Call) error {
	m, local := a.Local(name)
	if !local {
		var err error
		if m, err = a.Find(name); err != nil {
			return err
		}
	}
	p := &agent.Python{Style: m.Style, Main: m.Full, Interpreters: interpreters(python, m)}
	if m.Style == "new" {
		if err := a.prepare(m, p, call); err != nil {
			return err
		}
	} else if err := whole(m, p, call); err != nil {
		return err
	}
	call.Python = p
	a.use(name)
	return nil
}

// prepare packs a module of the kind that imports Ansible's own.
func (a *Ansible) prepare(m *Module, p *agent.Python, call *agent.Call) error {
	in, err := a.find()
	if err != nil {
		return err
	}
	base, err := a.baseOf(in)
	if err != nil {
		return err
	}
	own, err := a.packModule(in, base, m)
	if err != nil {
		return err
	}
	p.Base, p.Payload, p.Version = base.hash, own.hash, in.version
	call.Blobs = append(call.Blobs, agent.Blob{Hash: base.hash, Data: base.data}, agent.Blob{Hash: own.hash, Data: own.data})
	return nil
}

// whole sends a module as it is.
func whole(m *Module, p *agent.Python, call *agent.Call) error {
	text, err := os.ReadFile(m.Path)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(text)
	p.Payload = hex.EncodeToString(sum[:])
	call.Blobs = append(call.Blobs, agent.Blob{Hash: p.Payload, Data: text})
	return nil
}

func interpreters(python string, m *Module) []string {
	if m.Shell != "" {
		return []string{m.Shell}
	}
	if python == "" || strings.HasPrefix(python, "auto") {
		return usualPythons
	}
	return []string{python}
}

// Knows says whether there is a module of a name, native or not.
func (a *Ansible) Knows(name string) bool {
	if _, native := module.Find(name); native {
		return true
	}
	_, err := a.Find(name)
	return err == nil
}

// utilFolders lists the module_utils folders that belong to the playbooks.
func (a *Ansible) utilFolders() []string {
	var list []string
	for _, base := range a.options.Bases {
		list = append(list, filepath.Join(base, "module_utils"))
		if found, err := filepath.Glob(filepath.Join(base, "roles", "*", "module_utils")); err == nil {
			list = append(list, found...)
		}
	}
	set := a.options.ModuleUtils
	if set == nil {
		set = filepath.SplitList(os.Getenv("ANSIBLE_MODULE_UTILS"))
	}
	return append(list, set...)
}
