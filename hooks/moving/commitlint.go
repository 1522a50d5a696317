package moving

import (
	"encoding/json"
	"regexp"
	"strings"

	"goodstate.dev/goodstate/hooks/message"
	"goodstate.dev/goodstate/hooks/message/commitlint"
)

var (
	commitLintNames    = []string{".commitlintrc", ".commitlintrc.json", ".commitlintrc.yaml", ".commitlintrc.yml"}
	commitLintPrograms = []string{
		"commitlint.config.js", "commitlint.config.cjs", "commitlint.config.mjs", "commitlint.config.ts", "commitlint.config.cts", "commitlint.config.mts",
		".commitlintrc.js", ".commitlintrc.cjs", ".commitlintrc.mjs", ".commitlintrc.ts", ".commitlintrc.cts", ".commitlintrc.mts",
	}
)

// usual is the program that says nothing but the shared configuration, as the documentation of commitlint has people write it. It is data, so it is read.
var usual = regexp.MustCompile(`^\s*(?:module\.exports\s*=|export\s+default)\s*\{\s*['"]?extends['"]?\s*:\s*\[?\s*['"](@commitlint/config-conventional)['"]\s*,?\s*\]?\s*,?\s*\}\s*;?\s*$`)

// comments are those of the languages above, outside of strings in a file that usual accepts.
var comments = regexp.MustCompile(`(?m)^\s*//.*$|(?s:/\*.*?\*/)`)

func commitLint(dir string, into *Found) error {
	name, data, err := commitLintData(dir)
	if err != nil {
		return err
	}
	if data == nil {
		return commitLintProgram(dir, into)
	}
	into.read(name)
	policy, notes, err := commitlint.Read(name, data)
	if err != nil {
		return err
	}
	for _, n := range notes {
		into.note(name, "commitlint: %s", n)
	}
	setPolicy(name, policy, into)
	return nil
}

// commitLintData finds a configuration that is data.
func commitLintData(dir string) (string, []byte, error) {
	for _, name := range commitLintNames {
		data, err := read(dir, name)
		if err != nil || data != nil {
			if err == nil {
				_, err = parse(name, data) // which bounds what the reader of commitlint is given
			}
			return name, data, err
		}
	}
	f, err := packageJSON(dir)
	if err != nil || f == nil || f.root.get("commitlint") == nil {
		return "", nil, err
	}
	data, err := read(dir, packageName)
	return packageName, data, err
}

func commitLintProgram(dir string, into *Found) error {
	for _, name := range commitLintPrograms {
		data, err := read(dir, name)
		if err != nil {
			return err
		}
		if data == nil {
			continue
		}
		into.read(name)
		m := usual.FindSubmatch(comments.ReplaceAll(data, nil))
		if m == nil {
			into.note(name, "is a program, and none is run here; write what it exports as .commitlintrc.json, and import again")
			return nil
		}
		written, err := json.Marshal(map[string]any{"extends": []string{string(m[1])}})
		if err != nil {
			return err
		}
		policy, _, err := commitlint.Read(".commitlintrc.json", written)
		if err != nil {
			return err
		}
		setPolicy(name, policy, into)
		return nil
	}
	if place := into.wantsCommitlint; place != "" {
		into.note(place, "commitlint is started, but its configuration is not here; write a message policy under hooks.commit-msg.message")
	}
	return nil
}

// setPolicy keeps the policy, and that it stands for commitlint.
func setPolicy(name string, policy message.Policy, into *Found) {
	into.commitlint = true
	if err := into.setMessage(name, "", policy); err != nil {
		into.note(name, "commitlint is not moved: %s", strings.TrimSpace(err.Error()))
	}
}
