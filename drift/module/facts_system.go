package module

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func init() {
	addFact(fact{"platform", []string{"architecture", "kernel", "kernel_version", "machine", "machine_id", "nodename", "python_version", "system", "userspace_architecture", "userspace_bits", "hostname", "fqdn", "domain"}, true, nil, platformFacts})
	addFact(fact{"date_time", nil, true, nil, dateFacts})
	addFact(fact{"env", nil, true, nil, envFacts})
	addFact(fact{"user", []string{"effective_group_ids", "effective_user_id", "real_group_id", "real_user_id", "user_dir", "user_gecos", "user_gid", "user_id", "user_shell", "user_uid"}, true, nil, userFacts})
	addFact(fact{"cmdline", []string{"proc_cmdline"}, true, nil, cmdlineFacts})
	addFact(fact{"dns", nil, true, nil, dnsFacts})
	addFact(fact{"lsb", nil, true, nil, lsbFacts})
	addFact(fact{"fips", nil, true, nil, fipsFacts})
	addFact(fact{"selinux", []string{"selinux_python_present"}, true, nil, selinuxFacts})
	addFact(fact{"apparmor", nil, true, nil, apparmorFacts})
	addFact(fact{"caps", []string{"system_capabilities", "system_capabilities_enforced"}, true, nil, capsFacts})
	addFact(fact{"local", nil, true, nil, localFacts})
	addFact(fact{"ssh_pub_keys", []string{"ssh_host_pub_keys", "ssh_host_key_dsa_public", "ssh_host_key_ecdsa_public", "ssh_host_key_ed25519_public", "ssh_host_key_rsa_public"}, true, nil, sshKeyFacts})
	addFact(fact{"loadavg", nil, false, nil, loadFacts})
	addFact(fact{"chroot", []string{"is_chroot"}, false, nil, chrootFacts})
	addFact(fact{"python", nil, true, nil, pythonFacts})
}

// readTrim is the content of a small file of the system without blanks around it; empty where there is none.
func readTrim(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

func platformFacts(ctx context.Context, t *Task, into map[string]any) error {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return err
	}
	node, machine := unix.ByteSliceToString(u.Nodename[:]), unix.ByteSliceToString(u.Machine[:])
	into["system"] = unix.ByteSliceToString(u.Sysname[:])
	into["kernel"] = unix.ByteSliceToString(u.Release[:])
	into["kernel_version"] = unix.ByteSliceToString(u.Version[:])
	into["machine"], into["nodename"] = machine, node
	into["hostname"], _, _ = strings.Cut(node, ".")
	fqdn := fullName(ctx, t, node)
	into["fqdn"] = fqdn
	_, into["domain"], _ = strings.Cut(fqdn, ".")
	bits := strconv.Itoa(strconv.IntSize)
	into["userspace_bits"] = bits
	into["architecture"], into["userspace_architecture"] = machine, machine
	if slices.Contains([]string{"i386", "i486", "i586", "i686"}, machine) {
		into["architecture"], into["userspace_architecture"] = "i386", "i386"
	}
	for _, path := range []string{"/var/lib/dbus/machine-id", "/etc/machine-id"} {
		if id := readTrim(path); id != "" {
			into["machine_id"], _, _ = strings.Cut(id, "\n")
			break
		}
	}
	return nil
}

// fullName is Python's socket.getfqdn: the first name with a dot that the host's address has.
func fullName(ctx context.Context, t *Task, node string) string {
	var address string
	names := map[string][]string{}
	hosts, err := readText("/etc/hosts")
	if err != nil {
		return node
	}
	for line := range strings.SplitSeq(string(hosts), "\n") {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		names[f[0]] = append(names[f[0]], f[1:]...)
		if address == "" && slices.Contains(f[1:], node) {
			address = f[0]
		}
	}
	list := names[address]
	if address == "" {
		ctx, done := context.WithTimeout(ctx, 2*time.Second)
		defer done()
		out, err := t.run(ctx, program{args: []string{"getent", "hosts", node}})
		if f := strings.Fields(out.stdout); err == nil && len(f) > 1 {
			list = f[1:]
		}
	}
	for _, name := range list {
		if strings.Contains(name, ".") {
			return name
		}
	}
	if len(list) > 0 {
		return list[0]
	}
	return node
}

