package rule

import "bytes"

// yamlDocument is one document of a file, with the number of lines before it.
type yamlDocument struct {
	text   []byte
	before int
}

// yamlDocuments cuts a file before every line that begins with --- and after every line of ..., where also text that goes over several lines has
// to end (YAML 1.2.2, section 9.1.2). Directives stay with the document that they are for.
func yamlDocuments(text []byte) []yamlDocument {
	all := []yamlDocument{{}}
	begin, begun := 0, false
	cut := func(offset, before int) {
		all[len(all)-1].text = text[begin:offset]
		all = append(all, yamlDocument{before: before})
		begin, begun = offset, false
	}
	lines(text, func(number, offset int, line []byte) {
		switch {
		case isEnd(line):
			cut(offset+len(line), number)
			return
		case isMarker(line) && begun:
			cut(offset, number-1)
		}
		begun = begun || isContent(line)
	})
	all[len(all)-1].text = text[begin:]
	return all
}

// isMarker tells the line that begins a document.
func isMarker(line []byte) bool {
	return bytes.HasPrefix(line, []byte("---")) && (len(line) == 3 || bytes.IndexByte([]byte(" \t\r\n"), line[3]) >= 0)
}

// secondDocument returns the line of the marker that begins another document; 0 when there is but one.
func secondDocument(text []byte) int {
	begun, ended, second := false, false, 0
	lines(text, func(number, _ int, line []byte) {
		if second == 0 && (isMarker(line) && begun || isContent(line) && ended) {
			second = number
		}
		begun, ended = begun || isContent(line), ended || isEnd(line) && begun
	})
	return second
}

// isEnd tells the line that ends a document.
func isEnd(line []byte) bool {
	return bytes.HasPrefix(line, []byte("...")) && len(bytes.TrimSpace(line)) == 3
}

// isContent tells a line of a document from comments, directives and empty lines around it.
func isContent(line []byte) bool {
	return len(bytes.TrimSpace(line)) > 0 && line[0] != '#' && line[0] != '%' && !isEnd(line)
}
