package testreport

import (
	"io"
	"regexp"
	"strconv"
	"strings"
)

// TAP reads the Test Anything Protocol in versions 12 to 14 (https://testanything.org). Only top-level test points are
// counted: a subtest is summed up by the point of its parent, and its failing points are told in the parent's message.
// "not ok" with TODO is not a failure. A plan that is missing or not kept means that the report is not whole; "Bail out!"
// is a failure.
func TAP(r io.Reader) Report {
	t := &tapRun{planned: -1, seen: map[int]bool{}}
	if err := lines(r, t.line); err != nil {
		t.rep.problem("reading the TAP output: %v", err)
	}
	t.flush()
	t.end()
	return t.rep
}

type tapRun struct {
	rep     Report
	planned int // -1: no plan yet
	last    int
	points  int
	seen    map[int]bool
	bailed  bool
	inYAML  string // indentation of the diagnostic block that is open, with its dashes
	failing string // name of the failure whose diagnostics are being read
	details tail
	sub     tail // failing points of the subtest before its parent's point
}

var (
	tapPlan      = regexp.MustCompile(`^1\.\.(\d+)\s*(?:#.*)?$`)
	tapPoint     = regexp.MustCompile(`^(not )?ok\b(?:\s+(\d+))?(?:\s+|$)(?:-\s*)?(.*)$`)
	tapDirective = regexp.MustCompile(`(?i)(?:^|[^\\])#\s*(skip|todo)\w*(?:\s|$)`)
	tapSubFail   = regexp.MustCompile(`^\s+not ok\b`)
)

func (t *tapRun) line(line string) {
	line = strings.TrimRight(line, "\r\n")
	if t.bailed {
		return
	}
	trimmed := strings.TrimLeft(line, " \t")
	if t.inYAML != "" {
		if trimmed == "..." && strings.TrimSuffix(line, "...") == t.inYAML[:len(t.inYAML)-3] {
			t.inYAML = ""
			return
		}
		t.details.add(line)
		return
	}
	if strings.HasPrefix(trimmed, "Bail out!") {
		t.bailed = true
		t.flush()
		t.rep.fail("Bail out!", strings.TrimPrefix(trimmed, "Bail out!"))
		return
	}
	if line != trimmed {
		t.indented(line, trimmed)
		return
	}
	if m := tapPlan.FindStringSubmatch(line); m != nil {
		t.plan(m[1])
		return
	}
	if m := tapPoint.FindStringSubmatch(line); m != nil {
		t.flush()
		t.point(m[1] != "", m[2], m[3])
		return
	}
	if strings.HasPrefix(line, "#") {
		t.details.add(line)
	}
}

func (t *tapRun) indented(line, trimmed string) {
	if strings.HasPrefix(trimmed, "---") {
		t.inYAML = line[:len(line)-len(trimmed)] + "---"
		return
	}
	if tapSubFail.MatchString(line) && !tapDirective.MatchString(line) {
		t.sub.add(trimmed)
	}
}

func (t *tapRun) plan(number string) {
	n, err := strconv.Atoi(number)
	if err != nil || n > 10_000_000 {
		t.rep.problem("the TAP plan 1..%s is out of range", clip(number, 20))
		return
	}
	if t.planned >= 0 {
		t.rep.problem("the TAP output has two plans")
	}
	t.planned = n
}

func (t *tapRun) point(failed bool, number, description string) {
	t.points++
	n := t.last + 1
	if number != "" {
		parsed, err := strconv.Atoi(number)
		if err != nil {
			t.rep.problem("the TAP test number %s is out of range", clip(number, 20))
		} else {
			n = parsed
		}
	}
	if t.seen[n] {
		t.rep.problem("TAP test %d is reported twice", n)
	}
	if len(t.seen) < 1_000_000 {
		t.seen[n] = true
	}
	t.last = n
	directive := ""
	if m := tapDirective.FindStringSubmatchIndex(description); m != nil {
		directive = strings.ToLower(description[m[2]:m[3]])
		description = description[:strings.LastIndexByte(description[:m[2]], '#')]
	}
	sub := t.sub
	t.sub = tail{}
	switch {
	case directive == "skip", failed && directive == "todo":
		t.rep.Skipped++
	case failed:
		t.failing = or(strings.TrimSpace(tapUnescape.Replace(description)), "test "+strconv.Itoa(n))
		t.details = sub
	default:
		t.rep.Passed++
	}
}

var tapUnescape = strings.NewReplacer(`\\`, `\`, `\#`, `#`)

// flush counts the failure whose diagnostics have been read.
func (t *tapRun) flush() {
	if t.failing != "" {
		t.rep.fail(t.failing, t.details.String())
	}
	t.failing = ""
	t.details = tail{}
}

func (t *tapRun) end() {
	switch {
	case t.bailed:
	case t.planned < 0 && t.points == 0:
		t.rep.problem("there is no TAP in the output: no plan and no test")
	case t.planned < 0:
		t.rep.problem("the TAP output has no plan (1..%d), so it may be cut off", t.points)
	case t.points != t.planned:
		t.rep.problem("the TAP plan announces %s, %d were reported", count(t.planned, "test"), t.points)
	case t.last > t.planned && t.planned > 0:
		t.rep.problem("TAP test %d is beyond the plan of %d", t.last, t.planned)
	}
}
