package inventory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"goodstate.dev/goodstate/core/py"
)

// ignored are the endings that are never sources in a folder.
var ignored = []string{".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".ini", ".cfg", ".retry"}

var ignoredName = regexp.MustCompile(`^\.|^host_vars$|^group_vars$|^vars_plugins$`)

// read tries the forms of a source and says whether one of them was understood.
func (inv *Inventory) read(ctx context.Context, source string) (bool, error) {
	if isList(source) {
		return true, inv.readList(source)
	}
	info, err := os.Stat(source)
	if err == nil && info.IsDir() {
		return inv.readFolder(ctx, source)
	}
	inv.source = source
	defer func() { inv.source = "" }()
	var failures []string
	for _, form := range forms {
		if err != nil || !form.fits(source, info) {
			continue
		}
		failure := form.read(ctx, inv, source)
		if failure == nil {
			return true, nil
		}
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		failures = append(failures, fmt.Sprintf("\n* Failed to parse %s with %s plugin: %v", source, form.name, failure))
	}
	for _, text := range failures {
		inv.options.Warn(text)
	}
	inv.options.Warn(fmt.Sprintf("Unable to parse %s as an inventory source", source))
	return false, nil
}

// forms are tried in Ansible's order.
var forms = []struct {
	name string
	fits func(path string, info os.FileInfo) bool
	read func(ctx context.Context, inv *Inventory, path string) error
}{
	{"script", isScript, func(ctx context.Context, inv *Inventory, path string) error { return inv.readScript(ctx, path) }},
	{"yaml", isYAML, func(ctx context.Context, inv *Inventory, path string) error { return inv.readYAML(ctx, path) }},
	{"ini", func(string, os.FileInfo) bool { return true }, func(_ context.Context, inv *Inventory, path string) error {
		text, err := inv.text(path)
		if err != nil {
			return err
		}
		return inv.readINI(path, text)
	}},
}

func (inv *Inventory) text(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil || inv.options.Decrypt == nil {
		return text, err
	}
	return inv.options.Decrypt(path, text)
}

func isScript(path string, info os.FileInfo) bool {
	if info.Mode()&0o111 != 0 {
		return true
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var first [2]byte
	n, _ := f.Read(first[:])
	return n == 2 && bytes.Equal(first[:], []byte("#!"))
}

func isYAML(path string, _ os.FileInfo) bool {
	return slices.Contains([]string{"", ".yaml", ".yml", ".json"}, filepath.Ext(path))
}

// readList takes names with commas between them; each may have a port.
func (inv *Inventory) readList(source string) error {
	inv.source = source
	defer func() { inv.source = "" }()
	for name := range strings.SplitSeq(source, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		host, port, err := address(name)
		if err != nil || strings.Contains(host, "[") {
			host, port = name, 0 // a list knows no ranges
		}
		if _, known := inv.hosts[host]; !known {
			if err := inv.populate(host, inv.groups["ungrouped"], port, py.NewDict()); err != nil {
				return err
			}
		}
	}
	return nil
}

// readFolder takes the files of a folder in the order of their names.
func (inv *Inventory) readFolder(ctx context.Context, dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false, fmt.Errorf("inventory %s: %w", dir, err)
	}
	parsed := false
	for _, e := range entries {
		name := e.Name()
		ends := func(ending string) bool { return strings.HasSuffix(name, ending) }
		if ignoredName.MatchString(name) || slices.ContainsFunc(ignored, ends) || slices.ContainsFunc(inv.options.Ignore, ends) {
			continue
		}
		ok, err := inv.read(ctx, filepath.Join(dir, name))
		if err != nil {
			return false, err
		}
		parsed = parsed || ok
	}
	return parsed, nil
}

// readScript runs a program that answers --list and, where its answer has no _meta, --host.
func (inv *Inventory) readScript(ctx context.Context, path string) error {
	text, err := run(ctx, path, "--list")
	if err != nil {
		return err
	}
	return inv.readAnswer(ctx, path, text)
}

const mostOfAnswer = 256 << 20

func run(ctx context.Context, path string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, path, args...)
	var out, errs bounded
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return nil, fmt.Errorf("Inventory script (%s) had an execution error: %s", path, errs.Bytes())
		}
		return nil, fmt.Errorf("problem running %s %s (%w)", path, strings.Join(args, " "), err)
	}
	return out.Bytes(), nil
}

// bounded keeps what a script prints, up to a limit.
type bounded struct{ bytes.Buffer }

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > mostOfAnswer {
		return 0, fmt.Errorf("more than %d MiB", mostOfAnswer>>20)
	}
	return b.Buffer.Write(p)
}
