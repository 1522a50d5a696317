package module

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/core/py"
)

// pyStr is the text that Python's str makes of a JSON value.
func pyStr(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	return pyRepr(value)
}

// pyRepr is how Python shows a JSON value. Keys are in order of the alphabet: JSON objects have none here.
func pyRepr(value any) string {
	switch v := value.(type) {
	case nil:
		return "None"
	case bool:
		if v {
			return "True"
		}
		return "False"
	case string:
		return py.Repr(v)
	case int:
		return strconv.Itoa(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case json.Number:
		return v.String()
	case float64:
		return py.FormatFloat(v)
	case []any:
		parts := make([]string, len(v))
		for i, item := range v {
			parts[i] = pyRepr(item)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for i, k := range keys {
			keys[i] = py.Repr(k) + ": " + pyRepr(v[k])
		}
		return "{" + strings.Join(keys, ", ") + "}"
	}
	return fmt.Sprint(value)
}

// pyType is how Python names the type of a JSON value.
func pyType(value any) string {
	name := "NoneType"
	switch value.(type) {
	case bool:
		name = "bool"
	case string:
		name = "str"
	case int64:
		name = "int"
	case float64:
		name = "float"
	case []any:
		name = "list"
	case map[string]any:
		name = "dict"
	}
	return "<class '" + name + "'>"
}

// splitLines is Python's str.splitlines.
func splitLines(text string) []string {
	var lines []string
	start := 0
	for i := 0; i < len(text); i++ {
		width := lineBreak(text[i:])
		if width == 0 {
			continue
		}
		lines = append(lines, text[start:i])
		i += width - 1
		start = i + 1
	}
	if start < len(text) {
		lines = append(lines, text[start:])
	}
	return lines
}

func lineBreak(text string) int {
	switch text[0] {
	case '\r':
		if len(text) > 1 && text[1] == '\n' {
			return 2
		}
		return 1
	case '\n', '\v', '\f', 0x1c, 0x1d, 0x1e:
		return 1
	case 0xc2:
		if len(text) > 1 && text[1] == 0x85 {
			return 2
		}
	case 0xe2:
		if strings.HasPrefix(text, "\u2028") || strings.HasPrefix(text, "\u2029") {
			return 3
		}
	}
	return 0
}

// lines is splitLines for results, where no line is an empty list and not null.
func lines(text string) []any {
	list := []any{}
	for _, line := range splitLines(text) {
		list = append(list, line)
	}
	return list
}
