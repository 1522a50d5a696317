package module

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

func init() {
	addFact(fact{"hardware", []string{"processor", "processor_cores", "processor_count", "mounts", "devices", "memory_mb", "memtotal_mb", "uptime_seconds", "product_name", "bios_version"}, false, []string{"platform"}, hardwareFacts})
}

func hardwareFacts(ctx context.Context, t *Task, into map[string]any) error {
	cpuFacts(into)
	memoryFacts(into)
	dmiFacts(into)
	deviceFacts(into)
	into["lvm"] = "N/A"
	if os.Geteuid() == 0 {
		lvmFacts(ctx, t, into)
	}
	if up, _, ok := strings.Cut(readTrim("/proc/uptime"), "."); ok {
		n, err := strconv.ParseInt(up, 10, 64)
		if err != nil {
			return err
		}
		into["uptime_seconds"] = n
	}
	return mountFacts(ctx, t, into)
}

func cpuFacts(into map[string]any) {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return
	}
	defer f.Close()
	words, sockets, siblings := []any{}, map[string]int64{}, map[string]int64{}
	var socketOrder, coreOrder []string
	count, vendors, models, processors := int64(0), int64(0), int64(0), int64(0)
	socket, core := "", ""
	for scan := bufio.NewScanner(f); scan.Scan(); {
		key, value, _ := strings.Cut(scan.Text(), ":")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		n, _ := strconv.ParseInt(value, 10, 64)
		switch key {
		case "model name", "Processor", "vendor_id", "cpu", "Vendor", "processor":
			words = append(words, value)
			count++
			switch key {
			case "vendor_id":
				vendors++
			case "model name":
				models++
			case "processor":
				processors++
			}
		case "physical id":
			socket = value
			if _, seen := sockets[value]; !seen {
				sockets[value] = 1
				socketOrder = append(socketOrder, value)
			}
		case "core id":
			core = value
			if _, seen := siblings[value]; !seen {
				siblings[value] = 1
				coreOrder = append(coreOrder, value)
			}
		case "cpu cores":
			sockets[socket] = n
			if len(socketOrder) == 0 {
				socketOrder = append(socketOrder, socket)
			}
		case "siblings":
			siblings[core] = n
			if len(coreOrder) == 0 {
				coreOrder = append(coreOrder, core)
			}
		}
	}
	if vendors > 0 && vendors == models {
		count = vendors
	}
	if machine := readMachine(); strings.HasPrefix(machine, "arm") || strings.HasPrefix(machine, "aarch") || strings.HasPrefix(machine, "ppc") {
		count = processors
	}
	cores, threads := int64(1), int64(1)
	if len(sockets) > 0 {
		count = int64(len(sockets))
		cores = max(sockets[socketOrder[0]], 1)
	}
	if len(coreOrder) > 0 {
		threads = max(siblings[coreOrder[0]]/cores, 1)
	}
	into["processor"] = words
	into["processor_count"], into["processor_cores"], into["processor_threads_per_core"] = count, cores, threads
	into["processor_vcpus"] = threads * count * cores
	into["processor_nproc"] = processors
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) == nil {
		into["processor_nproc"] = int64(set.Count())
	}
}

func readMachine() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Machine[:])
}

func memoryFacts(into map[string]any) {
	m := map[string]int64{}
	for line := range strings.SplitSeq(readTrim("/proc/meminfo"), "\n") {
		k, v, _ := strings.Cut(line, ":")
		if f := strings.Fields(v); len(f) > 0 {
			if n, err := strconv.ParseInt(f[0], 10, 64); err == nil {
				m[k] = n / 1024
			}
		}
	}
	into["memtotal_mb"], into["memfree_mb"] = m["MemTotal"], m["MemFree"]
	into["swaptotal_mb"], into["swapfree_mb"] = m["SwapTotal"], m["SwapFree"]
	free := m["Cached"] + m["MemFree"] + m["Buffers"]
	into["memory_mb"] = map[string]any{
		"real":    map[string]any{"total": m["MemTotal"], "used": m["MemTotal"] - m["MemFree"], "free": m["MemFree"]},
		"nocache": map[string]any{"free": free, "used": m["MemTotal"] - free},
		"swap":    map[string]any{"total": m["SwapTotal"], "free": m["SwapFree"], "used": m["SwapTotal"] - m["SwapFree"], "cached": m["SwapCached"]},
	}
}

