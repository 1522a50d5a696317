package inventory

import (
	"fmt"
	"regexp"
	"strings"

	"goodstate.dev/goodstate/core/py"
)

var (
	iniSection = regexp.MustCompile(`^\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?$`)
	iniName    = regexp.MustCompile(`^([^:\]\s]+)\s*(?:#.*)?$`)
)

// ini reads one INI file. A group may be named before it is declared; pending remembers where.
type ini struct {
	inv     *Inventory
	path    string
	line    int
	pending map[string]*promise
	order   []string
}

type promise struct {
	line    int
	state   string
	parents []string
}

func (inv *Inventory) readINI(path string, text []byte) error {
	p := &ini{inv: inv, path: path, pending: map[string]*promise{}}
	group, state := "ungrouped", "hosts"
	for _, line := range strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n") {
		p.line++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == ';' || line[0] == '#' {
			continue
		}
		var err error
		if m := iniSection.FindStringSubmatch(line); m != nil {
			group, state = m[1], m[2]
			if state == "" {
				state = "hosts"
			}
			err = p.section(group, state)
		} else if strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]") {
			err = p.errorf("Invalid section entry: '%s'. Please make sure that there are no spaces in the section entry, and that there are no other invalid characters", line)
		} else {
			err = p.entry(group, state, line)
		}
		if err != nil {
			return err
		}
	}
	return p.unresolved()
}

func (p *ini) errorf(format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", p.path, p.line, fmt.Sprintf(format, args...))
}

func (p *ini) section(group, state string) error {
	if state != "hosts" && state != "children" && state != "vars" {
		return p.errorf("Section [%s:%s] has unknown type: %s", group, state, state)
	}
	if _, ok := p.inv.groups[group]; !ok {
		if state == "vars" && p.pending[group] == nil {
			p.promise(group, &promise{line: p.line, state: state})
		}
		p.inv.addGroup(group)
	}
	if kept := p.pending[group]; kept != nil && state != "vars" {
		return p.fulfil(group, kept)
	}
	return nil
}

func (p *ini) promise(group string, what *promise) {
	p.pending[group] = what
	p.order = append(p.order, group)
}

// fulfil puts a group that is declared now below the groups that named it.
func (p *ini) fulfil(group string, kept *promise) error {
	delete(p.pending, group)
	for _, parent := range kept.parents {
		if err := p.inv.groups[parent].addChild(p.inv.addGroup(group)); err != nil {
			return p.errorf("%v", err)
		}
		if above := p.pending[parent]; above != nil && above.state == "children" {
			if err := p.fulfil(parent, above); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *ini) entry(group, state, line string) error {
	switch state {
	case "hosts":
		return p.hosts(group, line)
	case "vars":
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			return p.errorf("Expected key=value, got: %s", line)
		}
		if err := p.inv.groups[group].set(strings.TrimSpace(name), Value(strings.TrimSpace(value))); err != nil {
			return p.errorf("%v", err)
		}
		return nil
	}
	m := iniName.FindStringSubmatch(line)
	if m == nil {
		return p.errorf("Expected group name, got: %s", line)
	}
	child, known := p.inv.groups[m[1]]
	if known {
		if err := p.inv.groups[group].addChild(child); err != nil {
			return p.errorf("%v", err)
		}
		return nil
	}
	if kept := p.pending[m[1]]; kept != nil {
		kept.parents = append(kept.parents, group)
		return nil
	}
	p.promise(m[1], &promise{line: p.line, state: state, parents: []string{group}})
	return nil
}

func (p *ini) hosts(group, line string) error {
	tokens, err := words(line)
	if err != nil {
		return p.errorf("Error parsing host definition '%s': %v", line, err)
	}
	if len(tokens) == 0 {
		return nil
	}
	names, port, err := expandHosts(tokens[0])
	if err != nil {
		return p.errorf("%v", err)
	}
	if strings.HasSuffix(tokens[0], ":") && port == 0 {
		return p.errorf("Invalid host pattern '%s' supplied, ending in ':' is not allowed, this character is reserved to provide a port.", tokens[0])
	}
	vars := py.NewDict()
	for _, token := range tokens[1:] {
		name, value, ok := strings.Cut(token, "=")
		if !ok {
			return p.errorf("Expected key=value host variable assignment, got: %s", token)
		}
		vars.Set(name, Value(value))
	}
	for _, name := range names {
		if name == "---" {
			return p.errorf("Invalid host pattern '%s' supplied, '---' is normally a sign this is a YAML file.", name)
		}
		if err := p.inv.populate(name, p.inv.groups[group], port, vars); err != nil {
			return p.errorf("%v", err)
		}
	}
	return nil
}

// populate adds a host with what one entry says of it.
func (inv *Inventory) populate(name string, into *Group, port int, vars *py.Dict) error {
	_, known := inv.hosts[name]
	h, err := inv.AddHost(name, into)
	if err != nil {
		return err
	}
	if !known && port != 0 {
		h.Vars.Set("ansible_port", int64(port))
	}
	for key, value := range vars.All() {
		h.Vars.Set(key, value)
	}
	return nil
}

func (p *ini) unresolved() error {
	for _, group := range p.order {
		kept := p.pending[group]
		switch {
		case kept == nil:
		case kept.state == "vars":
			return fmt.Errorf("%s:%d: Section [%s:vars] not valid for undefined group: %s", p.path, kept.line, group, group)
		default:
			return fmt.Errorf("%s:%d: Section [%s:children] includes undefined group: %s", p.path, kept.line, kept.parents[len(kept.parents)-1], group)
		}
	}
	return nil
}
