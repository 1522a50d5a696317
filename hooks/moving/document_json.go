package moving

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// parseJSON keeps the lines, which the decoder of the standard library tells by its offsets.
func parseJSON(name string, data []byte) (*node, error) {
	r := &jsonReader{data: data, line: 1, dec: json.NewDecoder(bytes.NewReader(data))}
	r.dec.UseNumber()
	n, err := r.value(0)
	if err == nil {
		if _, more := r.dec.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("something follows the end of the document")
		}
	}
	if err != nil {
		r.advance(int(r.dec.InputOffset()))
		return nil, fmt.Errorf("%s:%d: is no JSON: %w", name, r.line, err)
	}
	return n, nil
}

type jsonReader struct {
	data   []byte
	dec    *json.Decoder
	offset int
	line   int
	values int
}

func (r *jsonReader) advance(to int) {
	to = min(to, len(r.data))
	r.line += bytes.Count(r.data[r.offset:to], []byte("\n"))
	r.offset = to
}

func (r *jsonReader) value(depth int) (*node, error) {
	token, err := r.dec.Token()
	if err != nil {
		return nil, err
	}
	r.advance(int(r.dec.InputOffset()))
	if r.values++; r.values > maxValues || depth > maxDepth {
		return nil, fmt.Errorf("has more than %d values or %d within each other", maxValues, maxDepth)
	}
	n := &node{kind: scalar, line: r.line}
	switch t := token.(type) {
	case nil:
		n.kind = null
	case json.Delim:
		if t == '[' {
			n.kind = sequence
			for r.dec.More() {
				item, err := r.value(depth + 1)
				if err != nil {
					return nil, err
				}
				n.list = append(n.list, item)
			}
		} else {
			n.kind, n.at = mapping, map[string]*node{}
			for r.dec.More() {
				key, err := r.value(depth + 1)
				if err != nil {
					return nil, err
				}
				item, err := r.value(depth + 1)
				if err != nil {
					return nil, err
				}
				n.set(key.text, item)
			}
		}
		if _, err := r.dec.Token(); err != nil {
			return nil, err
		}
	default:
		n.text = fmt.Sprint(t)
	}
	return n, nil
}
