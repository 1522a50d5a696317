package jinja

import (
	"strings"

	"goodstate.dev/goodstate/core/py"
)

func filterMAC(c *call) (any, error) {
	text := strings.ToLower(py.Str(c.args[0]))
	digits := strings.Map(func(r rune) rune {
		if strings.ContainsRune(":-.", r) {
			return -1
		}
		return r
	}, text)
	query := py.Str(c.args[1])
	if sep := strings.FieldsFunc(text, func(r rune) bool { return r == ':' || r == '-' }); len(sep) == 6 {
		digits = ""
		for _, p := range sep {
			digits += strings.Repeat("0", max(0, 2-len(p))) + p
		}
	}
	v, ok := parseInt("0x"+digits, 16)
	if !ok || len(digits) != 12 {
		if query == "" {
			return nil, nil
		}
		if query == "bool" {
			return nil, nil
		}
		return nil, filterErrorf("hwaddr: not a hardware address: %s", py.Str(c.args[0]))
	}
	pairs := make([]string, 6)
	short := make([]string, 6)
	for i := range pairs {
		pairs[i] = digits[2*i : 2*i+2]
		short[i] = strings.TrimLeft(pairs[i][:1], "0") + pairs[i][1:]
	}
	switch query {
	case "":
		return c.args[0], nil
	case "bool":
		return true, nil
	case "bare":
		return strings.ToUpper(digits), nil
	case "int":
		return v, nil
	case "cisco":
		return digits[:4] + "." + digits[4:8] + "." + digits[8:], nil
	case "win", "eui48":
		return strings.ToUpper(strings.Join(pairs, "-")), nil
	case "linux":
		return strings.Join(pairs, ":"), nil
	case "unix":
		return strings.Join(short, ":"), nil
	case "pgsql", "postgresql", "psql":
		return digits[:6] + ":" + digits[6:], nil
	}
	return nil, filterErrorf("hwaddr: unknown filter type: %s", query)
}
