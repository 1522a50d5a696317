package adopt

import (
	"encoding/json"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/core/yaml11"
	"goodstate.dev/goodstate/drift/desk"
)

// arguments reads what Semaphore hands to ansible-playbook: what a template can say is taken, and a template with another argument is not, since it would do
// something else.
func arguments(text string, ours *desk.Template) (why string) {
	if strings.TrimSpace(text) == "" {
		return ""
	}
	var list []string
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return "its arguments are no JSON list"
	}
	for len(list) > 0 {
		word := list[0]
		list = list[1:]
		name, value, has := strings.Cut(word, "=")
		if !strings.HasPrefix(word, "--") {
			name, value, has = word, "", false
			if len(word) > 2 && strings.HasPrefix(word, "-") && takesValue[word[:2]] {
				name, value, has = word[:2], word[2:], true
			}
		}
		if takesValue[name] && !has {
			if len(list) == 0 {
				return "its argument " + shown(name) + " has no value"
			}
			value, list = list[0], list[1:]
		}
		if why := argument(ours, name, value); why != "" {
			return why
		}
	}
	return ""
}

var takesValue = map[string]bool{
	"-l": true, "--limit": true, "-t": true, "--tags": true, "--skip-tags": true, "-e": true, "--extra-vars": true, "-f": true, "--forks": true,
}

func argument(ours *desk.Template, name, value string) (why string) {
	switch name {
	case "-l", "--limit":
		ours.Limit = value
	case "-t", "--tags":
		ours.Tags = append(ours.Tags, words(value)...)
	case "--skip-tags":
		ours.SkipTags = append(ours.SkipTags, words(value)...)
	case "-C", "--check":
		ours.Check = true
	case "-b", "--become":
		ours.Become = true
	case "-D", "--diff", "-v", "-vv", "-vvv", "-vvvv", "--verbose": // differences are always kept
	case "-f", "--forks":
		n, err := strconv.Atoi(value)
		if err != nil {
			return "its forks " + shown(value) + " are no number"
		}
		ours.Forks = n
	case "-e", "--extra-vars":
		return extra(ours, value)
	default:
		return "its argument " + shown(name) + " cannot be said"
	}
	return ""
}

// extra are variables as -e takes them: YAML, JSON, or key=value words.
func extra(ours *desk.Template, text string) (why string) {
	if strings.HasPrefix(text, "@") {
		return "its variables come from file " + shown(text[1:]) + "; name it in vars_files of the playbook"
	}
	if v, err := yaml11.Load("variables", []byte(text), yaml11.Options{}); err == nil {
		if given, ok := v.(*py.Dict); ok {
			return setVars(ours, given)
		}
	}
	given := py.NewDict()
	for word := range strings.FieldsSeq(text) {
		name, value, ok := strings.Cut(word, "=")
		if !ok || strings.ContainsAny(text, `'"\`) {
			return "its variables " + shown(name) + "... cannot be read; write them as a YAML mapping"
		}
		given.Set(name, value)
	}
	return setVars(ours, given)
}
