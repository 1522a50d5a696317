package fallback

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// payload is an archive of Python sources, named by its hash.
type payload struct {
	hash  string
	data  []byte
	names map[string]string // dotted name to source, of what is in it
	of    state             // of the module's file
}

// The packages that have no source of their own in an archive. Both archives of a call have them, and Python looks into both.
const packageSource = "from pkgutil import extend_path\n__path__ = extend_path(__path__, __name__)\n"

// bundle collects a module and what it imports.
type bundle struct {
	a       *Ansible
	in      *installation
	sources map[string]string // dotted name to text; packages end in .__init__
	without map[string]string // what the base archive has
	queue   []wanted
	seen    map[wanted]bool
	files   []string // that were read
}

func (a *Ansible) bundle(in *installation, without map[string]string) *bundle {
	return &bundle{a: a, in: in, sources: map[string]string{}, without: without, seen: map[wanted]bool{}}
}

// baseOf packs what all modules share, once.
func (a *Ansible) baseOf(in *installation) (*payload, error) {
	a.packing.Lock() // many hosts want it at once
	defer a.packing.Unlock()
	if a.base != nil {
		return a.base, nil
	}
	what := "base\x00" + in.pkg + "\x00" + in.version
	if a.base = a.recall(what); a.base != nil {
		return a.base, nil
	}
	b := a.bundle(in, nil)
	b.queue = append(b.queue, wanted{"ansible.module_utils.basic", ""}, wanted{"ansible.module_utils._text", ""}, wanted{"ansible.module_utils.six.moves", ""})
	base, err := b.pack()
	if err != nil {
		return nil, fmt.Errorf("packing what Ansible's modules share: %w", err)
	}
	if b.sources["ansible.module_utils.basic"] == "" {
		return nil, fmt.Errorf("packing what Ansible's modules share: %s has no module_utils/basic.py", in.pkg)
	}
	a.remember(what, base, b.files)
	a.base = base
	return base, nil
}

// packModule packs a module with what it imports beyond the base; a module that has not changed is packed once.
func (a *Ansible) packModule(in *installation, base *payload, m *Module) (*payload, error) {
	now, ok := stateOf(m.Path)
	if !ok {
		return nil, fmt.Errorf("packing the module %s: %s is gone", m.Name, m.Path)
	}
	a.packing.Lock()
	defer a.packing.Unlock()
	what := fmt.Sprintf("module\x00%s\x00%s\x00%s", m.Path, m.Full, base.hash)
	if p := a.packed[what]; p != nil && p.of == now {
		return p, nil
	}
	p := a.recall(what)
	if p == nil {
		text, err := os.ReadFile(m.Path)
		if err != nil {
			return nil, err
		}
		b := a.bundle(in, base.names)
		b.files = append(b.files, m.Path)
		b.add(m.Full, string(text), false)
		if p, err = b.pack(); err != nil {
			return nil, fmt.Errorf("packing the module %s: %w", m.Name, err)
		}
		a.remember(what, p, b.files)
	}
	p.of = now
	a.packed[what] = p
	return p, nil
}

// add takes a source in and looks at what it imports.
func (b *bundle) add(full, text string, isPackage bool) {
	key := full
	if isPackage {
		key += ".__init__"
	}
	if _, ok := b.sources[key]; ok {
		return
	}
	b.sources[key] = text
	for _, w := range imports(text, full, isPackage) {
		if ofUtils(w.module) || ofUtils(w.module+"."+w.name) {
			b.queue = append(b.queue, w)
		}
	}
}

// pack follows the imports until there are none, and makes the archive.
func (b *bundle) pack() (*payload, error) {
	for len(b.queue) > 0 {
		w := b.queue[0]
		b.queue = b.queue[1:]
		if b.seen[w] {
			continue
		}
		b.seen[w] = true
		b.resolve(w.module)
		if w.name != "" && w.name != "*" {
			b.resolve(w.module + "." + w.name)
		}
		if len(b.sources) > 5000 {
			return nil, fmt.Errorf("it imports more than %d files", 5000)
		}
	}
	return b.archive()
}

