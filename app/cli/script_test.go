package cli_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"goodstate.dev/goodstate/app/cli"
	"goodstate.dev/goodstate/hooks/client"
)

// This binary is also goodstate, the keepers that goodstate starts, and the service of the scripts.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "keep" || os.Args[1] == "proxy") {
		os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	testscript.Main(m, map[string]func(){
		"goodstate":      func() { os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
		"goodstate-hook": func() { os.Exit(client.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
		"shop":           shop,
	})
}

// shop answers /healthz always, and everything else as the file "works" in its folder says.
func shop() {
	works, err := os.ReadFile("works")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	http.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		if strings.TrimSpace(string(works)) != "yes" {
			http.Error(w, "out of tea", http.StatusInternalServerError)
		}
	})
	fmt.Fprintln(os.Stderr, http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil)) //nolint:gosec // of a test
	os.Exit(1)
}

const scriptConfig = `data: d
server: {listen: none}
services:
  web:
    source: {git: repo}
    run: shop
    grace: 1s
    start: 10s
    health: {http: {url: /healthz}}
    checks: {home: {http: {url: /}, when: [start]}}
    strategy: {bluegreen: {hold: 1s}}
    watch: 1s
`

func TestScripts(t *testing.T) { testscript.Run(t, params(t, "testdata/script")) }

func params(t *testing.T, dir string) testscript.Params {
	return testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			for _, v := range []string{"GIT_AUTHOR_NAME=ann", "GIT_AUTHOR_EMAIL=ann@localhost", "GIT_COMMITTER_NAME=ann", "GIT_COMMITTER_EMAIL=ann@localhost", "NO_COLOR=1"} {
				name, value, _ := strings.Cut(v, "=")
				e.Setenv(name, value)
			}
			if cache, err := os.UserCacheDir(); err == nil {
				e.Setenv("GOCACHE", filepath.Join(cache, "go-build")) // or what scripts build would begin with the standard library
			}
			dir := e.WorkDir
			e.Defer(func() { tidy(t, dir) })
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"appears": appears,
			"exits":   exits,
			"site":    site,
		},
	}
}

// exits runs a program and wants an exit code: exits 64 goodstate validate.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	code := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if code != want {
		ts.Fatalf("%s ended with %d, want %d", strings.Join(args[1:], " "), code, want)
	}
}

// appears waits for a file that a background command makes: appears d/api.sock.
func appears(ts *testscript.TestScript, _ bool, args []string) {
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			ts.Fatalf("%s has not appeared in 20s", args[0])
		}
	}
}

// site makes a project with the releases v1 (good), v2 (its home page fails) and v3 (good).
func site(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(os.MkdirAll(ts.MkAbs("repo"), 0o755))
	ts.Check(os.WriteFile(ts.MkAbs("goodstate.yaml"), []byte(scriptConfig), 0o600))
	git := func(args ...string) { ts.Check(ts.Exec("git", append([]string{"-C", "repo"}, args...)...)) }
	git("init", "-q")
	for i, works := range []string{"yes", "no", "yes"} {
		ts.Check(os.WriteFile(filepath.Join(ts.MkAbs("repo"), "works"), []byte(works+"\n"), 0o600))
		ts.Check(os.WriteFile(filepath.Join(ts.MkAbs("repo"), "number"), []byte(strconv.Itoa(i)+"\n"), 0o600))
		git("add", ".")
		git("commit", "-q", "-m", fmt.Sprintf("release %d", i+1))
		git("tag", fmt.Sprintf("v%d", i+1))
	}
}

// tidy ends what a script has left running: all that was started in its folder.
func tidy(t *testing.T, dir string) {
	all, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Error(err)
	}
	for _, cwd := range all {
		where, err := os.Readlink(cwd)
		if err != nil || where != dir && !strings.HasPrefix(where, dir+"/") { // the folder hooks-import is not the beginning of hooks-import-node
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(cwd))); err == nil && pid != os.Getpid() {
			if p, err := os.FindProcess(pid); err == nil {
				_ = p.Kill() // it may have ended meanwhile
			}
		}
	}
}
