package inventory

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"goodstate.dev/goodstate/core/py"
)

func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		mode := os.FileMode(0o644)
		if strings.HasPrefix(text, "#!") {
			mode = 0o755
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func load(t *testing.T, dir string, sources ...string) (*Inventory, []string) {
	t.Helper()
	var warnings []string
	for i, s := range sources {
		if !strings.Contains(s, ",") {
			sources[i] = filepath.Join(dir, s)
		}
	}
	inv, err := Load(context.Background(), sources, Options{Load: readFile, Warn: func(text string) { warnings = append(warnings, text) }})
	if err != nil {
		t.Fatal(err)
	}
	return inv, warnings
}

const shop = `
plain
[web]
web[01:05:2].example.com:2222 tier=front
web0 note="two words" list="[1, 'two', 3.0]" # and a comment
[db]
db-[a:c]
alias ansible_host=10.0.0.9 flag=True none=None octal=0644 hex=0x10 neg=-3 dict="{'a': {'b': (1,)}}"
[prod:children]
web
later
[later]
late
web0
[prod:vars]
colour = 'dark red'
size=12 # inches
path=/a b=c
big=123456789012345678901234567890
under=1_000
[later:vars]
ansible_group_priority=10
colour=green
`

// The judge of what an inventory says is ansible-inventory itself.
var judged = map[string]struct {
	files   map[string]string
	sources []string
}{
	"an INI file": {map[string]string{"hosts.ini": shop}, []string{"hosts.ini"}},
	"folders of variables": {map[string]string{
		"hosts": "[web]\nw1\nw2 x=inline\n[db]\nd1\n[all:vars]\nx=ini-all\n[web:vars]\ny=ini-web\n", "group_vars/all.yml": "x: all\ny: all\nz: all\n",
		"group_vars/web/a.yml": "z: a\nm: {p: 1}\n", "group_vars/web/b.json": `{"z": "b", "m": {"q": 2}}`, "group_vars/web/.hidden.yml": "z: hidden\n",
		"group_vars/web/c.yml~": "z: backup\n", "host_vars/w1.yaml": "x: host\n", "host_vars/d1": "mode: 0644\nflag: yes\ntime: 12:30\n", "group_vars/db.txt": "z: txt\n",
	}, []string{"hosts"}},
	"a folder of sources": {map[string]string{
		"inv/10-web": "[web]\nw1\nw2\n", "inv/20-db.ini": "[db]\nd1\n[web]\nw3\n", "inv/30.yml": "all: {children: {web: {hosts: {'w[4:5]': {k: v}}, vars: {v: 1}}}}\n", "inv/x.txt": "[t]\nt1\n",
		"inv/sub/more": "[more]\nm1\n", "inv/group_vars/web.yml": "g: 1\n", "inv/s.py": "#!/bin/sh\necho '{\"script\": {\"hosts\": [\"s1\", \"s2\"], \"vars\": {\"a\": 1}}, \"_meta\": {\"hostvars\": {\"s1\": {\"h\": [1, 2.5, null]}}}}'\n",
	}, []string{"inv"}},
	"a script without _meta": {map[string]string{
		"s": "#!/bin/sh\nif [ $1 = --host ]; then echo \"{\\\"me\\\": \\\"$2\\\"}\"; else echo '{\"a\": [\"h1\", \"h2\"], \"b\": {\"children\": [\"a\"], \"vars\": {\"x\": true}}, \"lone\": {\"v\": 1}}'; fi\n",
	}, []string{"s"}},
	"several sources": {map[string]string{"one": "[web]\nw1 a=1\n", "two": "[web]\nw1 a=2\nw2\n[all:vars]\nk=v\n"}, []string{"one", "two", "x1,x[2:3],y"}},
	"a YAML file": {map[string]string{
		"hosts.yml": "all:\n  hosts:\n    lone: {ansible_host: 10.0.0.1}\n  vars: {top: 0644}\n  children:\n    web:\n      hosts:\n        web[1:3]: {n: 1}\n      vars: {v: yes}\n    prod:\n      children: {web: , db: {hosts: {db1: }}}\nother:\n  hosts: x1\n",
	}, []string{"hosts.yml"}},
	"depth before name": {map[string]string{
		"h": "[a:children]\nb\n[b:children]\nc\n[c]\nh1\n[z]\nh1\n[a:vars]\nv=a\n[b:vars]\nv=b\n[c:vars]\nv=c\n[z:vars]\nv=z\nw=z\n",
	}, []string{"h"}},
}

func TestAnInventoryIsReadAsAnsibleReadsIt(t *testing.T) {
	if _, err := exec.LookPath("ansible-inventory"); err != nil {
		t.Fatal("ansible-inventory is the judge; .ci/install installs it")
	}
	for name, c := range judged {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := write(t, c.files)
			inv, warnings := load(t, dir, slices.Clone(c.sources)...)
			doc, err := inv.Document()
			if err != nil {
				t.Fatal(err)
			}
			text, err := py.ToJSON(doc)
			if err != nil {
				t.Fatal(err)
			}
			args := []string{"--list"}
			for _, s := range c.sources {
				args = append(args, "-i", s)
			}
			cmd := exec.Command("ansible-inventory", args...)
			cmd.Dir = dir
			want, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			var a, b any
			if err := json.Unmarshal(text, &a); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(want, &b); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(a, b) {
				t.Errorf("ours:\n%s\nAnsible's:\n%s\nwarnings %q", text, want, warnings)
			}
		})
	}
}

