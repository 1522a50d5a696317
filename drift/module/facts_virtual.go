package module

import (
	"context"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
)

func init() {
	addFact(fact{"virtual", []string{"virtualization_role", "virtualization_tech_guest", "virtualization_tech_host", "virtualization_type"}, false, nil, virtualFacts})
}

// virtual collects what speaks for a kind of virtualization; the first one names it.
type virtual struct {
	kind, role  string
	guest, host map[string]bool
}

func (v *virtual) add(role, kind string) {
	if role == "guest" {
		v.guest[kind] = true
	} else {
		v.host[kind] = true
	}
	if v.kind == "" {
		v.kind, v.role = kind, role
	}
}

var dockerGroup = regexp.MustCompile(`/docker(/|-[0-9a-f]+\.scope)`)

func virtualFacts(_ context.Context, _ *Task, into map[string]any) error {
	v := &virtual{guest: map[string]bool{}, host: map[string]bool{}}
	v.containers()
	v.machine()
	v.modules()
	if v.kind == "" {
		v.kind, v.role = "NA", "NA"
	}
	into["virtualization_type"], into["virtualization_role"] = v.kind, v.role
	into["virtualization_tech_guest"] = toAny(slices.Sorted(maps.Keys(v.guest)))
	into["virtualization_tech_host"] = toAny(slices.Sorted(maps.Keys(v.host)))
	return nil
}

// containers looks for the traces that container runtimes leave.
func (v *virtual) containers() {
	for line := range strings.SplitSeq(readTrim("/proc/1/cgroup"), "\n") {
		switch {
		case dockerGroup.MatchString(line):
			v.add("guest", "docker")
		case strings.Contains(line, "/lxc/"), strings.Contains(line, "/machine.slice/machine-lxc"):
			v.add("guest", "lxc")
		case strings.Contains(line, "/system.slice/containerd.service"):
			v.add("guest", "containerd")
		}
	}
	for word := range strings.SplitSeq(readTrim("/proc/1/environ"), "\x00") {
		value, ok := strings.CutPrefix(word, "container=")
		switch {
		case !ok || value == "":
		case strings.HasPrefix(value, "lxc"), strings.HasPrefix(value, "podman"):
			v.add("guest", strings.TrimSuffix(value, "-libvirt"))
			v.guest["container"] = true
		default:
			v.add("guest", "container")
		}
	}
	if exists("/proc/vz") && !exists("/proc/lve") {
		if exists("/proc/bc") {
			v.add("host", "openvz")
		} else {
			v.add("guest", "openvz")
		}
	}
	systemd := readTrim("/run/systemd/container")
	if systemd != "" {
		v.add("guest", systemd)
	}
	if exists("/.dockerenv") || exists("/.dockerinit") {
		v.add("guest", "docker")
	}
	for _, kind := range []string{"docker", "lxc", "podman", "openvz", "containerd"} {
		if v.guest[kind] || systemd != "" {
			v.guest["container"] = true
		}
	}
	if exists("/proc/xen") {
		if strings.Contains(readTrim("/proc/xen/capabilities"), "control_d") {
			v.add("host", "xen")
		} else if v.kind == "" {
			v.kind, v.role = "xen", "guest"
		}
	}
}

// dmiKinds are what DMI's strings stand for.
var dmiKinds = []struct{ file, value, kind string }{
	{"product_name", "KVM", "kvm"},
	{"product_name", "KVM Server", "kvm"},
	{"product_name", "Bochs", "kvm"},
	{"product_name", "AHV", "kvm"},
	{"sys_vendor", "oVirt", "oVirt"},
	{"product_name", "RHEV Hypervisor", "RHEV"},
	{"product_family", "RHV", "RHV"},
	{"product_name", "VMware Virtual Platform", "VMware"},
	{"product_name", "VMware7,1", "VMware"},
	{"product_name", "VMware20,1", "VMware"},
	{"product_name", "OpenStack Compute", "openstack"},
	{"product_name", "OpenStack Nova", "openstack"},
	{"bios_vendor", "Xen", "xen"},
	{"bios_vendor", "innotek GmbH", "virtualbox"},
	{"bios_vendor", "Amazon EC2", "kvm"},
	{"bios_vendor", "DigitalOcean", "kvm"},
	{"bios_vendor", "Hetzner", "kvm"},
	{"sys_vendor", "QEMU", "kvm"},
	{"sys_vendor", "Amazon EC2", "kvm"},
	{"sys_vendor", "DigitalOcean", "kvm"},
	{"sys_vendor", "Google", "kvm"},
	{"sys_vendor", "Scaleway", "kvm"},
	{"sys_vendor", "Nutanix", "kvm"},
	{"sys_vendor", "KubeVirt", "KubeVirt"},
	{"sys_vendor", "Microsoft Corporation", "VirtualPC"},
	{"sys_vendor", "Parallels Software International Inc.", "parallels"},
	{"sys_vendor", "OpenStack Foundation", "openstack"},
}

func (v *virtual) machine() {
	said := map[string]string{}
	for _, d := range dmiKinds {
		if _, read := said[d.file]; !read {
			said[d.file] = readTrim("/sys/devices/virtual/dmi/id/" + d.file)
		}
		if said[d.file] == d.value {
			v.add("guest", d.kind)
		}
	}
	cpu, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return
	}
	for line := range strings.SplitSeq(string(cpu), "\n") {
		switch {
		case strings.HasPrefix(line, "model name") && strings.Contains(line, "QEMU Virtual CPU"):
			v.add("guest", "kvm")
		case strings.HasPrefix(line, "vendor_id") && strings.Contains(line, "User Mode Linux"), strings.HasPrefix(line, "model name") && strings.Contains(line, "UML"):
			v.add("guest", "uml")
		}
	}
}

func (v *virtual) modules() {
	loaded := map[string]bool{}
	for line := range strings.SplitSeq(readTrim("/proc/modules"), "\n") {
		name, _, _ := strings.Cut(line, " ")
		loaded[name] = true
	}
	if loaded["kvm"] {
		v.add("host", "kvm")
	}
	if loaded["vboxdrv"] {
		v.add("host", "virtualbox")
	}
	if loaded["virtio"] {
		v.host["kvm"] = true
		if v.kind == "" {
			v.kind, v.role = "kvm", "guest"
		}
	}
	if exists("/dev/kvm") {
		v.add("host", "kvm")
	}
}
