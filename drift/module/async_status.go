package module

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

func init() {
	register(Kind{
		Name:    "async_status",
		Help:    "How a task that runs on its own is doing",
		Example: "async_status: {jid: 'j123456789012.4242'}",
		Options: []Option{
			{Name: "jid", Required: true},
			{Name: "_async_dir", Type: Path, Internal: true, Default: "~/.ansible_async"},
			{Name: "mode", Default: "status", Choices: words("cleanup", "status")},
		},
		Check: CheckFull,
		Own:   true,
		Plan:  planAsyncStatus,
	})
}

func planAsyncStatus(_ context.Context, t *Task) error {
	jid := t.Str("jid")
	if strings.Contains(jid, "/") || strings.HasPrefix(jid, ".") {
		return fail("could not find job", Result{"ansible_job_id": jid, "started": int64(1), "finished": int64(1)})
	}
	path := filepath.Join(t.Str("_async_dir"), jid)
	t.Return("results_file", path)
	t.Return("started", int64(1))
	t.Return("finished", int64(0))
	t.Return("stdout", "")
	t.Return("stderr", "")
	t.Return("stdout_lines", []any{})
	t.Return("stderr_lines", []any{})
	t.Return("ansible_job_id", jid)
	if !exists(path) {
		return fail("could not find job", t.result, Result{"finished": int64(1)})
	}
	if t.Str("mode") == "cleanup" {
		t.Act(func(context.Context) error { return os.Remove(path) })
		t.Return("erased", path)
		return nil
	}
	text, err := readText(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	dec := json.NewDecoder(strings.NewReader(string(text)))
	dec.UseNumber()
	var said map[string]any
	if err := dec.Decode(&said); err != nil {
		if len(text) == 0 {
			return nil // it is about to be written
		}
		return fail("Could not parse job output: "+string(text), t.result, Result{"finished": int64(1)})
	}
	said, _ = normal(said).(map[string]any)
	if _, begun := said["started"]; !begun {
		said["finished"] = int64(1)
	}
	said["ansible_job_id"] = jid
	for key, value := range said {
		t.Return(key, value)
	}
	return nil
}
