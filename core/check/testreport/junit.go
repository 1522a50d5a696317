package testreport

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

const maxDepth = 100

// JUnit reads the XML that most runners can write: <testsuites> and <testsuite> nested in any way around <testcase>. The
// format has no standard; what is relied on is that a case with a <failure> or <error> failed and one with <skipped> did
// not run. A suite that announces more tests than it holds was cut off; one that announces more failures than its cases
// show failed outside of a case (a set-up that broke), and that counts as a failure.
func JUnit(r io.Reader) Report {
	d := &junitDoc{dec: xml.NewDecoder(&printable{r: r})}
	d.dec.CharsetReader = latin
	if err := d.read(); err != nil {
		d.rep.problem("the JUnit report is broken: %v", err)
	}
	return d.rep
}

type junitDoc struct {
	dec *xml.Decoder
	rep Report
}

// tally is what was found below one suite, to be held against what the suite announces.
type tally struct{ cases, failed int }

func (d *junitDoc) read() error {
	roots := 0
	for {
		tok, err := d.dec.Token()
		if errors.Is(err, io.EOF) {
			if roots == 0 {
				return errors.New("there is no <testsuite> in it")
			}
			return nil
		}
		if err != nil {
			return err
		}
		start, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		if n := start.Name.Local; n != "testsuites" && n != "testsuite" {
			return fmt.Errorf("it starts with <%s>, want <testsuites> or <testsuite>", clip(n, 40))
		}
		roots++
		if _, err := d.suite(start, 1); err != nil {
			return err
		}
	}
}

func (d *junitDoc) suite(start xml.StartElement, depth int) (tally, error) {
	var sum tally
	name := attr(start, "name")
	if depth > maxDepth {
		return sum, fmt.Errorf("suites are nested more than %d deep", maxDepth)
	}
	var outside string
	for {
		tok, err := d.dec.Token()
		if err != nil {
			return sum, unexpectedEnd(err)
		}
		switch el := tok.(type) {
		case xml.EndElement:
			d.compare(start, name, sum, outside)
			return sum, nil
		case xml.StartElement:
			var part tally
			switch el.Name.Local {
			case "testsuite", "testsuites":
				part, err = d.suite(el, depth+1)
			case "testcase":
				part, err = d.testcase(el, name)
			case "failure", "error":
				var body string
				body, err = d.text()
				d.rep.fail(or(name, "a test suite"), message(el, body))
				part.failed = 1
			case "system-err":
				outside, err = d.text()
			default:
				err = d.dec.Skip()
			}
			if err != nil {
				return sum, unexpectedEnd(err)
			}
			sum.cases += part.cases
			sum.failed += part.failed
		}
	}
}

// compare holds what a suite announces in its attributes against the cases that it holds.
func (d *junitDoc) compare(start xml.StartElement, name string, found tally, stderr string) {
	label := or(name, "<"+start.Name.Local+">")
	if announced := number(start, "tests"); announced > found.cases {
		d.rep.problem("suite %s announces %s, the report has %d", clip(label, 100), count(announced, "test"), found.cases)
	}
	if bad := number(start, "failures") + number(start, "errors"); bad > 0 && found.failed == 0 {
		d.rep.fail(label, fmt.Sprintf("announces %s outside of its tests\n%s", count(bad, "failure"), stderr))
	}
}

func (d *junitDoc) testcase(start xml.StartElement, suite string) (tally, error) {
	name := attr(start, "name")
	if class := attr(start, "classname"); class != "" && class != name {
		name = class + " " + name
	} else if class == "" && suite != "" {
		name = suite + " " + name
	}
	var failed, skipped bool
	var why string
	switch strings.ToLower(or(attr(start, "status"), attr(start, "result"))) {
	case "failed", "failure", "error":
		failed = true
	case "skipped", "disabled", "notrun", "ignored":
		skipped = true
	}
	for {
		tok, err := d.dec.Token()
		if err != nil {
			return tally{}, err
		}
		switch el := tok.(type) {
		case xml.StartElement:
			switch el.Name.Local {
			case "failure", "error":
				failed = true
				body, err := d.text()
				if err != nil {
					return tally{}, err
				}
				if why == "" {
					why = message(el, body)
				}
				continue
			case "skipped":
				skipped = true
			}
			if err := d.dec.Skip(); err != nil {
				return tally{}, err
			}
		case xml.EndElement:
			switch {
			case failed:
				d.rep.fail(name, why)
				return tally{cases: 1, failed: 1}, nil
			case skipped:
				d.rep.Skipped++
			default:
				d.rep.Passed++
			}
			return tally{cases: 1}, nil
		}
	}
}

// text reads the characters of an element up to its end; a long one is cut.
func (d *junitDoc) text() (string, error) {
	var b strings.Builder
	for depth := 1; depth > 0; {
		tok, err := d.dec.Token()
		if err != nil {
			return "", err
		}
		switch el := tok.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		case xml.CharData:
			b.Write(el[:min(len(el), max(0, 2*maxMessage-b.Len()))])
		}
	}
	return strings.ToValidUTF8(b.String(), ""), nil
}

func message(el xml.StartElement, body string) string {
	body = strings.TrimSpace(body)
	m := strings.TrimSpace(attr(el, "message"))
	if m == "" || strings.Contains(body, m) {
		return or(body, attr(el, "type"))
	}
	return strings.TrimSpace(m + "\n" + body)
}

func attr(el xml.StartElement, name string) string {
	for _, a := range el.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func number(el xml.StartElement, name string) int {
	n, err := strconv.Atoi(strings.TrimSpace(attr(el, name)))
	if err != nil {
		return 0 // absent or not a number: nothing is announced
	}
	return n
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func unexpectedEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// printable replaces the control characters that XML forbids and that runners copy from a program's output all the same
// (colour codes), and drops a byte order mark.
type printable struct {
	r     io.Reader
	begun bool
}

func (p *printable) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	if !p.begun && n > 0 {
		p.begun = true
		if rest, had := bytes.CutPrefix(b[:n], []byte("\xef\xbb\xbf")); had {
			n = copy(b, rest)
		}
	}
	for i, c := range b[:n] {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' {
			b[i] = '?'
		}
	}
	return n, err
}

// latin decodes the one other encoding that reports come in; each of its bytes is the code point of that number.
func latin(charset string, r io.Reader) (io.Reader, error) {
	switch strings.ToLower(charset) {
	case "utf-8", "us-ascii", "ascii":
		return r, nil
	case "iso-8859-1", "latin1", "windows-1252":
		return &latinReader{r: r}, nil
	}
	return nil, fmt.Errorf("its encoding is %s, want UTF-8", charset)
}

type latinReader struct {
	r    io.Reader
	left []byte
	raw  [4096]byte
}

func (l *latinReader) Read(b []byte) (int, error) {
	for len(l.left) == 0 {
		n, err := l.r.Read(l.raw[:])
		for _, c := range l.raw[:n] {
			l.left = append(l.left, string(rune(c))...)
		}
		if n == 0 && err != nil {
			return 0, err
		}
	}
	n := copy(b, l.left)
	l.left = l.left[n:]
	return n, nil
}
