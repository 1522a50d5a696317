package engine

import (
	"strings"
	"sync"

	"goodstate.dev/goodstate/core/py"
)

// record is what a run has learnt of a host: facts, variables that were included, and facts that were set or registered, which win in this order.
type record struct {
	mu       sync.RWMutex
	facts    *py.Dict // with their names as modules said them
	injected *py.Dict // as variables
	named    *py.Dict // as ansible_facts
	included *py.Dict
	set      *py.Dict
}

func newRecord() *record {
	return &record{facts: py.NewDict(), injected: py.NewDict(), named: py.NewDict(), included: py.NewDict(), set: py.NewDict()}
}

// records are by name of the host; one that is in no inventory may have one too.
type records struct {
	mu sync.Mutex
	of map[string]*record
}

func (r *records) host(name string) *record {
	r.mu.Lock()
	defer r.mu.Unlock()
	rec := r.of[name]
	if rec == nil {
		rec = newRecord()
		r.of[name] = rec
	}
	return rec
}

// setFact is set_fact and register.
func (r *record) setFact(name string, value any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.set.Set(name, value)
}

func (r *record) include(name string, value any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.included.Set(name, value)
}

// learn takes facts that a module found.
func (r *record) learn(facts *py.Dict) {
	r.mu.Lock()
	defer r.mu.Unlock()
	// ansible_facts is a dict that templates may hold, so it is made anew.
	named := r.named.Copy()
	for k, v := range facts.All() {
		name, ok := k.(string)
		if !ok {
			name = py.Str(k)
		}
		r.facts.Set(name, v)
		named.Set(nameOfFact(name), v)
		if !restricted(name) {
			r.injected.Set(name, v)
		}
	}
	r.named = named
}

// nameOfFact is the name in ansible_facts.
func nameOfFact(name string) string {
	if name == "ansible_local" {
		return name
	}
	return strings.TrimPrefix(name, "ansible_")
}

func (r *record) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.facts, r.injected, r.named = py.NewDict(), py.NewDict(), py.NewDict()
}

func (r *record) gathered() bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.facts.Has("_ansible_facts_gathered")
}

var restrictedNames = map[string]bool{
	"ansible_connection": true, "ansible_host": true, "ansible_port": true, "ansible_user": true, "ansible_password": true, "ansible_private_key_file": true,
	"ansible_pipelining": true, "ansible_shell_type": true, "ansible_shell_executable": true, "ansible_module_compression": true, "ansible_timeout": true,
	"ansible_rsync_path": true, "ansible_playbook_python": true, "ansible_become": true, "ansible_ssh_host": true, "ansible_ssh_user": true,
}

// restricted are facts that must not become variables, since they would say how the host is reached and with which program.
func restricted(name string) bool {
	if strings.HasPrefix(name, "_ansible_") && name != "_ansible_facts_gathered" {
		return true
	}
	if !strings.HasPrefix(name, "ansible_") {
		return false
	}
	if strings.HasPrefix(name, "ansible_ssh_host_key_") || strings.HasPrefix(name, "ansible_discovered_interpreter_") {
		return false
	}
	for _, kind := range []string{"ssh_", "local_", "paramiko_ssh_", "winrm_", "psrp_", "become_"} {
		if strings.HasPrefix(name, "ansible_"+kind) && !strings.HasSuffix(name, "_bridge") {
			return true
		}
	}
	return restrictedNames[name] || strings.HasSuffix(name, "_interpreter")
}