func dateFacts(_ context.Context, _ *Task, into map[string]any) error {
	now := time.Now()
	_, week := strftimeWeek(now)
	zone, _ := now.Zone()
	other := zone
	_, offset := now.Zone()
	for month := time.January; month <= time.December; month++ {
		if name, off := time.Date(now.Year(), month, 1, 0, 0, 0, 0, time.Local).Zone(); off != offset {
			other = name
		}
	}
	into["date_time"] = map[string]any{
		"year": now.Format("2006"), "month": now.Format("01"), "weekday": now.Format("Monday"), "weekday_number": strconv.Itoa(int(now.Weekday())),
		"weeknumber": week, "day": now.Format("02"), "hour": now.Format("15"), "minute": now.Format("04"), "second": now.Format("05"),
		"epoch": strconv.FormatInt(now.Unix(), 10), "epoch_int": strconv.FormatInt(now.Unix(), 10), "date": now.Format("2006-01-02"), "time": now.Format("15:04:05"),
		"iso8601_micro": now.UTC().Format("2006-01-02T15:04:05.000000Z"), "iso8601": now.UTC().Format("2006-01-02T15:04:05Z"),
		"iso8601_basic": now.Format("20060102T150405") + fmt.Sprintf("%06d", now.Nanosecond()/1000), "iso8601_basic_short": now.Format("20060102T150405"),
		"tz": zone, "tz_dst": other, "tz_offset": now.Format("-0700"),
	}
	return nil
}

// strftimeWeek is %W: weeks of the year from the first Monday on.
func strftimeWeek(t time.Time) (int, string) {
	monday := (int(t.Weekday()) + 6) % 7
	week := (t.YearDay() + 6 - monday) / 7
	return week, fmt.Sprintf("%02d", week)
}

func envFacts(_ context.Context, t *Task, into map[string]any) error {
	env := map[string]any{}
	for _, pair := range t.environ() {
		k, v, _ := strings.Cut(pair, "=")
		env[k] = text([]byte(v))
	}
	into["env"] = env
	return nil
}

func userFacts(_ context.Context, _ *Task, into map[string]any) error {
	into["effective_user_id"], into["effective_group_id"] = int64(os.Geteuid()), int64(os.Getegid())
	into["real_user_id"], into["real_group_id"] = int64(os.Getuid()), int64(os.Getgid())
	a, err := lookupUID(os.Getuid())
	if err != nil {
		return err
	}
	into["user_id"], into["user_uid"], into["user_gid"] = a.Name, int64(a.UID), int64(a.GID)
	into["user_gecos"], into["user_dir"], into["user_shell"] = a.Gecos, a.Home, a.Shell
	return nil
}

func cmdlineFacts(_ context.Context, _ *Task, into map[string]any) error {
	line := readTrim("/proc/cmdline")
	if line == "" {
		return nil
	}
	words, err := shellWords(line)
	if err != nil {
		words = strings.Fields(line)
	}
	simple, full := map[string]any{}, map[string]any{}
	for _, word := range words {
		key, value, has := strings.Cut(word, "=")
		var v any = value
		if !has {
			v = true
		}
		simple[key] = v
		switch before := full[key].(type) {
		case nil:
			full[key] = v
		case []any:
			full[key] = append(before, v)
		default:
			if has {
				full[key] = []any{before, v}
			}
		}
	}
	into["cmdline"], into["proc_cmdline"] = simple, full
	return nil
}

func dnsFacts(_ context.Context, _ *Task, into map[string]any) error {
	dns := map[string]any{}
	into["dns"] = dns
	conf, err := readText("/etc/resolv.conf")
	if err != nil {
		return nil //nolint:nilerr // no file is no resolver
	}
	for line := range strings.SplitSeq(string(conf), "\n") {
		f := strings.Fields(line)
		if len(f) < 2 || f[0][0] == '#' || f[0][0] == ';' {
			continue
		}
		switch f[0] {
		case "nameserver":
			list, _ := dns["nameservers"].([]any)
			dns["nameservers"] = append(append([]any{}, list...), toAny(f[1:])...)
		case "domain":
			dns["domain"] = f[1]
		case "search", "sortlist":
			dns[f[0]] = toAny(f[1:])
		case "options":
			options := map[string]any{}
			for _, o := range f[1:] {
				key, value, has := strings.Cut(o, ":")
				options[key] = true
				if has {
					options[key] = value
				}
			}
			dns["options"] = options
		}
	}
	return nil
}

