package module

import (
	"context"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
)

// wanted is one package with the version that is asked for.
type wanted struct {
	name, operator, version string
}

func (w wanted) String() string {
	if w.version == "" {
		return w.name
	}
	return w.name + "=" + w.version
}

func parseWanted(text string) wanted {
	for _, operator := range []string{">=", "="} {
		if name, version, ok := strings.Cut(text, operator); ok {
			return wanted{name, operator, version}
		}
	}
	return wanted{name: text}
}

// install plans the packages that are not there in the version that is wanted.
func (a *aptTask) install(ctx context.Context, names []string) error {
	if a.state == "build-dep" {
		args := append(append(a.options(), a.flags()...), "build-dep")
		return a.getNow(ctx, append(args, names...), quoted(names))
	}
	var list []string
	var ask []wanted // those for which apt has to be asked
	for _, name := range names {
		w := parseWanted(name)
		expanded, err := a.expand(w.name)
		if err != nil {
			return err
		}
		for _, n := range expanded {
			one := wanted{n, w.operator, w.version}
			there, err := installedAs(one)
			if err != nil {
				return err
			}
			if !there || a.state == "latest" {
				ask = append(ask, one)
			}
		}
	}
	if len(ask) == 0 {
		return nil
	}
	bare := make([]string, len(ask))
	for i, w := range ask {
		bare[i] = w.name
	}
	policies, err := a.policies(ctx, bare)
	if err != nil {
		return err
	}
	for _, w := range ask {
		version, needed, err := a.decide(ctx, w, policies)
		if err != nil {
			return err
		}
		if needed {
			list = append(list, wanted{name: w.name, version: version}.String())
		}
	}
	if len(list) == 0 {
		return nil
	}
	args := append(append(a.options(), a.flags()...), a.release()...)
	return a.getNow(ctx, append(append(args, "install"), list...), quoted(list))
}

func (a *aptTask) release() (args []string) {
	if a.Has("default_release") {
		args = append(args, "-t", a.Str("default_release"))
	}
	if a.Has("install_recommends") {
		value := "no"
		if a.Bool("install_recommends") {
			value = "yes"
		}
		args = append(args, "-o", "APT::Install-Recommends="+value)
	}
	return args
}

// getNow is get, whether the task is still planning or already under way.
func (a *aptTask) getNow(ctx context.Context, args []string, names string) error {
	verb := "install"
	if a.state == "build-dep" {
		verb = "build-dep"
	}
	var shown []string
	for _, arg := range args {
		if i := slices.Index(args, verb); len(shown) <= i {
			if strings.Contains(arg, "Dpkg::Options") {
				arg = `"` + arg + `"`
			}
			shown = append(shown, arg)
		}
	}
	failure := "'/usr/bin/apt-get " + strings.ReplaceAll(strings.Join(shown, " "), "%", "%%") + " " + strings.ReplaceAll(names, "%", "%%") + "' failed: %s"
	a.changed = true
	if a.Check {
		return a.carryGet(ctx, strings.Replace(failure, "-get -y", "-get -y --simulate", 1), append([]string{"-s"}, args...))
	}
	a.Act(func(ctx context.Context) error { return a.carryGet(ctx, failure, args) })
	return nil
}

// installedAs tells whether a package is there and, when a version is asked for, whether it is that one.
func installedAs(w wanted) (bool, error) {
	p, found, err := findDeb(w.name)
	if err != nil {
		return false, err
	}
	if !found || !p.installed() {
		if w.version != "" || found {
			return false, nil
		}
		return provided(w.name)
	}
	switch w.operator {
	case "=":
		ok, err := path.Match(w.version, p.version)
		return ok || p.version == w.version, err
	case ">=":
		return compareDeb(p.version, w.version) >= 0, nil
	}
	return true, nil
}

// provided tells whether an installed package stands in for a name that no package has.
func provided(name string) (bool, error) {
	list, _, err := debPackages()
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(list, func(p debPackage) bool { return p.installed() && slices.Contains(p.provides, name) }), nil
}

// decide tells whether a package has to be installed, and in which version.
func (a *aptTask) decide(ctx context.Context, w wanted, policies map[string]aptPolicy) (version string, needed bool, err error) {
	p, known := policies[w.name]
	none := Result{"cache_updated": a.updated, "cache_update_time": a.stamp.Unix()}
	if !known || p.candidate == noVersion && p.installed == noVersion && len(p.versions) == 0 {
		return a.virtual(ctx, w)
	}
	there, err := installedAs(w)
	if err != nil {
		return "", false, err
	}
	if w.version == "" {
		if a.state == "latest" && there {
			return "", p.candidate != p.installed && p.candidate != noVersion && compareDeb(p.candidate, p.installed) > 0, nil
		}
		return "", !there && (!a.Bool("only_upgrade") || p.installed != noVersion), nil
	}
	best := ""
	for _, v := range p.versions {
		ok, err := path.Match(w.version, v)
		if err != nil {
			return "", false, err
		}
		if w.operator == ">=" {
			ok = compareDeb(v, w.version) >= 0
		}
		if ok && (best == "" || v == p.candidate || best != p.candidate && compareDeb(v, best) > 0) {
			best = v
		}
	}
	if best == "" {
		return "", false, fail(fmt.Sprintf("no available installation candidate for %s", w.name+w.operator+w.version), none)
	}
	if a.Bool("only_upgrade") && p.installed == noVersion {
		return "", false, nil
	}
	if there && (a.state != "latest" || compareDeb(best, p.installed) <= 0) {
		return "", false, nil
	}
	return best, true, nil
}

