package testreport_test

import (
	"strings"
	"testing"

	"goodstate.dev/goodstate/core/check/testreport"
)

type want struct {
	passed, failed, skipped int
	failure                 string // in the first failure's name or message
	problem                 string // in the first problem
}

func (w want) hold(t *testing.T, r testreport.Report) {
	t.Helper()
	if r.Passed != w.passed || r.Failed != w.failed || r.Skipped != w.skipped {
		t.Errorf("passed, failed, skipped: %d, %d, %d, want %d, %d, %d\n%+v", r.Passed, r.Failed, r.Skipped, w.passed, w.failed, w.skipped, r)
	}
	var failure, problem string
	if len(r.Failures) > 0 {
		failure = r.Failures[0].Name + " | " + r.Failures[0].Message
	}
	if len(r.Problems) > 0 {
		problem = r.Problems[0]
	}
	if !strings.Contains(failure, w.failure) || (w.failure == "") != (failure == "") {
		t.Errorf("first failure %q, want one with %q", failure, w.failure)
	}
	if !strings.Contains(problem, w.problem) || (w.problem == "") != (problem == "") {
		t.Errorf("first problem %q, want one with %q", problem, w.problem)
	}
}

func TestJUnit(t *testing.T) {
	for name, c := range map[string]struct {
		xml string
		want
	}{
		"one suite": {
			`<?xml version="1.0" encoding="UTF-8"?><testsuite name="shop" tests="2"><testcase name="a"/><testcase name="b"/></testsuite>`,
			want{passed: 2},
		},
		"suites in suites": {
			`<testsuites tests="3" failures="1"><testsuite name="outer" tests="3"><testsuite name="inner" tests="2"><testcase classname="Cart" name="adds"/><testcase classname="Cart" name="pays"><failure message="want 3, got 2" type="AssertionError">Cart.java:31</failure></testcase></testsuite><testcase name="c"><skipped message="later"/></testcase></testsuite></testsuites>`,
			want{passed: 1, failed: 1, skipped: 1, failure: "Cart pays | want 3, got 2\nCart.java:31"},
		},
		"an error is a failure": {
			`<testsuite><testcase name="a"><error type="NullPointerException">at X</error></testcase></testsuite>`,
			want{failed: 1, failure: "a | at X"},
		},
		"a case with failure and error is one case": {
			`<testsuite tests="1"><testcase name="a"><failure message="one"/><error message="two"/></testcase></testsuite>`,
			want{failed: 1, failure: "a | one"},
		},
		"a repeat that passed is a pass": {
			`<testsuite tests="1"><testcase name="a"><flakyFailure message="at first"/></testcase></testsuite>`,
			want{passed: 1},
		},
		"googletest says notrun": {
			`<testsuites><testsuite name="S"><testcase name="a" status="notrun"/><testcase name="b" status="run"/></testsuite></testsuites>`,
			want{passed: 1, skipped: 1},
		},
		"a suite that failed outside of its tests": {
			`<testsuite name="S" tests="1" errors="1"><testcase name="a"/><system-err>no database</system-err></testsuite>`,
			want{passed: 1, failed: 1, failure: "no database"},
		},
		"an error directly in the suite": {
			`<testsuite name="S" errors="1"><error message="set-up broke"/></testsuite>`,
			want{failed: 1, failure: "S | set-up broke"},
		},
		"a suite that announces more than it has": {
			`<testsuite name="S" tests="5"><testcase name="a"/></testsuite>`,
			want{passed: 1, problem: "suite S announces 5 tests, the report has 1"},
		},
		"a file that was cut off": {
			`<testsuites><testsuite name="S"><testcase name="a"/>`,
			want{passed: 1, problem: "broken"},
		},
		"an empty file":     {"", want{problem: "no <testsuite> in it"}},
		"not JUnit":         {"<html><body>502</body></html>", want{problem: "starts with <html>"}},
		"not XML":           {"panic: no", want{problem: "no <testsuite> in it"}},
		"no tests at all":   {`<testsuites tests="0"></testsuites>`, want{}},
		"colour codes":      {"<testsuite><testcase name=\"a\"><failure message=\"\x1b[31mred\">x</failure></testcase></testsuite>", want{failed: 1, failure: "red"}},
		"a byte order mark": {"\xef\xbb\xbf<testsuite><testcase name=\"a\"/></testsuite>", want{passed: 1}},
		"Latin-1": {
			"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><testsuite><testcase name=\"gr\xfcn\"><failure message=\"x\"/></testcase></testsuite>",
			want{failed: 1, failure: "grün"},
		},
	} {
		t.Run(name, func(t *testing.T) { c.hold(t, testreport.JUnit(strings.NewReader(c.xml))) })
	}
}

func TestAReportOfAHundredThousandFailuresStaysSmall(t *testing.T) {
	long := strings.Repeat("x", 5000)
	r := testreport.JUnit(strings.NewReader(`<testsuite>` + strings.Repeat(`<testcase name="a"><failure message="m">`+long+`</failure></testcase>`, 2000) + `</testsuite>`))
	size := 0
	for _, f := range r.Failures {
		size += len(f.Name) + len(f.Message)
	}
	if r.Failed != 2000 || size > 64<<10 {
		t.Errorf("%d failures in %d bytes, want 2000 in under 64 KiB", r.Failed, size)
	}
}

func TestSuitesNestedWithoutEndAreRefused(t *testing.T) {
	r := testreport.JUnit(strings.NewReader(strings.Repeat("<testsuite>", 100_000)))
	want{problem: "nested more than"}.hold(t, r)
}

func FuzzReportsNeverPanic(f *testing.F) {
	f.Add("<testsuite tests='1'><testcase name='a'><failure/></testcase></testsuite>")
	f.Add("TAP version 14\n1..2\nok 1\n    not ok 1 - sub\nnot ok 2 - b # TODO\n  ---\n  a: 1\n  ...\nBail out!")
	f.Add(`{"Action":"fail","Package":"p","Test":"A/b"}` + "\n" + `{"Action":"fail","Package":"p"}`)
	f.Fuzz(func(t *testing.T, in string) {
		for _, r := range []testreport.Report{
			testreport.JUnit(strings.NewReader(in)), testreport.TAP(strings.NewReader(in)), testreport.GoTest(strings.NewReader(in)),
		} {
			if r.Failed < len(r.Failures) || r.Passed < 0 || r.Summary() == "" {
				t.Errorf("%q gives %+v", in, r)
			}
		}
	})
}
