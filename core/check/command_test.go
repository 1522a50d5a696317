package check_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/check"
	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/internal/real"
)

func TestACommandIsJudgedByItsExitCode(t *testing.T) {
	target := check.Target{Dir: t.TempDir(), BaseURL: "http://127.0.0.1:1", Release: "v2", Env: map[string]string{"SHELF": "7"}}
	for name, c := range map[string]struct {
		check   string
		verdict good.Verdict
		says    []string
	}{
		"zero passes":                        {`command: {run: "exit 0"}`, good.Pass, nil},
		"another fails, with its last words": {`command: {run: "echo no stock >&2; exit 3"}`, good.Fail, []string{"exit code 3", "no stock"}},
		"a code that says nothing":           {`command: {run: exit 75, unknown: [75]}`, good.Unknown, []string{"exit code 75"}},
		"no such program":                    {`command: {run: no-such-program}`, good.Unknown, []string{"exit code 127"}},
		"ended by a signal":                  {`command: {run: "kill -9 $$"}`, good.Unknown, []string{"signal"}},
		"it knows what to look at": {
			`command: {run: 'test "$GOODSTATE_RELEASE $GOODSTATE_URL $SHELF" = "v2 http://127.0.0.1:1 7"'}`, good.Pass, nil,
		},
		"it does not know more":             {`command: {run: 'test -z "$CHECK_TEST_PRIVATE"'}`, good.Pass, nil},
		"one that leaves something running": {`command: {run: "sleep 600 & exit 0"}`, good.Pass, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("CHECK_TEST_PRIVATE", "x")
			says(t, look(t, c.check, target), c.verdict, c.says...)
		})
	}
}

func TestAFolderThatIsNotThereIsUnknown(t *testing.T) {
	target := check.Target{Dir: filepath.Join(t.TempDir(), "gone")}
	says(t, look(t, `command: {run: exit 0}`, target), good.Unknown, "gone")
	says(t, look(t, `test: {run: exit 0}`, target), good.Unknown, "gone")
}

// nest starts a child of a child, which ignores the polite signal, and writes its process id.
const nest = `command: {run: "sh -c \"trap '' TERM; echo \\$\\$ > pid; while :; do sleep 0.1; done\" & wait"}`

func TestNothingIsLeftRunningAfterATimeout(t *testing.T) {
	target := check.Target{Dir: t.TempDir()}
	s := spec(t, nest)
	s.Timeout = config.Duration(500 * time.Millisecond)
	f := s.Run(t.Context(), "it", target)
	says(t, f, good.Fail)
	if f.Took > 4*time.Second {
		t.Errorf("it took %s, want about 500ms", f.Took)
	}
	ended(t, target.Dir)
}

func TestNothingIsLeftRunningAfterACancel(t *testing.T) {
	target := check.Target{Dir: t.TempDir()}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan good.Finding, 1)
	s := spec(t, nest)
	s.Timeout = config.Duration(time.Minute)
	go func() { done <- s.Run(ctx, "it", target) }()
	real.Eventually(t, 10*time.Second, "the command has started", func() bool { return child(target.Dir) > 0 })
	cancel()
	says(t, <-done, good.Unknown, "interrupted")
	ended(t, target.Dir)
}

func child(dir string) int {
	text, err := os.ReadFile(filepath.Join(dir, "pid"))
	if err != nil {
		return 0 // not written yet
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0 // half written
	}
	return pid
}

// ended waits until the child is no more; as a child of nobody it may stay as a zombie.
func ended(t *testing.T, dir string) {
	t.Helper()
	pid := child(dir)
	if pid == 0 {
		t.Fatal("the command never started")
	}
	real.Eventually(t, 5*time.Second, "the child has ended", func() bool {
		return gone(pid)
	})
}

func TestALongOutputKeepsItsEnd(t *testing.T) {
	f := look(t, `command: {run: "yes | head -c 5000000; echo the last words; exit 1"}`, check.Target{Dir: t.TempDir()})
	says(t, f, good.Fail, "the last words")
	if len(f.Detail) > 16<<10 {
		t.Errorf("the evidence has %d bytes", len(f.Detail))
	}
}
