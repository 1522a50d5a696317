package module

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func init() {
	addFact(fact{"distribution", []string{"distribution_file_parsed", "distribution_file_path", "distribution_file_variety", "distribution_major_version", "distribution_release", "distribution_version", "os_family"}, true, nil, distributionFacts})
	addFact(fact{"pkg_mgr", nil, true, []string{"distribution"}, pkgMgrFacts})
	addFact(fact{"service_mgr", nil, true, []string{"distribution", "platform"}, serviceMgrFacts})
}

// osRelease reads /etc/os-release.
func osRelease() map[string]string {
	out := map[string]string{}
	for _, path := range []string{"/etc/os-release", "/usr/lib/os-release"} {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		for line := range strings.SplitSeq(string(text), "\n") {
			if k, v, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
				out[k] = strings.Trim(v, `"'`)
			}
		}
		break
	}
	return out
}

// distributionNames are Ansible's names for ID of os-release.
var distributionNames = map[string]string{
	"debian": "Debian", "ubuntu": "Ubuntu", "raspbian": "Raspbian", "kali": "Kali", "devuan": "Devuan", "linuxmint": "Linux Mint", "pop": "Pop!_OS",
	"rhel": "RedHat", "centos": "CentOS", "fedora": "Fedora", "rocky": "Rocky", "almalinux": "AlmaLinux", "ol": "OracleLinux", "amzn": "Amazon",
	"sles": "SLES", "sled": "SLED", "opensuse-leap": "openSUSE Leap", "opensuse-tumbleweed": "openSUSE Tumbleweed",
	"alpine": "Alpine", "arch": "Archlinux", "manjaro": "Manjaro", "gentoo": "Gentoo", "openeuler": "openEuler", "flatcar": "Flatcar", "coreos": "Coreos",
}

// families are Ansible's os_family of distributions; one that is not here is its own.
var families = map[string][]string{
	"Debian":    {"Debian", "Ubuntu", "Raspbian", "Kali", "Devuan", "Linux Mint", "Pop!_OS", "Neon", "SteamOS", "Parrot", "Deepin"},
	"RedHat":    {"RedHat", "CentOS", "Fedora", "Rocky", "AlmaLinux", "OracleLinux", "Amazon", "openEuler"},
	"Suse":      {"SLES", "SLED", "openSUSE Leap", "openSUSE Tumbleweed"},
	"Archlinux": {"Archlinux", "Manjaro"},
}

func distributionFacts(_ context.Context, _ *Task, into map[string]any) error {
	release := osRelease()
	name := distributionNames[release["ID"]]
	if name == "" {
		name, _, _ = strings.Cut(release["NAME"], " ")
	}
	family := name
	for f, members := range families {
		if slices.Contains(members, name) {
			family = f
		}
	}
	version := release["VERSION_ID"]
	path, variety := "/etc/os-release", name
	into["distribution_file_parsed"] = true
	switch {
	case name == "Debian":
		if full := readTrim("/etc/debian_version"); full != "" && full[0] >= '0' && full[0] <= '9' {
			version = full
		}
	case family == "RedHat" && exists("/etc/redhat-release"):
		path, variety = "/etc/redhat-release", "RedHat"
		if full := firstVersion(readTrim(path)); full != "" {
			version = full
		}
	case name == "Alpine":
		path = "/etc/alpine-release"
		version = readTrim(path)
	}
	if family == "Debian" {
		variety = "Debian"
	}
	codename := release["VERSION_CODENAME"]
	if codename == "" {
		codename = "NA"
		if _, inside, ok := strings.Cut(release["VERSION"], "("); ok {
			codename, _, _ = strings.Cut(inside, ")")
		}
	}
	major, minor, has := strings.Cut(version, ".")
	into["distribution"], into["os_family"] = name, family
	into["distribution_version"], into["distribution_major_version"] = version, major
	into["distribution_release"] = codename
	into["distribution_file_path"], into["distribution_file_variety"] = path, variety
	if has && name == "Debian" {
		into["distribution_minor_version"], _, _ = strings.Cut(minor, ".")
	}
	return nil
}

func firstVersion(text string) string {
	for _, word := range strings.Fields(text) {
		if word[0] >= '0' && word[0] <= '9' {
			return word
		}
	}
	return ""
}

// packageManagers are where the programs are, in the order in which a later one wins.
var packageManagers = []struct{ path, name string }{
	{"/usr/bin/rpm-ostree", "atomic_container"},
	{"/usr/bin/yum", "yum"},
	{"/usr/bin/dnf", "dnf"},
	{"/usr/bin/dnf5", "dnf5"},
	{"/usr/bin/apt-get", "apt"},
	{"/usr/bin/zypper", "zypper"},
	{"/usr/bin/pacman", "pacman"},
	{"/sbin/apk", "apk"},
	{"/usr/bin/emerge", "portage"},
	{"/usr/bin/opkg", "opkg"},
	{"/usr/bin/xbps-install", "xbps"},
}

func pkgMgr() string {
	release := osRelease()
	family := distributionNames[release["ID"]]
	for f, members := range families {
		if slices.Contains(members, family) {
			family = f
		}
	}
	if family == "Debian" && exists("/usr/bin/apt-get") {
		return "apt"
	}
	if family == "RedHat" {
		for _, m := range []string{"dnf5", "dnf", "yum"} {
			if exists("/usr/bin/" + m) {
				return m
			}
		}
	}
	name := "unknown"
	for _, m := range packageManagers {
		if exists(m.path) {
			name = m.name
		}
	}
	return name
}

func pkgMgrFacts(_ context.Context, _ *Task, into map[string]any) error {
	into["pkg_mgr"] = pkgMgr()
	return nil
}

// serviceMgr is what process 1 is, or what is installed where it is a container's shell.
func serviceMgr(t *Task) string {
	one := filepath.Base(readTrim("/proc/1/comm"))
	if one == "." {
		if target, err := os.Readlink("/sbin/init"); err == nil {
			one = filepath.Base(target)
		}
	}
	if one != "." && one != "init" && !strings.HasSuffix(one, "sh") {
		if name := map[string]string{"procd": "openwrt_init", "runit-init": "runit", "svscan": "svc", "openrc-init": "openrc"}[one]; name != "" {
			return name
		}
		return one
	}
	_, err := t.find("systemctl")
	systemctl := err == nil
	_, err = t.find("initctl")
	init, _ := os.Readlink("/sbin/init")
	switch {
	case systemctl && (exists("/run/systemd/system/") || exists("/dev/.run/systemd/") || exists("/dev/.systemd/")):
		return "systemd"
	case err == nil && exists("/etc/init/"):
		return "upstart"
	case exists("/sbin/openrc"):
		return "openrc"
	case systemctl && filepath.Base(init) == "systemd":
		return "systemd"
	case exists("/etc/init.d/"):
		return "sysvinit"
	}
	return "service"
}

func serviceMgrFacts(_ context.Context, t *Task, into map[string]any) error {
	into["service_mgr"] = serviceMgr(t)
	return nil
}
