// Package testreport reads what test runners leave behind (JUnit XML, TAP and the events of go test -json) and says how
// many tests passed, failed and were left out. It runs nothing and looks at no files: it reads from what it is given, in
// memory that does not grow with the report, and it never takes silence for success.
package testreport

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// How much of a report is kept: enough to see what is wrong, small enough for a journal entry.
const (
	maxFailures = 20
	maxMessage  = 1200
	maxProblems = 5
	maxLine     = 1 << 20
)

// Report is what a run of tests came to. Numbers count single tests: a test that only groups others is not counted.
type Report struct {
	Passed   int
	Failed   int
	Skipped  int
	Cached   int       // packages whose result was read from a cache, so whose tests did not run now
	Failures []Failure // the first ones; Failed has the full number
	Problems []string  // why the report cannot be trusted to be whole: cut off, plan not kept, not a report at all
}

// Failure is one test that failed.
type Failure struct {
	Name    string
	Message string
}

// Ran is how many tests gave a result.
func (r *Report) Ran() int { return r.Passed + r.Failed }

// Summary says the numbers in words: "3 of 41 tests failed, 2 skipped".
func (r *Report) Summary() string {
	var s string
	switch {
	case r.Ran() == 0 && r.Skipped == 0:
		return "no tests ran"
	case r.Ran() == 0:
		return fmt.Sprintf("no tests ran, %d skipped", r.Skipped)
	case r.Failed > 0:
		s = fmt.Sprintf("%d of %s failed", r.Failed, count(r.Ran(), "test"))
	default:
		s = count(r.Ran(), "test") + " passed"
	}
	if r.Skipped > 0 {
		s += fmt.Sprintf(", %d skipped", r.Skipped)
	}
	return s
}

// Merge adds what another report of the same run says.
func (r *Report) Merge(o Report) {
	r.Passed += o.Passed
	r.Skipped += o.Skipped
	r.Cached += o.Cached
	for _, f := range o.Failures {
		r.fail(f.Name, f.Message)
	}
	r.Failed += o.Failed - len(o.Failures)
	for _, p := range o.Problems {
		r.problem("%s", p)
	}
}

func (r *Report) fail(name, message string) {
	r.Failed++
	if len(r.Failures) < maxFailures {
		r.Failures = append(r.Failures, Failure{Name: clip(strings.TrimSpace(name), 200), Message: clip(strings.TrimSpace(message), maxMessage)})
	}
}

func (r *Report) problem(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if len(r.Problems) < maxProblems && !slices.Contains(r.Problems, text) {
		r.Problems = append(r.Problems, text)
	}
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// clip keeps the beginning of a text, whole characters only.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "..."
}

// lines calls each for every line; what of a line is beyond maxLine is dropped.
func lines(r io.Reader, each func(line string)) error {
	br := bufio.NewReaderSize(r, 64<<10)
	var line []byte
	for {
		part, more, err := br.ReadLine()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		line = append(line, part[:min(len(part), maxLine-len(line))]...)
		if !more {
			each(string(line))
			line = line[:0]
		}
	}
}

// tail keeps the first and the last lines of an output: a panic says why at its beginning, most others at their end.
type tail struct {
	head, kept []string
	lost       bool
}

func (t *tail) add(line string) {
	line = strings.TrimRight(line, "\r\n")
	if strings.TrimSpace(line) == "" {
		return
	}
	line = clip(line, 300)
	if len(t.head) < 6 {
		t.head = append(t.head, line)
		return
	}
	t.kept = append(t.kept, line)
	if len(t.kept) > 12 {
		t.kept = slices.Delete(t.kept, 0, 1)
		t.lost = true
	}
}

func (t *tail) String() string {
	all := slices.Clone(t.head)
	if t.lost {
		all = append(all, "...")
	}
	return strings.Join(append(all, t.kept...), "\n")
}

// last is the last line with what to put before it, or nothing.
func (t *tail) last(before string) string {
	for _, kept := range [][]string{t.kept, t.head} {
		if n := len(kept); n > 0 {
			return before + kept[n-1]
		}
	}
	return ""
}