// chassis are the names of DMI's chassis types (DSP0134, 7.4.1).
var chassis = []string{
	"Unknown", "Other", "Unknown", "Desktop", "Low Profile Desktop", "Pizza Box", "Mini Tower", "Tower", "Portable", "Laptop", "Notebook", "Hand Held",
	"Docking Station", "All In One", "Sub Notebook", "Space-saving", "Lunch Box", "Main Server Chassis", "Expansion Chassis", "Sub Chassis",
	"Bus Expansion Chassis", "Peripheral Chassis", "RAID Chassis", "Rack Mount Chassis", "Sealed-case PC", "Multi-system", "CompactPCI", "AdvancedTCA",
	"Blade", "Blade Enclosure", "Tablet", "Convertible", "Detachable", "IoT Gateway", "Embedded PC", "Mini PC", "Stick PC",
}

func dmiFacts(into map[string]any) {
	for key, file := range map[string]string{
		"bios_date": "bios_date", "bios_vendor": "bios_vendor", "bios_version": "bios_version", "board_asset_tag": "board_asset_tag", "board_name": "board_name",
		"board_serial": "board_serial", "board_vendor": "board_vendor", "board_version": "board_version", "chassis_asset_tag": "chassis_asset_tag",
		"chassis_serial": "chassis_serial", "chassis_vendor": "chassis_vendor", "chassis_version": "chassis_version", "form_factor": "chassis_type",
		"product_name": "product_name", "product_serial": "product_serial", "product_uuid": "product_uuid", "product_version": "product_version", "system_vendor": "sys_vendor",
	} {
		value := readTrim("/sys/devices/virtual/dmi/id/" + file)
		switch n, err := strconv.Atoi(value); {
		case value == "":
			value = "NA"
		case key != "form_factor":
		case err == nil && n < len(chassis):
			value = chassis[n]
		default:
			value = "unknown (" + value + ")"
		}
		into[key] = value
	}
}

// diskLinks are the names in /dev/disk that lead to each device.
func diskLinks() map[string]any {
	links := map[string]any{"ids": map[string]any{}, "uuids": map[string]any{}, "labels": map[string]any{}, "masters": map[string]any{}}
	for kind, dir := range map[string]string{"ids": "/dev/disk/by-id", "uuids": "/dev/disk/by-uuid", "labels": "/dev/disk/by-label"} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		of := links[kind].(map[string]any)
		for _, e := range entries {
			if target, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil {
				list, _ := of[filepath.Base(target)].([]any)
				of[filepath.Base(target)] = append(list, e.Name())
			}
		}
	}
	slaves, err := filepath.Glob("/sys/block/*/slaves/*")
	if err == nil {
		of := links["masters"].(map[string]any)
		for _, path := range slaves {
			list, _ := of[filepath.Base(path)].([]any)
			of[filepath.Base(path)] = append(list, filepath.Base(filepath.Dir(filepath.Dir(path))))
		}
	}
	return links
}

func linksOf(all map[string]any, name string) map[string]any {
	out := map[string]any{}
	for kind, of := range all {
		list, _ := of.(map[string]any)[name].([]any)
		if list == nil {
			list = []any{}
		}
		out[kind] = list
	}
	return out
}

// orNil is the content of a file of sysfs, or null.
func orNil(path string) any {
	text, err := os.ReadFile(path)
	if err != nil || strings.TrimSpace(string(text)) == "" {
		return nil
	}
	return strings.TrimSpace(string(text))
}

var activeScheduler = regexp.MustCompile(`\[(.*)\]`)

