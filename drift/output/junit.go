package output

import (
	"encoding/xml"
	"fmt"
	"io"
	"time"

	"goodstate.dev/goodstate/drift/engine"
)

// JUnit keeps what happened as test cases: one for each task on each host.
type JUnit struct {
	suites []*suite
	began  map[string]time.Time
	play   string
	file   string
	now    func() time.Time
}

type suite struct {
	XMLName  xml.Name `xml:"testsuite"`
	Name     string   `xml:"name,attr"`
	Tests    int      `xml:"tests,attr"`
	Failures int      `xml:"failures,attr"`
	Errors   int      `xml:"errors,attr"`
	Skipped  int      `xml:"skipped,attr"`
	Time     string   `xml:"time,attr"`
	Cases    []*testCase
	total    time.Duration
}

type testCase struct {
	XMLName xml.Name `xml:"testcase"`
	Name    string   `xml:"name,attr"`
	Class   string   `xml:"classname,attr"`
	Time    string   `xml:"time,attr"`
	Failure *problem `xml:"failure"`
	Error   *problem `xml:"error"`
	Skipped *problem `xml:"skipped"`
	Out     string   `xml:"system-out,omitempty"`
}

type problem struct {
	Message string `xml:"message,attr,omitempty"`
	Text    string `xml:",chardata"`
}

// NewJUnit makes an empty report.
func NewJUnit() *JUnit { return &JUnit{began: map[string]time.Time{}, now: time.Now} }

// Event takes one thing in.
func (j *JUnit) Event(e engine.Event) {
	switch e.Kind {
	case engine.PlaybookStart:
		j.file = e.Playbook
		j.suites = append(j.suites, &suite{Name: e.Playbook})
	case engine.PlayStart:
		j.play = e.Play.Name
	case engine.RunnerStart:
		j.began[e.Host+"\x00"+e.Task.Name] = j.now()
	case engine.OK, engine.FailedTask, engine.Skipped, engine.UnreachableHost:
		j.end(e)
	}
}

func (j *JUnit) end(e engine.Event) {
	if len(j.suites) == 0 || e.Task.Include {
		return
	}
	key := e.Host + "\x00" + e.Task.Name
	took := time.Duration(0)
	if began, ok := j.began[key]; ok {
		took = j.now().Sub(began)
	}
	c := &testCase{Name: fmt.Sprintf("[%s] %s: %s", e.Host, j.play, e.Task.Name), Class: e.Task.Path, Time: seconds(took)}
	if c.Class == "" {
		c.Class = j.file
	}
	s := j.suites[len(j.suites)-1]
	text := jsonText(Shown(e), 4)
	switch {
	case e.Kind == engine.Skipped:
		c.Skipped = &problem{Message: of(e, "skip_reason")}
		s.Skipped++
	case e.Kind == engine.FailedTask && !e.Ignored:
		c.Failure = &problem{Message: of(e, "msg"), Text: text}
		s.Failures++
	case e.Kind == engine.UnreachableHost && !e.Ignored:
		c.Error = &problem{Message: "unreachable", Text: text}
		s.Errors++
	default:
		c.Out = text
	}
	s.Tests++
	s.total += took
	s.Cases = append(s.Cases, c)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

// Write writes the report.
func (j *JUnit) Write(w io.Writer) error {
	type suites struct {
		XMLName xml.Name `xml:"testsuites"`
		Suites  []*suite
	}
	for _, s := range j.suites {
		s.Time = seconds(s.total)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(suites{Suites: j.suites}); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
