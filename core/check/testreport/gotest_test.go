package testreport_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"goodstate.dev/goodstate/core/check/testreport"
)

// goTest runs the go tool on one test file and returns what it wrote.
func goTest(t *testing.T, source string, args ...string) []byte {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module shop\n\ngo 1.26\n", "shop_test.go": "package shop\n" + source} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"test", "-json", "-vet=off"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	out, err := cmd.Output()
	if err != nil && len(out) == 0 {
		t.Fatalf("go test: %v", err)
	}
	return out
}

func TestGoTest(t *testing.T) {
	for name, c := range map[string]struct {
		source string
		want
	}{
		"groups are not counted": {
			`import "testing"
			func TestGood(t *testing.T) {}
			func TestGroup(t *testing.T) { t.Run("x", func(t *testing.T) {}); t.Run("y/z", func(t *testing.T) { t.Error("got 1, want 2") }) }
			func TestSkip(t *testing.T) { t.Skip("no") }`,
			want{passed: 2, failed: 1, skipped: 1, failure: "shop TestGroup/y/z | shop_test.go:4: got 1, want 2"},
		},
		"a group that fails by itself": {
			`import "testing"
			func TestGroup(t *testing.T) { t.Run("x", func(t *testing.T) {}); t.Error("left over") }`,
			want{passed: 1, failed: 1, failure: "left over"},
		},
		"a panic": {
			`import "testing"
			func TestFirst(t *testing.T) {}
			func TestPanics(t *testing.T) { var m map[string]int; m["a"] = 1 }
			func TestNever(t *testing.T) {}`,
			want{passed: 1, failed: 1, failure: "assignment to entry in nil map"},
		},
		"code that does not build": {
			`import "testing"
			func TestX(t *testing.T) { undefined() }`,
			want{failed: 1, failure: "shop | does not build\n# shop [shop.test]\n./shop_test.go:3:31: undefined: undefined"},
		},
		"a test that ends the process": {
			`import ("os"; "testing"; "fmt")
			func TestExits(t *testing.T) { fmt.Println("bye"); os.Exit(3) }`,
			want{failed: 1, failure: "TestExits | did not finish\nbye"},
		},
		"a set-up that fails": {
			`import ("os"; "testing"; "fmt")
			func TestA(t *testing.T) {}
			func TestMain(m *testing.M) { fmt.Println("no database"); os.Exit(1) }`,
			want{failed: 1, failure: "shop | no database"},
		},
		"no test": {`import "testing"; func BenchmarkX(b *testing.B) {}`, want{}},
	} {
		t.Run(name, func(t *testing.T) { c.hold(t, testreport.GoTest(bytes.NewReader(goTest(t, c.source)))) })
	}
}

func TestGoTestOutputThatWasCutOffIsNotWhole(t *testing.T) {
	out := goTest(t, `import "testing"
		func TestA(t *testing.T) {}
		func TestB(t *testing.T) {}`)
	lines := bytes.SplitAfter(out, []byte("\n"))
	want{passed: 2, problem: "ends before package shop"}.hold(t, testreport.GoTest(bytes.NewReader(bytes.Join(lines[:len(lines)-3], nil))))
}

func TestOutputWithoutEventsIsNotAReport(t *testing.T) {
	want{problem: "no events of go test -json in the output: ok  \tshop\t0.1s"}.hold(t, testreport.GoTest(strings.NewReader("ok  \tshop\t0.1s\n")))
}

func TestAResultFromTheCacheIsNotARun(t *testing.T) {
	events := `{"Action":"start","Package":"shop"}
{"Action":"run","Package":"shop","Test":"TestA"}
{"Action":"pass","Package":"shop","Test":"TestA"}
{"Action":"output","Package":"shop","Output":"PASS\n"}
{"Action":"output","Package":"shop","Output":"ok  \tshop\t(cached)\n"}
{"Action":"pass","Package":"shop"}
`
	r := testreport.GoTest(strings.NewReader(events))
	if r.Cached != 1 || r.Ran() != 0 {
		t.Errorf("%+v, want one cached package and no test that ran", r)
	}
}