// virtual looks for packages that provide a name which is no package of its own.
func (a *aptTask) virtual(ctx context.Context, w wanted) (string, bool, error) {
	missing := fail(fmt.Sprintf("No package matching '%s' is available", w.name))
	out, err := a.run(ctx, program{args: []string{"apt-cache", "showpkg", "--", w.name}, env: cLocale})
	if err != nil {
		return "", false, err
	}
	_, providers, ok := strings.Cut(out.stdout, "Reverse Provides:")
	if !ok || w.version != "" {
		return "", false, missing
	}
	var names []string
	for line := range strings.SplitSeq(providers, "\n") {
		if f := strings.Fields(line); len(f) > 0 && !slices.Contains(names, f[0]) {
			names = append(names, f[0])
		}
	}
	there, err := provided(w.name)
	switch {
	case err != nil:
		return "", false, err
	case len(names) == 0:
		return "", false, missing
	case there:
		return "", false, nil
	case len(names) == 1:
		return "", true, nil
	}
	return "", false, missing
}

// deb plans a package from a file.
func (a *aptTask) deb(ctx context.Context) error {
	file := a.Str("deb")
	if strings.Contains(file, "://") {
		path, err := a.fetchDeb(ctx, file)
		if err != nil {
			return err
		}
		file = path
	}
	file = a.abs(file)
	if !exists(file) {
		return fail(fmt.Sprintf("Unable to install package: E:Could not open file %s - open (2: No such file or directory)", file))
	}
	out, err := a.must(ctx, "dpkg-deb", "--showformat=${Package}\\n${Version}\\n${Architecture}\\n", "--show", file)
	if err != nil {
		return err
	}
	f := strings.Fields(out.stdout)
	if len(f) != 3 {
		return fail("Unable to install package: " + file + " names no package, version and architecture")
	}
	p, found, err := findDeb(f[0])
	if err != nil {
		return err
	}
	if found && p.installed() {
		newer := compareDeb(f[1], p.version)
		if newer == 0 && !a.Bool("force") {
			return nil
		}
		if newer < 0 && !a.Bool("allow_downgrade") && !a.Bool("force") {
			return fail("A later version is already installed", Result{"stdout": "", "stderr": ""})
		}
	}
	args := append(append(a.options(), a.flags()...), a.release()...)
	return a.getNow(ctx, append(args, "install", file), quoted([]string{file}))
}

func (a *aptTask) fetchDeb(ctx context.Context, url string) (string, error) {
	dir, err := os.MkdirTemp(a.tmp(), "ansible-deb-")
	if err != nil {
		return "", err
	}
	a.Cleanup(func() { _ = os.RemoveAll(dir) }) // a folder for temporary files
	path := dir + "/package.deb"
	if err := download(ctx, url, path); err != nil {
		return "", fail("Failure downloading " + url + ", " + err.Error())
	}
	return path, nil
}

// compareDeb orders versions as deb-version(7) says.
func compareDeb(a, b string) int {
	epochA, restA := epoch(a)
	epochB, restB := epoch(b)
	if c := comparePart(epochA, epochB); c != 0 {
		return c
	}
	upstreamA, revisionA := cutLast(restA)
	upstreamB, revisionB := cutLast(restB)
	if c := comparePart(upstreamA, upstreamB); c != 0 {
		return c
	}
	return comparePart(revisionA, revisionB)
}

func epoch(v string) (string, string) {
	if e, rest, ok := strings.Cut(v, ":"); ok {
		return e, rest
	}
	return "0", v
}

func cutLast(v string) (string, string) {
	if i := strings.LastIndexByte(v, '-'); i >= 0 {
		return v[:i], v[i+1:]
	}
	return v, "0"
}

// comparePart goes over letters and numbers by turns; ~ sorts before the end.
func comparePart(a, b string) int {
	for a != "" || b != "" {
		for a != "" && !digit(a[0]) || b != "" && !digit(b[0]) {
			x, y := 0, 0
			if a != "" {
				x, a = weight(a[0]), skip(a)
			}
			if b != "" {
				y, b = weight(b[0]), skip(b)
			}
			if x != y {
				return sign(x - y)
			}
		}
		x, y := digits(a), digits(b)
		a, b = a[len(x):], b[len(y):]
		x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
		if len(x) != len(y) {
			return sign(len(x) - len(y))
		}
		if x != y {
			return strings.Compare(x, y)
		}
	}
	return 0
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func skip(s string) string {
	if digit(s[0]) {
		return s
	}
	return s[1:]
}

// weight orders what is no digit: ~, the end or a digit, letters, the rest.
func weight(c byte) int {
	switch {
	case c == '~':
		return -1
	case digit(c):
		return 0
	case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
		return int(c)
	}
	return int(c) + 256
}

func digits(s string) string {
	i := 0
	for i < len(s) && digit(s[i]) {
		i++
	}
	return s[:i]
}