// resolve takes in the source of a dotted name, when there is one, and its packages.
func (b *bundle) resolve(full string) {
	if !ofUtils(full) {
		return
	}
	parts := strings.Split(full, ".")
	for i := 3; i <= len(parts); i++ {
		b.one(strings.Join(parts[:i], "."))
	}
}

func (b *bundle) one(full string) {
	if b.has(full) {
		return
	}
	for _, path := range b.places(full) {
		if text, err := os.ReadFile(path + ".py"); err == nil {
			b.files = append(b.files, path+".py")
			b.add(full, string(text), false)
			return
		}
		if text, err := os.ReadFile(filepath.Join(path, "__init__.py")); err == nil {
			b.files = append(b.files, filepath.Join(path, "__init__.py"))
			b.add(full, string(text), true)
			return
		}
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			b.add(full, "", true)
			return
		}
	}
	b.moved(full)
}

func (b *bundle) has(full string) bool {
	for _, key := range []string{full, full + ".__init__"} {
		if _, ok := b.sources[key]; ok {
			return true
		}
		if _, ok := b.without[key]; ok {
			return true
		}
	}
	return false
}

// places lists where a dotted name may lie, without .py; module_utils of the playbooks come before Ansible's.
func (b *bundle) places(full string) []string {
	path := filepath.FromSlash(strings.ReplaceAll(full, ".", "/"))
	var list []string
	if strings.HasPrefix(full, "ansible_collections.") {
		for _, root := range b.in.collections {
			list = append(list, filepath.Join(root, path))
		}
		return list
	}
	if rest, ok := strings.CutPrefix(path, filepath.FromSlash("ansible/module_utils/")); ok {
		for _, dir := range b.a.utilFolders() {
			list = append(list, filepath.Join(dir, rest))
		}
	}
	return append(list, filepath.Join(filepath.Dir(b.in.pkg), path))
}

// moved makes a source for a name that has moved elsewhere.
func (b *bundle) moved(full string) {
	parts := strings.Split(full, ".")
	var to string
	switch {
	case parts[0] == "ansible" && len(parts) > 2:
		to = b.a.route(filepath.Join(b.in.pkg, "config", "ansible_builtin_runtime.yml")).redirect("module_utils", strings.Join(parts[2:], "."))
	case len(parts) > 5:
		for _, root := range b.in.collections {
			path := filepath.Join(root, "ansible_collections", parts[1], parts[2], "meta", "runtime.yml")
			if to = b.a.route(path).redirect("module_utils", strings.Join(parts[5:], ".")); to != "" {
				break
			}
		}
	}
	if to == "" {
		return
	}
	if p := strings.SplitN(to, ".", 3); len(p) == 3 && p[0] != "ansible_collections" {
		to = "ansible_collections." + p[0] + "." + p[1] + ".plugins.module_utils." + p[2]
	}
	b.add(full, "import sys\nimport "+to+" as mod\nsys.modules['"+full+"'] = mod\n", false)
}

// archive makes a zip that is equal for equal sources.
func (b *bundle) archive() (*payload, error) {
	all := map[string]string{}
	for key, text := range b.sources {
		all[key] = text
		parts := strings.Split(key, ".")
		for i := 1; i < len(parts); i++ {
			pkg := strings.Join(parts[:i], ".") + ".__init__"
			if _, ok := b.sources[pkg]; !ok {
				all[pkg] = packageSource
			}
		}
	}
	all["ansible.__init__"] = packageSource + "__version__ = '" + b.in.version + "'\n"
	all["ansible.release"] = "__version__ = '" + b.in.version + "'\n__author__ = 'Ansible, Inc.'\n__codename__ = ''\n"
	if text, ok := all["ansible.module_utils.__init__"]; !ok || !strings.Contains(text, "extend_path") {
		all["ansible.module_utils.__init__"] = packageSource
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		f, err := w.CreateHeader(&zip.FileHeader{Name: strings.ReplaceAll(key, ".", "/") + ".py", Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)})
		if err != nil {
			return nil, err
		}
		if _, err := f.Write([]byte(all[key])); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(out.Bytes())
	return &payload{hash: hex.EncodeToString(sum[:]), data: out.Bytes(), names: b.sources}, nil
}
