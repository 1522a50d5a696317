package module

import (
	"maps"
	"slices"
	"strings"
)

func count(args map[string]any, names []string) int {
	n := 0
	for _, name := range names {
		if args[name] != nil {
			n++
		}
	}
	return n
}

// related checks the rules between options.
func (s scope) related(args map[string]any, p *problems) {
	for _, names := range s.rules.RequiredTogether {
		if n := count(args, names); n > 0 && n < len(names) {
			p.add(s.context, "parameters are required together: %s", strings.Join(names, ", "))
			break
		}
	}
	for _, names := range s.rules.RequiredOneOf {
		if count(args, names) == 0 {
			p.add(s.context, "one of the following is required: %s", strings.Join(names, ", "))
			break
		}
	}
	for _, rule := range s.rules.RequiredIf {
		if missing := rule.missing(args); missing != "" {
			p.add(s.context, "%s", missing)
			break
		}
	}
	for _, key := range slices.Sorted(maps.Keys(s.rules.RequiredBy)) {
		if args[key] == nil {
			continue
		}
		var missing []string
		for _, name := range s.rules.RequiredBy[key] {
			if args[name] == nil {
				missing = append(missing, name)
			}
		}
		if missing != nil {
			p.add(s.context, "missing parameter(s) required by '%s': %s", key, strings.Join(missing, ", "))
			break
		}
	}
}

func (r RequiredIf) missing(args map[string]any) string {
	if value, ok := args[r.Option]; !ok || value != r.Value {
		return ""
	}
	var missing []string
	for _, name := range r.Requires {
		if args[name] == nil {
			missing = append(missing, name)
		}
	}
	if missing == nil || r.Any && len(missing) < len(r.Requires) {
		return ""
	}
	how := "all"
	if r.Any {
		how = "any"
	}
	return r.Option + " is " + pyStr(r.Value) + " but " + how + " of the following are missing: " + strings.Join(missing, ", ")
}
