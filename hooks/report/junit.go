package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

type (
	junitSuite struct {
		XMLName  xml.Name    `xml:"testsuite"`
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		Failure *junitFailure `xml:"failure,omitempty"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// junit has one case for each rule that found something, and one that passes when nothing was found.
func junit(w io.Writer, r Run) error {
	suite := junitSuite{Name: "goodstate hooks ci"}
	for _, name := range rules(r) {
		var all []string
		for _, f := range r.Findings {
			if f.Rule == name {
				all = append(all, f.String())
			}
		}
		c := junitCase{Name: name, Class: "goodstate.hooks", Failure: &junitFailure{Message: fmt.Sprintf("%d findings", len(all)), Text: strings.Join(all, "\n")}}
		suite.Cases, suite.Failures = append(suite.Cases, c), suite.Failures+1
	}
	if len(suite.Cases) == 0 {
		suite.Cases = []junitCase{{Name: fmt.Sprintf("%d commits", r.Commits), Class: "goodstate.hooks"}}
	}
	suite.Tests = len(suite.Cases)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(suite); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
