package fleet

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"goodstate.dev/goodstate/rollout/runtime"
)

// files are the unit, the program, the environment and what is kept, as an archive for the host's standard input.
func (s *systemd) files(spec runtime.Spec, dir string) (io.Reader, error) {
	text, err := s.unit(spec, dir)
	if err != nil {
		return nil, err
	}
	env, err := environmentFile(spec)
	if err != nil {
		return nil, err
	}
	spec2, err := keptOf(spec)
	if err != nil {
		return nil, err
	}
	return archive(map[string]string{"unit": text, "run": runScript(spec), "ended": endedScript(spec, dir), "environment": env, "spec.json": spec2})
}

// keptOf is what of a spec may be on the host's disk.
func keptOf(spec runtime.Spec) (string, error) {
	spec.Env, spec.Place = nil, nil
	text, err := json.Marshal(kept{spec, time.Now().UTC().Truncate(time.Second)})
	return string(text), err
}

func archive(files map[string]string) (io.Reader, error) {
	var b bytes.Buffer
	t := tar.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		err := t.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(files[name])), Typeflag: tar.TypeReg})
		if err == nil {
			_, err = io.WriteString(t, files[name])
		}
		if err != nil {
			return nil, err
		}
	}
	return &b, t.Close()
}

// unit is the text of an instance's unit (systemd.service(5), systemd.exec(5)).
func (s *systemd) unit(spec runtime.Spec, dir string) (string, error) {
	for _, p := range []string{spec.Dir, dir, s.User} {
		if strings.ContainsAny(p, "\n\r\"\\%$ ") {
			return "", fmt.Errorf("%q cannot be named in a unit", p)
		}
	}
	grace := spec.Grace
	if grace <= 0 {
		grace = 10 * time.Second
	}
	restart, limit := "no", ""
	if spec.Restarts > 0 {
		restart = "always"
		limit = fmt.Sprintf("StartLimitIntervalSec=600\nStartLimitBurst=%d\n", spec.Restarts+1)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# made by goodstate\n[Unit]\nDescription=%s\nAfter=network-online.target\n%s\n[Service]\nType=exec\n", strings.ReplaceAll(spec.ID(), "%", "%%"), limit)
	fmt.Fprintf(&b, "WorkingDirectory=%s\nExecStart=%s/run\nEnvironmentFile=%s/environment\n", spec.Dir, dir, dir)
	fmt.Fprintf(&b, "ExecStopPost=+%s/ended\n", dir)
	fmt.Fprintf(&b, "Restart=%s\nRestartSec=250ms\nKillMode=mixed\nTimeoutStopSec=%dms\nLogRateLimitIntervalSec=0\n", restart, grace.Milliseconds())
	if spec.Memory > 0 {
		fmt.Fprintf(&b, "MemoryMax=%d\nMemorySwapMax=0\nOOMPolicy=kill\n", spec.Memory)
	}
	if s.User != "" {
		fmt.Fprintf(&b, "User=%s\n", s.User)
	}
	b.WriteString("\n[Install]\nWantedBy=multi-user.target\n")
	return b.String(), nil
}

// endedScript writes down how the program ended, and the most memory that it had, from the control group of either version.
func endedScript(spec runtime.Spec, dir string) string {
	name := unit(spec.ID())
	return fmt.Sprintf(`#!/bin/sh
peak=$(cat /sys/fs/cgroup/system.slice/%[1]s/memory.peak 2>/dev/null || cat /sys/fs/cgroup/memory/system.slice/%[1]s/memory.max_usage_in_bytes 2>/dev/null)
echo "$SERVICE_RESULT $EXIT_CODE $EXIT_STATUS $peak" >%[2]s/exit
`, name, dir)
}

// environmentFile is read by systemd only (EnvironmentFile of systemd.exec(5)); its mode keeps others from it.
func environmentFile(s runtime.Spec) (string, error) {
	env, err := environment(s)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`", `$`, `\$`)
	for _, name := range slices.Sorted(maps.Keys(env)) {
		fmt.Fprintf(&b, "%s=\"%s\"\n", name, escape.Replace(env[name]))
	}
	return b.String(), nil
}

// environment is what an instance gets beside what its host gives to every program.
func environment(s runtime.Spec) (map[string]string, error) {
	env := maps.Clone(s.Env)
	if env == nil {
		env = map[string]string{}
	}
	env["PORT"], env["HOST"] = strconv.Itoa(s.Port), s.Listen()
	env["GOODSTATE_SERVICE"], env["GOODSTATE_RELEASE"], env["GOODSTATE_INSTANCE"] = s.Service, s.Release, s.ID()
	for name, value := range env {
		if name == "" || strings.IndexFunc(name, func(c rune) bool {
			return c != '_' && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9')
		}) >= 0 || strings.ContainsRune(value, 0) {
			return nil, errors.New("environment variable " + strconv.Quote(name) + ": want a name of letters, digits and underscores, and a value without NUL")
		}
	}
	return env, nil
}
