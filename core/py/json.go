package py

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// FromJSON reads one JSON document with the order of its keys. With unsafe, all its text is Unsafe, as results from hosts must be; keys stay text.
func FromJSON(data []byte, unsafe bool) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	v, err := fromToken(dec, unsafe)
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more after the end of the JSON document")
	}
	return v, nil
}

func fromToken(dec *json.Decoder, unsafe bool) (any, error) {
	tok, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch t := tok.(type) {
	case json.Delim:
		if t == '[' {
			list := NewList()
			for dec.More() {
				item, err := fromToken(dec, unsafe)
				if err != nil {
					return nil, err
				}
				list.Items = append(list.Items, item)
			}
			_, err := dec.Token()
			return list, err
		}
		d := NewDict()
		for dec.More() {
			key, err := dec.Token()
			if err != nil {
				return nil, err
			}
			value, err := fromToken(dec, unsafe)
			if err != nil {
				return nil, err
			}
			d.Set(key.(string), value)
		}
		_, err := dec.Token()
		d.host = unsafe
		return d, err
	case json.Number:
		return number(t.String())
	case string:
		if unsafe {
			return Unsafe(t), nil
		}
		return t, nil
	}
	return tok, nil // bool and nil
}

func number(text string) (any, error) {
	if strings.ContainsAny(text, ".eE") {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil && !math.IsInf(f, 0) {
			return nil, err
		}
		return f, nil
	}
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return i, nil
	}
	big, ok := new(big.Int).SetString(text, 10)
	if !ok {
		return nil, fmt.Errorf("number %q", text)
	}
	return big, nil
}

// ToJSON writes a value as compact JSON with the keys in their order and text as it is (no HTML escapes); keys become text as in Python's json.dumps.
// What JSON cannot say is an error.
func ToJSON(value any) ([]byte, error) {
	var b bytes.Buffer
	if err := write(&b, value, 0); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

const deepest = 200 // lists in lists; what contains itself ends here

func write(b *bytes.Buffer, value any, depth int) error {
	if depth > deepest {
		return fmt.Errorf("more than %d levels, or a value that contains itself", deepest)
	}
	switch v := value.(type) {
	case nil:
		b.WriteString("null")
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case int:
		b.WriteString(strconv.Itoa(v))
	case int64:
		b.WriteString(strconv.FormatInt(v, 10))
	case *big.Int:
		b.WriteString(v.String())
	case float64:
		return writeFloat(b, v)
	case string:
		return writeText(b, v)
	case Unsafe:
		return writeText(b, string(v))
	case Native:
		return writeText(b, v.Text)
	case *Sealed:
		text, err := v.Text()
		if err != nil {
			return err
		}
		return writeText(b, text)
	case Bytes:
		return writeText(b, string(v))
	case Date, Datetime, Timedelta:
		return writeText(b, isoText(v))
	case *List:
		return writeItems(b, v.Items, depth)
	case Tuple:
		return writeItems(b, v, depth)
	case *Dict:
		return writeDict(b, v, depth)
	case Undefined:
		return errors.New(v.Hint)
	default:
		return fmt.Errorf("a value of type %T has no form in JSON", value)
	}
	return nil
}

func isoText(value any) string {
	if t, ok := value.(Datetime); ok {
		return t.ISO('T')
	}
	return Str(value)
}

func writeFloat(b *bytes.Buffer, f float64) error {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return fmt.Errorf("%v has no form in JSON", f)
	}
	b.WriteString(FormatFloat(f)) // it stays a float when it is read again
	return nil
}

func writeText(b *bytes.Buffer, text string) error {
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(text); err != nil {
		return err
	}
	b.Truncate(b.Len() - 1) // the newline of the encoder
	return nil
}

func writeItems(b *bytes.Buffer, items []any, depth int) error {
	b.WriteByte('[')
	for i, item := range items {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := write(b, item, depth+1); err != nil {
			return err
		}
	}
	b.WriteByte(']')
	return nil
}

func writeDict(b *bytes.Buffer, d *Dict, depth int) error {
	b.WriteByte('{')
	first := true
	for key, value := range d.All() {
		if !first {
			b.WriteByte(',')
		}
		first = false
		if err := writeKey(b, key); err != nil {
			return err
		}
		b.WriteByte(':')
		if err := write(b, value, depth+1); err != nil {
			return err
		}
	}
	b.WriteByte('}')
	return nil
}

func writeKey(b *bytes.Buffer, key any) error {
	switch k := key.(type) {
	case string:
		return writeText(b, k)
	case Unsafe:
		return writeText(b, string(k))
	case Native:
		return writeText(b, k.Text)
	case nil, bool, int64, int, float64, *big.Int:
		b.WriteByte('"')
		if err := write(b, k, 0); err != nil {
			return err
		}
		b.WriteByte('"')
		return nil
	}
	return fmt.Errorf("a key of type %T has no form in JSON", key)
}