func deviceFacts(into map[string]any) {
	all := diskLinks()
	devices := map[string]any{}
	into["device_links"], into["devices"] = all, devices
	entries, err := os.ReadDir("/sys/block")
	if err != nil {
		return
	}
	for _, e := range entries {
		dir, err := filepath.EvalSymlinks(filepath.Join("/sys/block", e.Name()))
		if err != nil {
			continue
		}
		name := e.Name()
		d := map[string]any{"virtual": int64(1), "links": linksOf(all, name), "host": "", "scheduler_mode": ""}
		for _, key := range []string{"vendor", "model", "sas_address", "sas_device_handle"} {
			d[key] = orNil(dir + "/device/" + key)
		}
		if serial := orNil(dir + "/device/serial"); serial != nil {
			d["serial"] = serial
		}
		d["removable"], d["support_discard"] = orNil(dir+"/removable"), orNil(dir+"/queue/discard_granularity")
		d["rotational"] = orNil(dir + "/queue/rotational")
		if m := activeScheduler.FindStringSubmatch(readTrim(dir + "/queue/scheduler")); m != nil {
			d["scheduler_mode"] = m[1]
		}
		sizes(d, dir, dir)
		d["partitions"] = partitions(all, dir, name)
		d["holders"] = holders(dir)
		devices[name] = d
	}
}

func sizes(d map[string]any, dir, queue string) {
	d["sectors"], d["sectorsize"] = orNil(dir+"/size"), orNil(queue+"/queue/logical_block_size")
	if d["sectorsize"] == nil {
		d["sectorsize"] = int64(512)
	}
	n, _ := strconv.ParseFloat(readTrim(dir+"/size"), 64)
	d["size"] = humanBytes(n * 512)
}

// humanBytes is Ansible's text for a size.
func humanBytes(n float64) string {
	for i, unit := range []string{"YB", "ZB", "EB", "PB", "TB", "GB", "MB", "KB"} {
		if limit := math.Pow(2, float64(80-10*i)); n >= limit {
			return fmt.Sprintf("%.2f %s", n/limit, unit)
		}
	}
	return fmt.Sprintf("%.2f Bytes", n)
}

func holders(dir string) []any {
	list := []any{}
	entries, err := os.ReadDir(filepath.Join(dir, "holders"))
	if err != nil {
		return list
	}
	for _, e := range entries {
		name := readTrim(filepath.Join("/sys/block", e.Name(), "dm/name"))
		if !strings.HasPrefix(e.Name(), "dm-") || name == "" {
			name = e.Name()
		}
		list = append(list, name)
	}
	return list
}

func partitions(all map[string]any, dir, disk string) map[string]any {
	out := map[string]any{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return out
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if !strings.HasPrefix(e.Name(), disk) || !exists(path+"/partition") {
			continue
		}
		p := map[string]any{"links": linksOf(all, e.Name()), "start": orNil(path + "/start"), "holders": holders(path), "uuid": nil}
		sizes(p, path, path)
		if ids, ok := all["uuids"].(map[string]any)[e.Name()].([]any); ok && len(ids) > 0 {
			p["uuid"] = ids[0]
		}
		out[e.Name()] = p
	}
	return out
}

// lvmFacts asks LVM, where it is installed.
func lvmFacts(ctx context.Context, t *Task, into map[string]any) {
	if _, err := t.find("vgs"); err != nil {
		return
	}
	ask := func(program string, fields string) [][]string {
		out, err := t.run(ctx, programOf(program, "--noheadings", "--nosuffix", "--units", "g", "--separator", ",", "-o", fields))
		if err != nil || out.rc != 0 {
			return nil
		}
		var rows [][]string
		for line := range strings.SplitSeq(strings.TrimSpace(out.stdout), "\n") {
			if f := strings.Split(strings.TrimSpace(line), ","); len(f) == strings.Count(fields, ",")+1 {
				rows = append(rows, f)
			}
		}
		return rows
	}
	vgs, lvs, pvs := map[string]any{}, map[string]any{}, map[string]any{}
	for _, f := range ask("vgs", "vg_name,lv_count,pv_count,vg_size,vg_free") {
		vgs[f[0]] = map[string]any{"num_lvs": f[1], "num_pvs": f[2], "size_g": f[3], "free_g": f[4]}
	}
	for _, f := range ask("lvs", "lv_name,vg_name,lv_size") {
		lvs[f[0]] = map[string]any{"size_g": f[2], "vg": f[1]}
	}
	for _, f := range ask("pvs", "pv_name,vg_name,pv_size,pv_free") {
		pvs[f[0]] = map[string]any{"vg": f[1], "size_g": f[2], "free_g": f[3]}
	}
	into["lvm"] = map[string]any{"lvs": lvs, "vgs": vgs, "pvs": pvs}
}