func TestPatternsChooseAsAnsibleDoes(t *testing.T) {
	dir := write(t, map[string]string{"h": "lone\n[web]\nweb1\nweb2\nweb3\n[db]\ndb1\ndb2\n[prod]\nweb1\nweb3\ndb1\n", "limit": "web1\ndb2\n"})
	inv, _ := load(t, dir, "h")
	for pattern, want := range map[string]string{
		"all": "lone web1 web2 web3 db1 db2", "web:&prod:!web3": "web1", "web,db": "web1 web2 web3 db1 db2", "web*": "web1 web2 web3", "~(web|db)1": "web1 db1",
		"web[0]": "web1", "web[-1]": "web3", "web[1:]": "web2 web3", "web[0:1]": "web1 web2", "!web": "lone db1 db2", "ungrouped": "lone", "*": "lone web1 web2 web3 db1 db2",
		"all:!prod": "lone web2 db2", "db2:web1": "db2 web1", "we[bc]?": "web1 web2 web3", "&prod": "web1 web3 db1", "nobody": "", "localhost": "localhost", "web[0:0]": "web1",
		"prod[1]": "web3", "~web[12]": "web1 web2",
	} {
		hosts, err := inv.Match(pattern)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
			continue
		}
		var names []string
		for _, h := range hosts {
			names = append(names, h.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: %q, want %q", pattern, got, want)
		}
	}
	if parts, err := SplitLimit("@" + filepath.Join(dir, "limit")); err != nil || strings.Join(parts, " ") != "web1 db2 " {
		t.Errorf("limit %q, %v", parts, err)
	}
	if _, err := inv.Match("web[7]"); err == nil {
		t.Error("web[7] is no error")
	}
}

func TestAWrongInventoryIsAWarningWithTheLine(t *testing.T) {
	for text, want := range map[string]string{
		"[web:kids]\n":              "Section [web:kids] has unknown type: kids",
		"[web]\nh1 x\n":             "Expected key=value host variable assignment, got: x",
		"[web:vars]\nx=1\n":         "Section [web:vars] not valid for undefined group: web",
		"[web:children]\nnone\n":    "Section [web:children] includes undefined group: none",
		"[web]\nh[3:1:0]\n":         "host range step",
		"[a:children]\na\n":         "itself",
		"[we b]\n":                  "Invalid section entry",
		"[web]\nh[1:99999999999]\n": "hosts",
	} {
		dir := write(t, map[string]string{"h.ini": text})
		_, warnings := load(t, dir, "h.ini")
		if got := strings.Join(warnings, "\n"); !strings.Contains(got, want) || !strings.Contains(got, "Unable to parse "+dir+"/h.ini as an inventory source") {
			t.Errorf("%q: %s", text, got)
		}
	}
}

func TestADynamicHostIsKnownAtOnce(t *testing.T) {
	dir := write(t, map[string]string{"h": "[web]\nweb1\n"})
	inv, _ := load(t, dir, "h")
	if hosts, _ := inv.Match("new"); len(hosts) != 0 {
		t.Fatal(hosts)
	}
	g, _ := inv.AddGroup("new")
	if _, err := inv.AddHost("n1", g); err != nil {
		t.Fatal(err)
	}
	inv.Reconcile()
	if hosts, _ := inv.Match("new"); len(hosts) != 1 || !slices.Equal(hosts[0].GroupNames(), []string{"new"}) {
		t.Errorf("%v", hosts)
	}
}
