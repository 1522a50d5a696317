package module

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// coerce reads a value as a type, as Ansible does.
func (t *Task) coerce(to Type, value any) (any, error) {
	switch to {
	case Str:
		return pyStr(value), nil
	case Path:
		return t.expand(pyStr(value)), nil
	case Raw:
		return value, nil
	case Int:
		return toInt(value)
	case Float:
		return toFloat(value)
	case Bool:
		return toBool(value)
	case List:
		return toList(value)
	case Dict:
		return toDict(value)
	case Bytes:
		return toBytes(value, false)
	case Bits:
		return toBytes(value, true)
	case JSON:
		return toJSON(value)
	}
	return nil, fmt.Errorf("unknown type %s", to)
}

func toInt(value any) (any, error) {
	switch v := value.(type) {
	case int64:
		return v, nil
	case bool:
		if v {
			return int64(1), nil
		}
		return int64(0), nil
	case string:
		if i, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64); err == nil {
			return i, nil
		}
	case float64:
		if i := int64(v); float64(i) == v { // newer releases of Ansible take whole floats
			return i, nil
		}
	}
	return nil, fmt.Errorf("%s cannot be converted to an int", pyType(value))
}

func toFloat(value any) (any, error) {
	switch v := value.(type) {
	case float64:
		return v, nil
	case int64:
		return float64(v), nil
	case bool:
		if v {
			return 1.0, nil
		}
		return 0.0, nil
	case string:
		if f, err := strconv.ParseFloat(strings.TrimSpace(v), 64); err == nil {
			return f, nil
		}
	}
	return nil, fmt.Errorf("%s cannot be converted to a float", pyType(value))
}

var truths = map[string]bool{
	"y": true, "yes": true, "on": true, "1": true, "true": true, "t": true,
	"n": false, "no": false, "off": false, "0": false, "false": false, "f": false,
}

func toBool(value any) (any, error) {
	switch v := value.(type) {
	case bool:
		return v, nil
	case string:
		if b, ok := truths[strings.ToLower(strings.TrimSpace(v))]; ok {
			return b, nil
		}
	case int64:
		if v == 0 || v == 1 {
			return v == 1, nil
		}
	case float64:
		if v == 0 || v == 1 {
			return v == 1, nil
		}
	default:
		return nil, fmt.Errorf("%s cannot be converted to a bool", pyType(value))
	}
	return nil, fmt.Errorf("The value '%s' is not a valid boolean.  Valid booleans include: 'f', 'n', 1, 'on', 'false', 'off', '1', 'true', '0', 'y', 'no', 'yes', 0, 't'", pyStr(value))
}

func toList(value any) (any, error) {
	switch v := value.(type) {
	case []any:
		return v, nil
	case string:
		parts := strings.Split(v, ",")
		list := make([]any, len(parts))
		for i, part := range parts {
			list[i] = part
		}
		return list, nil
	case int64, float64, bool:
		return []any{pyStr(v)}, nil
	}
	return nil, fmt.Errorf("%s cannot be converted to a list", pyType(value))
}

func toDict(value any) (any, error) {
	switch v := value.(type) {
	case map[string]any:
		return v, nil
	case string:
		if strings.HasPrefix(v, "{") {
			return dictText(v)
		}
		if strings.Contains(v, "=") {
			return pairs(v)
		}
		return nil, errors.New("dictionary requested, could not parse JSON or key=value")
	}
	return nil, fmt.Errorf("%s cannot be converted to a dict", pyType(value))
}

// dictText reads JSON, and Python's way to write the same with single quotes.
func dictText(text string) (any, error) {
	for _, candidate := range []string{text, pythonToJSON(text)} {
		dec := json.NewDecoder(strings.NewReader(candidate))
		dec.UseNumber()
		var out map[string]any
		if err := dec.Decode(&out); err == nil && !dec.More() {
			return normal(out), nil
		}
	}
	return nil, errors.New("unable to evaluate string as dictionary")
}

// pythonToJSON rewrites single-quoted texts and Python's constants; what it does not understand stays and is refused by the JSON reader.
func pythonToJSON(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c != '\'' && c != '"' {
			b.WriteByte(c)
			continue
		}
		var inside strings.Builder
		for i++; i < len(text) && text[i] != c; i++ {
			if text[i] == '\\' && i+1 < len(text) {
				i++
				if text[i] != '\'' && text[i] != '"' && text[i] != '\\' {
					inside.WriteByte('\\')
				}
			}
			inside.WriteByte(text[i])
		}
		quoted, _ := json.Marshal(inside.String())
		b.Write(quoted)
	}
	return strings.NewReplacer(": True", ": true", ": False", ": false", ": None", ": null").Replace(b.String())
}

// pairs reads k=v separated by commas or blanks, with quotes and backslashes.
func pairs(text string) (any, error) {
	out := map[string]any{}
	var field strings.Builder
	var quote rune
	escaped := false
	flush := func() error {
		if field.Len() == 0 {
			return nil
		}
		k, v, ok := strings.Cut(field.String(), "=")
		if !ok {
			return errors.New("dictionary update sequence element #0 has length 1; 2 is required")
		}
		out[k] = v
		field.Reset()
		return nil
	}
	for _, c := range strings.TrimSpace(text) {
		switch {
		case escaped:
			field.WriteRune(c)
			escaped = false
		case c == '\\':
			escaped = true
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		case quote != 0 && quote == c:
			quote = 0
		case quote == 0 && (c == ',' || c == ' '):
			if err := flush(); err != nil {
				return nil, err
			}
		default:
			field.WriteRune(c)
		}
	}
	if err := flush(); err != nil {
		return nil, err
	}
	return out, nil
}

// toBytes reads sizes such as 10, 10M, 1.5Gb.
func toBytes(value any, bits bool) (any, error) {
	text := strings.TrimSpace(pyStr(value))
	end := len(text)
	for i, r := range text {
		if r != '.' && (r < '0' || r > '9') {
			end = i
			break
		}
	}
	number, err := strconv.ParseFloat(text[:end], 64)
	unit := strings.TrimSpace(text[end:])
	what := "Byte"
	if bits {
		what = "Bit"
	}
	bad := fmt.Errorf("%s cannot be converted to a %s value", pyType(value), what)
	if err != nil {
		return nil, bad
	}
	if unit == "" {
		return int64(math.Round(number)), nil
	}
	power := slices.Index([]string{"B", "K", "M", "G", "T", "P", "E", "Z", "Y"}, strings.ToUpper(unit[:1]))
	if power < 0 {
		return nil, bad
	}
	suffix := unit[1:]
	if bits && suffix != "" && suffix != "b" || !bits && suffix != "" && suffix != "B" {
		if long := map[bool]string{false: "bytes", true: "bits"}[bits]; !strings.EqualFold(unit, long[:len(long)-1]) && !strings.EqualFold(unit, long) {
			return nil, bad
		}
	}
	return int64(math.Round(number * math.Pow(1024, float64(power)))), nil
}

func toJSON(value any) (any, error) {
	switch v := value.(type) {
	case string:
		return strings.TrimSpace(v), nil
	case []any, map[string]any:
		text, err := json.Marshal(v)
		return string(text), err
	}
	return nil, fmt.Errorf("%s cannot be converted to a json string", pyType(value))
}
