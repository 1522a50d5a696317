package module

import (
	"bufio"
	"context"
	"os"
	"strings"
	"sync"
)

// debPackage is a package as dpkg knows it.
type debPackage struct {
	name, version, arch string
	status              string // the third word of Status: installed, config-files, ...
	held                bool
	provides            []string
}

func (p debPackage) installed() bool { return p.status == "installed" }

// dpkgStatus keeps the packages that were read as long as dpkg has not written its file again.
var dpkgStatus = struct {
	sync.Mutex
	info os.FileInfo
	list []debPackage
	by   map[string][]int
}{}

// debPackages reads what is installed, by name.
func debPackages() ([]debPackage, map[string][]int, error) {
	const path = "/var/lib/dpkg/status"
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	s := &dpkgStatus
	s.Lock()
	defer s.Unlock()
	if s.info != nil && os.SameFile(s.info, info) && s.info.ModTime().Equal(info.ModTime()) && s.info.Size() == info.Size() {
		return s.list, s.by, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	s.list, s.by = nil, map[string][]int{}
	var p debPackage
	scan := bufio.NewScanner(f)
	scan.Buffer(make([]byte, 64<<10), 4<<20)
	flush := func() {
		if p.name != "" {
			s.by[p.name] = append(s.by[p.name], len(s.list))
			s.list = append(s.list, p)
		}
		p = debPackage{}
	}
	for scan.Scan() {
		line := scan.Text()
		if line == "" {
			flush()
			continue
		}
		if line[0] == ' ' {
			continue
		}
		p.field(line)
	}
	flush()
	s.info = info
	return s.list, s.by, scan.Err()
}

func (p *debPackage) field(line string) {
	key, value, _ := strings.Cut(line, ":")
	switch key {
	case "Package":
		p.name = strings.TrimSpace(value)
	case "Version":
		p.version = strings.TrimSpace(value)
	case "Architecture":
		p.arch = strings.TrimSpace(value)
	case "Status":
		if f := strings.Fields(value); len(f) == 3 {
			p.held, p.status = f[0] == "hold", f[2]
		}
	case "Provides":
		for word := range strings.SplitSeq(value, ",") {
			if f := strings.Fields(word); len(f) > 0 {
				p.provides = append(p.provides, f[0])
			}
		}
	}
}

// findDeb returns the installed package of a name, which may end in :arch; the native architecture comes first.
func findDeb(name string) (debPackage, bool, error) {
	list, by, err := debPackages()
	if err != nil {
		return debPackage{}, false, err
	}
	base, arch, qualified := strings.Cut(name, ":")
	for _, i := range by[base] {
		p := list[i]
		if !qualified || arch == p.arch || arch == "any" || p.arch == "all" {
			return p, true, nil
		}
	}
	return debPackage{}, false, nil
}

// aptPolicy is what apt would install.
type aptPolicy struct {
	installed, candidate string
	versions             []string
}

// policies asks apt-cache for several packages at once.
func (t *Task) policies(ctx context.Context, names []string) (map[string]aptPolicy, error) {
	out, err := t.run(ctx, program{args: append([]string{"apt-cache", "policy", "--"}, names...), env: cLocale})
	if err != nil {
		return nil, err
	}
	found := map[string]aptPolicy{}
	name := ""
	table := false
	for line := range strings.SplitSeq(out.stdout, "\n") {
		trimmed := strings.TrimSpace(line)
		key, value, has := strings.Cut(trimmed, ": ")
		p := found[name]
		switch {
		case line == "":
			continue
		case line[0] != ' ':
			name, table = strings.TrimSuffix(trimmed, ":"), false
			found[name] = aptPolicy{}
			continue
		case has && key == "Installed":
			p.installed = value
		case has && key == "Candidate":
			p.candidate = value
		case trimmed == "Version table:":
			table = true
		case table && (strings.HasPrefix(line, " *** ") || strings.HasPrefix(line, "     ") && line[5] != ' '):
			p.versions = append(p.versions, strings.Fields(strings.TrimPrefix(trimmed, "*** "))[0])
		}
		found[name] = p
	}
	return found, nil
}

const noVersion = "(none)"