func programOf(name string, args ...string) program {
	return program{args: append([]string{name}, args...), env: cLocale}
}

var octal = regexp.MustCompile(`\\[0-7]{3}`)

func unescapeMount(text string) string {
	return octal.ReplaceAllStringFunc(text, func(s string) string {
		n, err := strconv.ParseUint(s[1:], 8, 8)
		if err != nil {
			return s
		}
		return string([]byte{byte(n)})
	})
}

// mountFacts asks every real file system for its size; one that does not answer is named without.
func mountFacts(ctx context.Context, t *Task, into map[string]any) error {
	table, err := readText("/proc/self/mounts")
	if err != nil {
		return err
	}
	bound := bindMounts()
	uuids := map[string]string{}
	for name, list := range diskLinks()["uuids"].(map[string]any) {
		uuids[name] = list.([]any)[0].(string)
	}
	list := []any{}
	for line := range strings.SplitSeq(string(table), "\n") {
		f := strings.Fields(line)
		if len(f) < 4 || !strings.HasPrefix(f[0], "/") && !strings.HasPrefix(f[0], `\`) && !strings.Contains(f[0], ":/") || f[2] == "none" {
			continue
		}
		m := map[string]any{"device": unescapeMount(f[0]), "mount": unescapeMount(f[1]), "fstype": f[2], "options": f[3], "uuid": "N/A"}
		if bound[m["mount"].(string)] {
			m["options"] = f[3] + ",bind"
		}
		if dev, err := filepath.EvalSymlinks(m["device"].(string)); err == nil && uuids[filepath.Base(dev)] != "" {
			m["uuid"] = uuids[filepath.Base(dev)]
		}
		size, err := statfs(ctx, m["mount"].(string))
		if err != nil {
			t.Warn("Timeout exceeded when getting mount info for %s", m["mount"])
			m["note"] = "Could not get extra information due to timeout"
		}
		maps.Copy(m, size)
		list = append(list, m)
	}
	into["mounts"] = list
	return nil
}

// bindMounts are the mount points that show a folder of another file system.
func bindMounts() map[string]bool {
	out := map[string]bool{}
	for line := range strings.SplitSeq(readTrim("/proc/self/mountinfo"), "\n") {
		if f := strings.Fields(line); len(f) > 4 && f[3] != "/" && !strings.HasPrefix(f[3], "/..") && slices.Contains(f, "-") {
			out[unescapeMount(f[4])] = true
		}
	}
	return out
}

// statfs gives up waiting when ctx ends; a dead network mount would never answer.
func statfs(ctx context.Context, path string) (map[string]any, error) {
	type said struct {
		st  syscall.Statfs_t
		err error
	}
	answer := make(chan said, 1)
	go func() {
		var s said
		s.err = syscall.Statfs(path, &s.st)
		answer <- s
	}()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case s := <-answer:
		if s.err != nil {
			return nil, nil //nolint:nilerr // what has no size is told without
		}
		block := s.st.Frsize
		return map[string]any{
			"size_total": int64(s.st.Blocks) * block, "size_available": int64(s.st.Bavail) * block, "block_size": s.st.Bsize,
			"block_total": int64(s.st.Blocks), "block_available": int64(s.st.Bavail), "block_used": int64(s.st.Blocks - s.st.Bavail),
			"inode_total": int64(s.st.Files), "inode_available": int64(s.st.Ffree), "inode_used": int64(s.st.Files - s.st.Ffree),
		}, nil
	}
}
