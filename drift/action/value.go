package action

import (
	"fmt"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/core/py"
)

// Text gives a value as text, as Python's str does for plain values.
func Text(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case py.Unsafe:
		return string(v)
	case nil:
		return "None"
	case bool:
		if v {
			return "True"
		}
		return "False"
	case int64:
		return strconv.FormatInt(v, 10)
	}
	return fmt.Sprint(value)
}

// Bool reads what Ansible takes for a boolean.
func Bool(value any) (is, ok bool) {
	switch v := value.(type) {
	case bool:
		return v, true
	case int64:
		return v == 1, v == 0 || v == 1
	case float64:
		return v == 1, v == 0 || v == 1
	}
	switch strings.ToLower(strings.TrimSpace(Text(value))) {
	case "y", "yes", "on", "1", "true", "t", "1.0":
		return true, true
	case "n", "no", "off", "0", "false", "f", "0.0":
		return false, true
	}
	return false, false
}

// Is tells whether a key of a result is true.
func Is(result *py.Dict, key string) bool {
	value, _ := result.Get(key)
	b, ok := value.(bool)
	if !ok && value != nil {
		b, _ = Bool(value)
	}
	return b
}

// Items gives a value as a list: a list or tuple as it is, text by its commas, anything else alone.
func Items(value any) []any {
	switch v := value.(type) {
	case nil:
		return nil
	case *py.List:
		return v.Items
	case py.Tuple:
		return v
	case string, py.Unsafe:
		var out []any
		for part := range strings.SplitSeq(Text(v), ",") {
			out = append(out, strings.TrimSpace(part))
		}
		return out
	}
	return []any{value}
}
