package testreport

import (
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"
)

// GoTest reads the events of `go test -json` (the format of cmd/test2json). A package that does not build, panics
// outside of a test or exits by itself counts as one failure; a test that was running when its package ended failed; a
// stream that ends before its packages do was cut off. A package whose result came from Go's cache did not run its tests
// now, so they are not counted.
func GoTest(r io.Reader) Report {
	g := goRun{packages: map[string]*goPackage{}, builds: map[string]*tail{}}
	err := lines(r, g.line)
	if err != nil {
		g.rep.problem("reading the events of go test: %v", err)
	}
	if g.events == 0 {
		g.rep.problem("there are no events of go test -json in the output%s", g.stray.last(": "))
	}
	for _, name := range slices.Sorted(maps.Keys(g.packages)) {
		if p := g.packages[name]; !p.done {
			g.rep.Merge(p.result)
			g.rep.problem("the output ends before package %s does", name)
		}
	}
	return g.rep
}

type goRun struct {
	rep      Report
	events   int
	packages map[string]*goPackage
	builds   map[string]*tail // compiler output by import path
	stray    tail             // lines that are not events
}

type goPackage struct {
	tests  map[string]*goTest // those that have not ended
	output tail               // what was written outside of tests
	all    tail
	result Report
	done   bool
	cached bool
}

type goTest struct {
	output      tail
	parent      bool // has subtests: a group, not a test
	childFailed bool
}

type goEvent struct {
	Action, Package, Test, Output, ImportPath, FailedBuild string
}

func (g *goRun) line(line string) {
	var e goEvent
	if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &e) != nil || e.Action == "" {
		g.stray.add(line)
		return
	}
	g.events++
	switch e.Action {
	case "build-output":
		if g.builds[e.ImportPath] == nil {
			g.builds[e.ImportPath] = &tail{}
		}
		g.builds[e.ImportPath].add(e.Output)
		return
	case "build-fail":
		return
	}
	p := g.packages[e.Package]
	if p == nil {
		p = &goPackage{tests: map[string]*goTest{}}
		g.packages[e.Package] = p
	}
	if e.Test != "" {
		p.event(e)
		return
	}
	g.packageEvent(p, e)
}

func (g *goRun) packageEvent(p *goPackage, e goEvent) {
	switch e.Action {
	case "output":
		p.output.add(e.Output)
		p.all.add(e.Output)
		if strings.HasPrefix(e.Output, "ok ") && strings.Contains(e.Output, "\t(cached)") {
			p.cached = true
		}
	case "pass", "skip", "fail":
		p.done = true
		for _, name := range slices.Sorted(maps.Keys(p.tests)) {
			if t := p.tests[name]; !t.parent && e.Action != "skip" {
				p.result.fail(e.Package+" "+name, "did not finish\n"+t.output.String())
			}
		}
		p.tests = nil
		if e.Action == "fail" && p.result.Failed == 0 {
			p.result.fail(e.Package, g.whyPackage(p, e))
		}
		if p.cached {
			p.result = Report{Cached: 1}
		}
		g.rep.Merge(p.result)
	}
}

func (g *goRun) whyPackage(p *goPackage, e goEvent) string {
	if b := g.builds[e.FailedBuild]; b != nil {
		return "does not build\n" + b.String()
	}
	if strings.Contains(p.output.String(), "[build failed]") {
		return "does not build\n" + g.stray.String()
	}
	return or(p.all.String(), g.stray.String())
}

func (p *goPackage) event(e goEvent) {
	if p.done {
		return // a stray event after the package's end changes nothing
	}
	t := p.tests[e.Test]
	if t == nil {
		t = &goTest{}
		p.tests[e.Test] = t
		if up := p.parentOf(e.Test); up != nil {
			up.parent = true
		}
	}
	switch e.Action {
	case "output":
		if !strings.HasPrefix(strings.TrimLeft(e.Output, " "), "=== ") {
			t.output.add(e.Output)
			p.all.add(e.Output)
		}
		return
	case "fail":
		if up := p.parentOf(e.Test); up != nil {
			up.childFailed = true
		}
		if !t.childFailed {
			p.result.fail(e.Package+" "+e.Test, t.output.String())
		}
	case "pass":
		if !t.parent {
			p.result.Passed++
		}
	case "skip":
		if !t.parent {
			p.result.Skipped++
		}
	default: // run, pause, cont, bench, attr: still going
		return
	}
	delete(p.tests, e.Test)
}

// parentOf finds the nearest running test that this one is a subtest of; a subtest's own name may hold slashes.
func (p *goPackage) parentOf(test string) *goTest {
	for i := strings.LastIndexByte(test, '/'); i > 0; i = strings.LastIndexByte(test[:i], '/') {
		if up := p.tests[test[:i]]; up != nil {
			return up
		}
	}
	return nil
}