func lsbFacts(ctx context.Context, t *Task, into map[string]any) error {
	lsb := map[string]any{}
	into["lsb"] = lsb
	if _, err := t.find("lsb_release"); err == nil {
		out, err := t.run(ctx, program{args: []string{"lsb_release", "-a"}, env: cLocale})
		if err != nil {
			return err
		}
		keys := map[string]string{"LSB Version": "release", "Distributor ID": "id", "Description": "description", "Release": "release", "Codename": "codename"}
		for line := range strings.SplitSeq(out.stdout, "\n") {
			if k, v, ok := strings.Cut(line, ":"); ok && keys[k] != "" {
				lsb[keys[k]] = strings.TrimSpace(v)
			}
		}
	} else if conf, err := readText("/etc/lsb-release"); err == nil {
		keys := map[string]string{"DISTRIB_ID": "id", "DISTRIB_RELEASE": "release", "DISTRIB_DESCRIPTION": "description", "DISTRIB_CODENAME": "codename"}
		for line := range strings.SplitSeq(string(conf), "\n") {
			if k, v, ok := strings.Cut(line, "="); ok && keys[k] != "" {
				lsb[keys[k]] = strings.Trim(strings.TrimSpace(v), `"'\`)
			}
		}
	}
	if release, ok := lsb["release"].(string); ok {
		lsb["major_release"], _, _ = strings.Cut(release, ".")
	}
	return nil
}

func fipsFacts(_ context.Context, _ *Task, into map[string]any) error {
	into["fips"] = readTrim("/proc/sys/crypto/fips_enabled") == "1"
	return nil
}

func selinuxFacts(_ context.Context, _ *Task, into map[string]any) error {
	into["selinux_python_present"] = true // what needs it is native
	if !selinuxEnabled() {
		into["selinux"] = map[string]any{"status": "disabled"}
		return nil
	}
	facts := map[string]any{"status": "enabled", "mode": "permissive", "config_mode": "unknown", "type": "unknown"}
	if readTrim("/sys/fs/selinux/enforce") == "1" {
		facts["mode"] = "enforcing"
	}
	facts["policyvers"] = "unknown"
	if n, err := strconv.ParseInt(readTrim("/sys/fs/selinux/policyvers"), 10, 64); err == nil {
		facts["policyvers"] = n
	}
	for line := range strings.SplitSeq(readTrim("/etc/selinux/config"), "\n") {
		switch k, v, _ := strings.Cut(line, "="); k {
		case "SELINUX":
			facts["config_mode"] = v
		case "SELINUXTYPE":
			facts["type"] = v
		}
	}
	into["selinux"] = facts
	return nil
}

func apparmorFacts(_ context.Context, _ *Task, into map[string]any) error {
	status := "disabled"
	if exists("/sys/kernel/security/apparmor") {
		status = "enabled"
	}
	into["apparmor"] = map[string]any{"status": status}
	return nil
}

func capsFacts(ctx context.Context, t *Task, into map[string]any) error {
	if _, err := t.find("capsh"); err != nil {
		into["system_capabilities"], into["system_capabilities_enforced"] = "N/A", "N/A"
		return nil
	}
	out, err := t.run(ctx, program{args: []string{"capsh", "--print"}})
	if err != nil {
		return err
	}
	into["system_capabilities_enforced"] = "NA"
	list := []any{}
	for line := range strings.SplitSeq(out.stdout, "\n") {
		rest, ok := strings.CutPrefix(line, "Current:")
		if !ok {
			continue
		}
		rest = strings.TrimSpace(rest)
		if rest == "=ep" {
			into["system_capabilities_enforced"] = "False"
			continue
		}
		into["system_capabilities_enforced"] = "True"
		rest = strings.TrimPrefix(strings.TrimPrefix(rest, "="), "")
		for _, c := range strings.Split(rest, ",") {
			list = append(list, strings.TrimSpace(c))
		}
	}
	into["system_capabilities"] = list
	return nil
}

// localFacts reads the facts that the host's owner has put there: JSON, INI, or programs that print them.
func localFacts(ctx context.Context, t *Task, into map[string]any) error {
	local := map[string]any{}
	into["local"] = local
	files, err := filepath.Glob(filepath.Join(t.Str("fact_path"), "*.fact"))
	if err != nil {
		return err
	}
	for _, path := range files {
		name := strings.ReplaceAll(filepath.Base(path), ".fact", "")
		value, err := t.localFact(ctx, path)
		if err != nil {
			t.Warn("%v", err)
			value = err.Error()
		}
		local[name] = value
	}
	return nil
}

func (t *Task) localFact(ctx context.Context, path string) (any, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("Could not stat fact (%s): %s", path, pyPathError(err))
	}
	var content string
	if info.Mode()&0o100 != 0 {
		out, err := t.run(ctx, program{args: []string{path}})
		if err != nil {
			return nil, fmt.Errorf("Could not execute fact script (%s): %s", path, pyPathError(err))
		}
		if out.rc != 0 {
			return nil, fmt.Errorf("Failure executing fact script (%s), rc: %d, err: %s", path, out.rc, out.stderr)
		}
		content = out.stdout
	} else {
		raw, err := readText(path)
		if err != nil {
			return nil, err
		}
		content = strings.TrimSpace(string(raw))
	}
	dec := json.NewDecoder(strings.NewReader(content))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err == nil && !dec.More() {
		return normal(value), nil
	}
	sections, err := readINI(content)
	if err != nil {
		return nil, fmt.Errorf("error loading facts as JSON or ini - please check content: %s", path)
	}
	return sections, nil
}

// readINI reads sections of an INI file as Python's configparser does: names of options are in small letters.
func readINI(content string) (map[string]any, error) {
	sections := map[string]any{}
	var current map[string]any
	key := ""
	for scan := bufio.NewScanner(strings.NewReader(content)); scan.Scan(); {
		line := scan.Text()
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';':
		case trimmed[0] == '[' && strings.HasSuffix(trimmed, "]"):
			current = map[string]any{}
			sections[trimmed[1:len(trimmed)-1]] = current
			key = ""
		case current == nil:
			return nil, errors.New("no section")
		case (line[0] == ' ' || line[0] == '\t') && key != "":
			current[key] = current[key].(string) + "\n" + trimmed
		default:
			at := strings.IndexAny(line, "=:")
			if at < 0 {
				return nil, errors.New("no value")
			}
			key = strings.ToLower(strings.TrimSpace(line[:at]))
			current[key] = strings.TrimSpace(line[at+1:])
		}
	}
	return sections, nil
}

func sshKeyFacts(_ context.Context, _ *Task, into map[string]any) error {
	for _, dir := range []string{"/etc/ssh", "/etc/openssh", "/etc"} {
		found := false
		for _, kind := range []string{"dsa", "rsa", "ecdsa", "ed25519"} {
			f := strings.Fields(readTrim(filepath.Join(dir, "ssh_host_"+kind+"_key.pub")))
			if len(f) < 2 {
				continue
			}
			found = true
			into["ssh_host_key_"+kind+"_public"], into["ssh_host_key_"+kind+"_public_keytype"] = f[1], f[0]
		}
		if found {
			return nil
		}
	}
	return nil
}

func loadFacts(_ context.Context, _ *Task, into map[string]any) error {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return err
	}
	load := map[string]any{}
	for i, name := range []string{"1m", "5m", "15m"} {
		load[name] = float64(info.Loads[i]) / 65536
	}
	into["loadavg"] = load
	return nil
}

func chrootFacts(_ context.Context, _ *Task, into map[string]any) error {
	into["is_chroot"] = false
	root, err := os.Stat("/")
	if err != nil {
		return err
	}
	if real, err := os.Stat("/proc/1/root/."); err == nil {
		into["is_chroot"] = !os.SameFile(root, real)
	}
	return nil
}

// pythonFacts asks the host's Python, where there is one. Nothing here needs it; only modules that are no native ones do.
func pythonFacts(ctx context.Context, t *Task, into map[string]any) error {
	const ask = `import json,sys,ssl;v=sys.version_info;print(json.dumps({"version":{"major":v[0],"minor":v[1],"micro":v[2],"releaselevel":v[3],"serial":v[4]},"version_info":list(v),"executable":sys.executable,"has_sslcontext":hasattr(ssl,"SSLContext"),"type":sys.implementation.name}))`
	for _, name := range []string{"/usr/bin/python3", "python3", "/usr/libexec/platform-python"} {
		out, err := t.run(ctx, program{args: []string{name, "-E", "-c", ask}})
		if err != nil || out.rc != 0 {
			continue
		}
		dec := json.NewDecoder(strings.NewReader(out.stdout))
		dec.UseNumber()
		var said map[string]any
		if err := dec.Decode(&said); err != nil {
			return err
		}
		said, _ = normal(said).(map[string]any)
		into["python"] = said
		if v, ok := said["version_info"].([]any); ok && len(v) > 2 {
			into["python_version"] = fmt.Sprintf("%v.%v.%v", v[0], v[1], v[2])
		}
		return nil
	}
	into["python"] = map[string]any{"version": nil, "version_info": []any{}, "executable": nil, "has_sslcontext": false, "type": "absent"}
	return nil
}
