package rule

import "bytes"

func init() {
	Register(Kind{
		Name:    "conflict-markers",
		Aliases: []string{"check-merge-conflict", "merge-conflict"},
		Help:    "no marker of an unresolved merge is left",
		Example: "{strict: false}",
		Args:    []Arg{{Flags: []string{"--assume-in-merge"}, Option: "strict"}},
		New: func(decode func(any) error) (any, error) {
			r := &conflictMarkers{}
			return r, decode(r)
		},
	})
}

// conflictMarkers judges every change, not only merges: a marker that was committed once is found by nobody afterwards.
type conflictMarkers struct {
	// Strict takes a line of seven equal signs for a marker wherever it is. Without it the line must follow an opening marker: alone it
	// underlines a title in Markdown and reStructuredText.
	Strict bool `json:"strict"`
}

func (r *conflictMarkers) Wants(f *File) bool { return f.HasText() && f.Size > 7 }

func (r *conflictMarkers) Check(f *File) ([]Finding, error) {
	return Text("conflict-markers", f, func(text []byte) []Finding {
		if !bytes.Contains(text, []byte("<<<<<<< ")) && !bytes.Contains(text, []byte(">>>>>>> ")) && !r.Strict {
			return nil
		}
		var found []Finding
		open := r.Strict
		lines(text, func(number, _ int, line []byte) {
			if len(line) < 8 {
				return
			}
			marker := ""
			switch line[0] {
			case '<':
				marker = "<<<<<<< "
				open = open || bytes.HasPrefix(line, []byte(marker))
			case '>':
				marker = ">>>>>>> "
			case '=':
				if open && (bytes.HasPrefix(line, []byte("======= ")) || bytes.Equal(bytes.TrimRight(line, "\r\n"), []byte("======="))) {
					marker = "======="
				}
			}
			if marker != "" && bytes.HasPrefix(line, []byte(marker)) {
				found = append(found, Finding{Line: number, Column: 1, Message: "marker " + string(bytes.TrimSpace([]byte(marker))) + " of an unresolved merge; resolve the conflict and delete the markers"})
			}
			if line[0] == '>' && bytes.HasPrefix(line, []byte(">>>>>>> ")) {
				open = r.Strict
			}
		})
		return found
	})
}
