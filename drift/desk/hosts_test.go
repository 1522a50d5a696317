package desk

import (
	"strconv"
	"strings"
	"testing"
)

func TestAnInventoryIsReadBeforeItIsKept(t *testing.T) {
	b := newBench(t, map[string]string{"hosts.ini": "[db]\ndb1\n", "script.sh": "#!/bin/sh\necho '{}'\n"})
	b.must(b.pull())
	for _, c := range []struct {
		name, path, text, want string
	}{
		{"ini", "", "[web]\nweb[1:40]\n[db]\ndb2\n", "all 41 db2, web[1-40]; web 40 web[1-40]; db 1 db2"},
		{"yaml", "", "all:\n  hosts:\n    a:\n", "all 1 a"},
		{"windows", "", "[web]\r\nweb1\r\n", "all 1 web1; web 1 web1"},
		{"path", "hosts.ini", "", "all 1 db1; db 1 db1"},
		{"nothing", "", "", "either a path in the project or a text"},
		{"two", "hosts.ini", "web1", "either a path in the project or a text"},
		{"missing", "none.ini", "", "not in the project"},
		{"outside", "../x", "", "leads out of the project"},
		{"empty", "", "# nothing\n", "no host"},
		{"open", "", "web1\n[web\nweb2\n", "line 2: host range"},
		{"bad yaml", "", "all:\n  hosts:\n    a: [\n", "line"},
	} {
		h, err := b.Hosts(t.Context(), Inventory{Project: "web", Name: "x", Path: c.path, Text: c.text})
		got := []string{}
		for _, g := range h.Groups {
			if g.Group != "ungrouped" {
				got = append(got, strings.Join([]string{g.Group, strconv.Itoa(g.Count), g.Hosts}, " "))
			}
		}
		text := strings.Join(got, "; ")
		if err != nil {
			text = err.Error()
		}
		if !strings.Contains(text, c.want) || strings.Contains(text, "/tmp") {
			t.Errorf("%s: %q %v, want %q", c.name, text, h.Said, c.want)
		}
	}
}
