package rule

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"
)

func init() {
	Register(Kind{
		Name:    "xml",
		Aliases: []string{"check-xml"},
		Help:    "XML files are well-formed",
		Example: "{}",
		New: func(decode func(any) error) (any, error) {
			r := &xmlSyntax{}
			return r, decode(r)
		},
	})
}

type xmlSyntax struct{}

var xmlExtensions = []string{"axml", "csproj", "fsproj", "kml", "launch", "plist", "props", "resx", "rng", "svg", "targets", "tmx", "vbproj", "vcxproj", "wsdl", "xaml", "xhtml", "xml", "xsd", "xsl", "xslt", "xacro", "urdf", "zcml"}

func (*xmlSyntax) Wants(f *File) bool {
	return f.HasText() && slices.Contains(xmlExtensions, extension(f.Path))
}

func (*xmlSyntax) Check(f *File) ([]Finding, error) {
	return read("xml", f, func(text []byte) []Finding {
		where, err := wellFormed(text)
		if err == nil {
			return nil
		}
		var syntax *xml.SyntaxError
		if errors.As(err, &syntax) {
			return []Finding{{Line: syntax.Line, Message: "the file is not well-formed XML: " + syntax.Msg}}
		}
		return []Finding{at(text, where, "the file is not well-formed XML: %v", err)}
	})
}

// entityDeclared finds the names of entities that a document type declares; their values change nothing in whether the rest is well-formed.
var entityDeclared = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`<!ENTITY\s+([^\s%"'<>]+)\s`) })

// wellFormed reads a document to its end. External entities are never fetched and internal ones never expanded, so the small file that
// unfolds into gigabytes does not.
func wellFormed(text []byte) (offset int, err error) {
	d := xml.NewDecoder(bytes.NewReader(text))
	d.Strict = true
	d.CharsetReader = func(name string, in io.Reader) (io.Reader, error) {
		switch strings.ToLower(name) {
		case "us-ascii", "ascii", "iso-8859-1", "latin1", "iso-8859-15", "windows-1252", "windows-1251", "iso-8859-2":
			return eightBit{in}, nil
		}
		return nil, fmt.Errorf("encoding %q is not read here; save the file as UTF-8", name)
	}
	depth, roots, types := 0, 0, 0
	for {
		start := int(d.InputOffset())
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return start, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if depth == 0 {
				if roots++; roots > 1 {
					return start, fmt.Errorf("<%s> follows the end of the document; there is one outermost element", t.Name.Local)
				}
			}
			if name := attributeTwice(t.Attr); name != "" {
				return start, fmt.Errorf("attribute %s is in <%s> twice", name, t.Name.Local)
			}
			depth++
		case xml.EndElement:
			depth--
		case xml.CharData:
			if depth == 0 && len(bytes.TrimSpace(bytes.TrimPrefix(t, []byte("\ufeff")))) > 0 {
				return start, errors.New("text outside of the outermost element")
			}
		case xml.ProcInst:
			if err := declared(t, bytes.TrimPrefix(text[:min(start, len(text))], []byte("\ufeff"))); err != nil {
				return start, err
			}
		case xml.Directive:
			if types++; types > 1 || roots > 0 || !docType().Match(t) {
				return start, fmt.Errorf("<!%.20s is not right here; there may be one document type, before the outermost element", t)
			}
			for _, m := range entityDeclared().FindAllSubmatch(append([]byte("<!"), t...), -1) {
				if d.Entity == nil {
					d.Entity = map[string]string{}
				}
				d.Entity[string(m[1])] = " "
			}
		}
	}
	if roots == 0 {
		return len(text), errors.New("there is no element")
	}
	return 0, nil
}

// What an XML declaration and a document type look like (XML 1.0, productions 23 and 28).
var (
	declaration = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^version\s*=\s*("[\w.:-]+"|'[\w.:-]+')(\s+encoding\s*=\s*("[A-Za-z][\w.-]*"|'[A-Za-z][\w.-]*'))?(\s+standalone\s*=\s*("(yes|no)"|'(yes|no)'))?\s*$`)
	})
	docType = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^DOCTYPE\s+[\pL_:][\pL\pN_:.-]*(\s+(SYSTEM|PUBLIC)\s+["'][^\[]*)?\s*(\[(?s:.)*\]\s*)?$`)
	})
)

// declared judges an instruction. The XML declaration is one that nothing may stand before.
func declared(t xml.ProcInst, before []byte) error {
	switch {
	case !strings.EqualFold(t.Target, "xml"):
		return nil
	case len(before) > 0:
		return errors.New("the XML declaration is not at the beginning")
	case t.Target != "xml" || !declaration().Match(t.Inst):
		return fmt.Errorf("the XML declaration <?%s %.60s?> is not right, want something like <?xml version=\"1.0\" encoding=\"UTF-8\"?>", t.Target, t.Inst)
	}
	return nil
}

func attributeTwice(attributes []xml.Attr) string {
	if len(attributes) < 2 {
		return ""
	}
	seen := make(map[xml.Name]bool, len(attributes))
	for _, a := range attributes {
		if seen[a.Name] {
			return a.Name.Local
		}
		seen[a.Name] = true
	}
	return ""
}

// eightBit gives every byte above ASCII as the character of that number. Which letter it really is does not matter for whether a document is well-formed.
type eightBit struct{ in io.Reader }

func (e eightBit) Read(to []byte) (int, error) {
	if len(to) < 2 {
		return 0, io.ErrShortBuffer
	}
	raw := make([]byte, len(to)/2)
	n, err := e.in.Read(raw)
	out := to[:0]
	for _, c := range raw[:n] {
		out = fmt.Appendf(out, "%c", rune(c))
	}
	return len(out), err
}
