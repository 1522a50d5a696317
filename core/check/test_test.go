package check_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/check"
	"goodstate.dev/goodstate/core/good"
)

func TestARunOfTestsIsJudgedByItsReportAndItsExitCode(t *testing.T) {
	for name, c := range map[string]struct {
		check   string
		verdict good.Verdict
		says    []string
	}{
		"exit: zero":     {`test: {run: exit 0}`, good.Pass, nil},
		"exit: not zero": {`test: {run: "echo boom; exit 1"}`, good.Fail, []string{"boom"}},
		"junit: all green": {
			`test: {run: "echo '<testsuite><testcase name=\"pays\"/></testsuite>' > r.xml", format: junit, report: "*.xml"}`,
			good.Pass,
			[]string{"1 test passed"},
		},
		"junit: a failure, whatever the exit code": {
			`test: {run: "echo '<testsuite><testcase name=\"pays\"><failure message=\"want 3, got 2\"/></testcase></testsuite>' > r.xml", format: junit, report: "*.xml"}`,
			good.Fail,
			[]string{"1 of 1 test failed", "pays", "want 3, got 2"},
		},
		"junit: green, and an exit code that is not": {
			`test: {run: "echo '<testsuite><testcase name=\"pays\"/></testsuite>' > r.xml; exit 4", format: junit, report: "*.xml"}`,
			good.Fail,
			[]string{"1 test passed, but the exit code is 4"},
		},
		"junit: no report": {`test: {run: exit 0, format: junit, report: "*.xml"}`, good.Unknown, []string{"no report *.xml"}},
		"junit: a broken report": {
			`test: {run: "echo '<testsuite><testcase name=\"pays\"/>' > r.xml", format: junit, report: "*.xml"}`,
			good.Unknown,
			[]string{"not whole", "broken"},
		},
		"junit: no tests": {
			`test: {run: "echo '<testsuites/>' > r.xml", format: junit, report: "*.xml"}`, good.Unknown, []string{"no tests ran"},
		},
		"tap: everything skipped": {`test: {run: "echo '1..0 # SKIP no browser'", format: tap}`, good.Unknown, []string{"no tests ran"}},
		"tap: cut off":            {`test: {run: "printf '1..3\\nok 1\\n'", format: tap}`, good.Unknown, []string{"announces 3 tests"}},
		"tap: bail out":           {`test: {run: "printf '1..3\\nok 1\\nBail out! no disk\\n'", format: tap}`, good.Fail, []string{"no disk"}},
		"gotest: not its output":  {`test: {run: echo ok, format: gotest}`, good.Unknown, []string{"no events"}},
	} {
		t.Run(name, func(t *testing.T) { says(t, look(t, c.check, check.Target{Dir: t.TempDir()}), c.verdict, c.says...) })
	}
}

func TestAReportOfAnEarlierRunIsNotTaken(t *testing.T) {
	for name, age := range map[string]time.Duration{"of yesterday": 24 * time.Hour, "of a moment ago": 0} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			report := filepath.Join(dir, "r.xml")
			if err := os.WriteFile(report, []byte(`<testsuite><testcase name="pays"/></testsuite>`), 0o600); err != nil {
				t.Fatal(err)
			}
			written := time.Now().Add(-age)
			if err := os.Chtimes(report, written, written); err != nil {
				t.Fatal(err)
			}
			says(t, look(t, `test: {run: exit 0, format: junit, report: "*.xml"}`, check.Target{Dir: dir}), good.Unknown)
		})
	}
}

func TestASuiteThatLeavesAServerRunningIsStillJudged(t *testing.T) {
	says(t, look(t, `test: {run: "sleep 600 & printf '1..1\nok 1\n'", format: tap}`, check.Target{Dir: t.TempDir()}), good.Pass)
}

func TestARunnerThatIsKilledIsUnknown(t *testing.T) {
	says(t, look(t, `test: {run: "kill -9 $$", format: tap}`, check.Target{Dir: t.TempDir()}), good.Unknown, "signal")
}

func TestRealGoTestsAreRead(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":       "module shop\n\ngo 1.26\n",
		"shop_test.go": "package shop\nimport \"testing\"\nfunc TestGood(t *testing.T) {}\nfunc TestBad(t *testing.T) { t.Error(\"want 3, got 2\") }\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := look(t, `test: {run: "GOFLAGS= go test -json -vet=off ./...", format: gotest}`, check.Target{Dir: dir})
	says(t, f, good.Fail, "1 of 2 tests failed", "shop TestBad", "want 3, got 2")
}

func TestASuiteHasTimeToRun(t *testing.T) {
	f := spec(t, `test: {run: "sleep 6"}`).Run(t.Context(), "it", check.Target{Dir: t.TempDir()})
	says(t, f, good.Pass)
}
