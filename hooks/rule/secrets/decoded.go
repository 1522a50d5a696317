package secrets

import (
	"slices"
	"strings"
)

// decoded is a text in one pass of decoding. In the first pass it is the text itself.
type decoded struct {
	text  string
	depth int
	spans []span   // what was decoded to make this text
	below *decoded // the pass before; nil in the first
	small string   // text in lower case, once a rule needed it; as long as text
}

// lower is the text in lower case, byte by byte.
func (d *decoded) lower() string {
	if d.small == "" && d.text != "" {
		small := []byte(d.text)
		for i, c := range small {
			small[i] = lower(c)
		}
		d.small = string(small)
	}
	return d.small
}

// span is one place that was decoded: where it is now, and where its code was in the pass before.
type span struct{ start, end, from, to int }

// touches counts neighbours, too.
func (s span) touches(start, end int) bool { return start <= s.end && end >= s.start }

// touches tells whether a place has to do with what was decoded for this pass.
func (d *decoded) touches(start, end int) bool {
	n := d.first(start)
	return n < len(d.spans) && d.spans[n].touches(start, end)
}

// first is the first span that does not end before an offset.
func (d *decoded) first(offset int) int {
	n, _ := slices.BinarySearchFunc(d.spans, offset, func(s span, offset int) int { return s.end - offset })
	return n
}

// decode makes the text of the next pass; false when nothing in it is encoded.
func (d *decoded) decode() bool {
	var next strings.Builder
	var spans []span
	done := 0
	for _, c := range codes(d.text) {
		plain := c.kind.decode(d.text[c.from:c.to])
		if plain == "" {
			continue
		}
		next.WriteString(d.text[done:c.from])
		spans = append(spans, span{next.Len(), next.Len() + len(plain), c.from, c.to})
		next.WriteString(plain)
		done = c.to
	}
	if len(spans) == 0 {
		return false
	}
	next.WriteString(d.text[done:])
	below := *d
	*d = decoded{text: next.String(), depth: d.depth + 1, spans: spans, below: &below}
	return true
}

// original maps a place of this pass to the text of the file: a start in a decoded place to where its code starts, an end to where it ends.
func (d *decoded) original(start, end int) (int, int) {
	if d.below == nil {
		return start, end
	}
	return d.below.original(d.back(start, false), d.back(end, true))
}

func (d *decoded) back(offset int, end bool) int {
	n := d.first(offset)
	switch {
	case n < len(d.spans) && d.spans[n].start <= offset && end:
		return d.spans[n].to
	case n < len(d.spans) && d.spans[n].start <= offset:
		return d.spans[n].from
	case n > 0:
		return offset - d.spans[n-1].end + d.spans[n-1].to // plain text behind a decoded place
	}
	return offset
}

// lineAround is the line of a match as it reads in this pass.
func (d *decoded) lineAround(at []int, h hit) string {
	return lineAround(d.text, at[0], min(at[0]+len(h.match), len(d.text)))
}
