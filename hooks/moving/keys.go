package moving

import (
	"slices"
	"strings"
)

// keys reads the values of a mapping, and keeps the first thing that is wrong with them.
type keys struct {
	file *file
	of   *node
	err  error
}

func (k *keys) fail(n *node, format string, values ...any) {
	if k.err == nil {
		k.err = k.file.errorf(n, format, values...)
	}
}

// text is a single value; "" when the key is absent.
func (k *keys) text(key string) string {
	n := k.of.get(key)
	if n == nil || n.kind == null {
		return ""
	}
	if n.kind != scalar {
		k.fail(n, "%s is %s, want a text", key, n.kind)
		return ""
	}
	return n.text
}

func (k *keys) flag(key string, otherwise bool) bool {
	switch text := strings.ToLower(k.text(key)); text {
	case "":
		return otherwise
	case "true", "yes", "on":
		return true
	case "false", "no", "off":
		return false
	default:
		k.fail(k.of.get(key), "%s is %q, want true or false", key, text)
		return otherwise
	}
}

// list is a list of texts; a single text is a list of one.
func (k *keys) list(key string) []string {
	n := k.of.get(key)
	if n == nil || n.kind == null {
		return nil
	}
	if n.kind == scalar {
		return []string{n.text}
	}
	if n.kind != sequence {
		k.fail(n, "%s is %s, want a list of texts", key, n.kind)
		return nil
	}
	all := make([]string, 0, len(n.list))
	for _, item := range n.list {
		if item.kind != scalar {
			k.fail(item, "%s has %s in it, want texts", key, item.kind)
			return nil
		}
		all = append(all, item.text)
	}
	return all
}

// texts is a mapping of names to texts.
func (k *keys) texts(key string) map[string]string {
	n := k.of.get(key)
	if n == nil || n.kind == null {
		return nil
	}
	if n.kind != mapping {
		k.fail(n, "%s is %s, want a mapping of names to texts", key, n.kind)
		return nil
	}
	all := map[string]string{}
	for _, name := range n.keys {
		if n.at[name].kind != scalar {
			k.fail(n.at[name], "%s.%s is %s, want a text", key, name, n.at[name].kind)
			return nil
		}
		all[name] = n.at[name].text
	}
	return all
}

// unknown are the keys that are not among these.
func (k *keys) unknown(known ...string) []string {
	var all []string
	for _, key := range k.of.keys {
		if !slices.Contains(known, key) {
			all = append(all, key)
		}
	}
	return all
}

// want is an error when a value is of another kind; nothing is as good as an empty one.
func (f *file) want(n *node, name string, kind nodeKind) error {
	if n == nil || n.kind == null || n.kind == kind {
		return nil
	}
	return f.errorf(n, "%s is %s, want %s", name, n.kind, kind)
}
