package module

import (
	"strings"
)

const hidden = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"

// addSecret remembers the texts inside of a value: none of them leaves the module.
func (t *Task) addSecret(value any) {
	switch v := value.(type) {
	case string:
		if v != "" {
			t.secrets = append(t.secrets, v)
		}
	case []any:
		for _, item := range v {
			t.addSecret(item)
		}
	case map[string]any:
		for _, item := range v {
			t.addSecret(item)
		}
	case nil, bool:
	default:
		t.secrets = append(t.secrets, pyStr(v))
	}
}

// mask replaces the secrets in a value, as deep as it goes.
func (t *Task) mask(value any) any {
	if len(t.secrets) == 0 {
		return value
	}
	switch v := value.(type) {
	case string:
		return t.maskText(v)
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = t.mask(item)
		}
		return out
	case []string:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = t.maskText(item)
		}
		return out
	case []map[string]any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = t.mask(item)
		}
		return out
	case map[string]any:
		return t.maskMap(v)
	case Result:
		return t.maskMap(v)
	case map[string]string:
		out := make(map[string]any, len(v))
		for k, item := range v {
			out[k] = t.maskText(item)
		}
		return out
	}
	if _, truth := value.(bool); !truth && value != nil {
		text := pyStr(value)
		for _, secret := range t.secrets {
			if strings.Contains(text, secret) {
				return hidden
			}
		}
	}
	return value
}

func (t *Task) maskMap(v map[string]any) any {
	out := make(map[string]any, len(v))
	for k, item := range v {
		out[k] = t.mask(item)
	}
	return out
}

func (t *Task) maskText(text string) string {
	for _, secret := range t.secrets {
		if text == secret {
			return hidden
		}
	}
	for _, secret := range t.secrets {
		text = strings.ReplaceAll(text, secret, "********")
	}
	return text
}
