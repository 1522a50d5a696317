package rule

import (
	"path"
	"regexp"
	"strings"
	"sync"
)

func init() {
	Register(Kind{
		Name:    "test-names",
		Aliases: []string{"name-tests-test"},
		Help:    "Python files below a folder tests have the names of tests",
		Example: "{style: pytest}",
		Args: []Arg{
			{Flags: []string{"--pytest"}, Option: "style", Value: "pytest"},
			{Flags: []string{"--pytest-test-first"}, Option: "style", Value: "pytest-test-first"},
			{Flags: []string{"--django", "--unittest"}, Option: "style", Value: "unittest"},
		},
		New: func(decode func(any) error) (any, error) {
			r := &testNames{Style: "pytest"}
			if err := decode(r); err != nil {
				return nil, err
			}
			return r, oneOf("test-names", "style", r.Style, "pytest", "pytest-test-first", "unittest")
		},
	})
}

type testNames struct {
	Style string `json:"style"`
}

var testStyles = map[string]func() *regexp.Regexp{
	"pytest":            sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^.*_test\.py$`) }),
	"pytest-test-first": sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^test_.*\.py$`) }),
	"unittest":          sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^test.*\.py$`) }),
}

func (*testNames) Wants(f *File) bool {
	return f.HasText() && strings.HasSuffix(f.Path, ".py") && strings.Contains("/"+path.Dir(f.Path)+"/", "/tests/")
}

func (r *testNames) Check(f *File) ([]Finding, error) {
	name := path.Base(f.Path)
	if !r.Wants(f) || name == "__init__.py" || name == "conftest.py" || testStyles[r.Style]().MatchString(name) {
		return nil, nil
	}
	want := map[string]string{"pytest": "NAME_test.py", "pytest-test-first": "test_NAME.py", "unittest": "testNAME.py"}[r.Style]
	return []Finding{{Rule: "test-names", Path: f.Path, Message: "the name is not that of a test, want " + want + ", or a place outside of tests"}}, nil
}
