package moduletest

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"goodstate.dev/goodstate/drift/module"
	"goodstate.dev/goodstate/internal/real"
)

func TestExamplesAreAccepted(t *testing.T) {
	for _, k := range module.Kinds() {
		var task map[string]map[string]any
		if err := yaml.Unmarshal([]byte(k.Example), &task); err != nil {
			t.Errorf("%s: %v", k.Name, err)
			continue
		}
		a, ok := task[k.Name]
		if !ok || len(task) != 1 {
			t.Errorf("%s: the example is a task of %v", k.Name, task)
		}
		if err := module.Accepts(module.Call{Module: k.Name, Args: a}); err != nil {
			t.Errorf("%s: %v", k.Name, err)
		}
	}
}

func TestSecretsStayInside(t *testing.T) {
	secret := "s3cr3t-word"
	dest := filepath.Join(t.TempDir(), "f")
	r := module.Run(context.Background(), module.Call{Module: "copy", Args: map[string]any{"content": secret, "dest": dest, "nonsense": secret}})
	text, err := json.Marshal(r)
	if err != nil || strings.Contains(string(text), secret) || !strings.Contains(string(text), "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER") {
		t.Errorf("the result is %s, %v", text, err)
	}
	r = module.Run(context.Background(), module.Call{Module: "command", NoLog: true, Args: map[string]any{"argv": []any{"true", secret}}})
	if text, err := json.Marshal(r["invocation"]); err != nil || strings.Contains(string(text), secret) {
		t.Errorf("with no_log the invocation is %s, %v", text, err)
	}
}

func TestAFloodOfOutputIsBounded(t *testing.T) {
	r := module.Run(context.Background(), module.Call{Module: "command", MaxOutput: 1000, Args: map[string]any{"_raw_params": "head -c 5000000 /dev/zero | tr '\\0' x", "_uses_shell": true}})
	if out, _ := r["stdout"].(string); len(out) != 1000 || r["warnings"] == nil || r["rc"] != int64(0) {
		t.Errorf("%d bytes, warnings %v, rc %v", len(out), r["warnings"], r["rc"])
	}
}

func TestAnInterruptedTaskLeavesNoProcess(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	pid := filepath.Join(t.TempDir(), "pid")
	done := make(chan module.Result)
	go func() {
		done <- module.Run(ctx, module.Call{Module: "command", Args: map[string]any{"_raw_params": "sleep 1000 & echo $! > " + pid + "; wait", "_uses_shell": true}})
	}()
	var number string
	real.Eventually(t, 10*time.Second, "the command runs", func() bool {
		text, err := os.ReadFile(pid)
		number = strings.TrimSpace(string(text))
		return err == nil && number != ""
	})
	cancel()
	if r := <-done; r["failed"] != true {
		t.Errorf("got %v", r)
	}
	real.Eventually(t, 10*time.Second, "its child has ended", func() bool {
		status, err := os.ReadFile("/proc/" + number + "/stat")
		return err != nil || strings.Contains(string(status), ") Z ")
	})
}

func TestARefusedNewFileLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	dest := filepath.Join(dir, "f")
	if err := os.WriteFile(dest, []byte("good\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	r := module.Run(context.Background(), module.Call{Module: "copy", Args: map[string]any{"content": "bad\n", "dest": dest, "validate": "grep -q good %s"}})
	entries, err := os.ReadDir(dir)
	if text, _ := os.ReadFile(dest); r["failed"] != true || string(text) != "good\n" || err != nil || len(entries) != 1 {
		t.Errorf("%v: %q, %v %v", r, text, entries, err)
	}
}

// BenchmarkNothingToDo is what a task costs the host when all is as it should be.
func BenchmarkNothingToDo(b *testing.B) {
	dir := b.TempDir()
	file := filepath.Join(dir, "f")
	if err := os.WriteFile(file, []byte("a=1\nb=2\n"), 0o644); err != nil {
		b.Fatal(err)
	}
	for name, a := range map[string]map[string]any{
		"file":       {"path": file, "mode": "0644", "owner": "root"},
		"copy":       {"dest": file, "content": "a=1\nb=2\n", "mode": "0644"},
		"lineinfile": {"path": file, "regexp": "^a=", "line": "a=1"},
		"stat":       {"path": file, "get_mime": false},
		"apt":        {"name": []any{"bash", "coreutils"}},
		"user":       {"name": "root", "shell": "/bin/bash"},
		"command":    {"argv": []any{"true"}},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if r := module.Run(context.Background(), module.Call{Module: name, Args: a}); r["failed"] == true || name != "command" && r["changed"] == true {
					b.Fatalf("%v", r)
				}
			}
		})
	}
}

func TestThePageListsEveryModule(t *testing.T) {
	page, err := os.ReadFile("../../../docs/modules.md")
	if err != nil {
		t.Fatal(err)
	}
	words := strings.FieldsFunc(string(page), func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	for _, k := range module.Kinds() {
		if !slices.Contains(words, k.Name) {
			t.Errorf("docs/modules.md does not name %s", k.Name)
		}
	}
}
