package action

import (
	"context"
	"fmt"
	"strings"

	"goodstate.dev/goodstate/core/py"
)

func init() {
	register(Kind{Name: "script", Help: "Run a script of the controller on the host", Run: runScript})
}

func runScript(ctx context.Context, t *Task) (*py.Dict, error) {
	line := t.Text("_raw_params")
	if line == "" {
		line = t.Text("cmd")
	}
	name := scriptName(line)
	if name == "" {
		return Failed("No script was given: write script: PATH ARGUMENTS"), nil
	}
	if dir := t.Text("chdir"); dir != "" && !strings.HasPrefix(dir, "/") {
		return Failed("chdir %s must be an absolute path for a Unix-aware remote node", dir), nil
	}
	path, err := t.needle("files", name)
	if err != nil {
		return nil, err
	}
	s, err := t.fileSource(path)
	if err != nil {
		return nil, err
	}
	args := pick(t.Args, "chdir", "executable", "creates", "removes")
	args.Set("_raw_params", line)
	args.Set("_blob", s.blob.Hash)
	result, err := t.Remote.Module(ctx, "script", args, s.blob)
	if err != nil {
		return nil, fmt.Errorf("running the script %s: %w", name, err)
	}
	addLines(result)
	return result, nil
}

// scriptName is the first word of a line, with its quotes and backslashes read.
func scriptName(line string) string {
	var word strings.Builder
	quote := rune(0)
	escaped := false
	for _, r := range strings.TrimSpace(line) {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			escaped = true
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote = r
		case r == ' ' || r == '\t' || r == '\n':
			return word.String()
		default:
			word.WriteRune(r)
		}
	}
	return word.String()
}

// addLines adds stdout_lines and stderr_lines where they are missing.
func addLines(result *py.Dict) {
	for _, key := range []string{"stdout", "stderr"} {
		value, ok := result.Get(key)
		if !ok || result.Has(key+"_lines") {
			continue
		}
		list := py.NewList()
		if text := strings.TrimSuffix(Text(value), "\n"); text != "" {
			for line := range strings.SplitSeq(text, "\n") {
				list.Items = append(list.Items, py.Unsafe(strings.TrimSuffix(line, "\r")))
			}
		}
		result.Set(key+"_lines", list)
	}
}
