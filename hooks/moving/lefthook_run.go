package moving

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// arguments are what Git gives each hook, as jobs name it.
var arguments = map[string][]string{
	"commit-msg": {"{message}"}, "prepare-commit-msg": {"{message}", "{2}", "{3}"}, "pre-push": {"{1}", "{2}"},
	"post-checkout": {"{1}", "{2}", "{3}"}, "post-merge": {"{1}"}, "post-rewrite": {"{1}"},
}

// run is the command of an item with the placeholders of jobs.
func (f *lefthookFile) run(k *keys, it item, s lefthookScope) (string, error) {
	run := k.text("run")
	runner, args := k.text("runner"), strings.Join(k.list("args"), " ")
	switch {
	case run != "" && it.script != "":
		return "", errors.New("it has run and script, want one")
	case run == "" && it.script == "":
		return "", errors.New("it has no run")
	case it.script != "":
		file := f.folder + "/" + s.stage + "/" + it.script
		if slices.Contains(strings.Split(file, "/"), "..") || strings.HasPrefix(file, "/") {
			return "", fmt.Errorf("script %q leads out of the repository", file)
		}
		if run = shell([]string{file}); runner != "" {
			run = runner + " " + run
		} else if !strings.HasPrefix(file, ".") || strings.HasPrefix(file, ".lefthook") {
			run = shell([]string{"./" + file})
		}
		for _, a := range arguments[s.stage] {
			run += " " + a
		}
	}
	if args != "" {
		run += " " + args
	}
	out, err := substitute(run, s.stage, it.script != "")
	if err != nil {
		return "", err
	}
	return out, nil
}

var template = regexp.MustCompile(`^\{([a-z_]+|[0-9])\}`)

// substitute writes lefthook's templates as our placeholders. Those that stand in quotes alone lose them, since jobs quote by themselves. What is ours
// already is left alone when given is true.
func substitute(run, stage string, given bool) (string, error) {
	var b strings.Builder
	quote := byte(0)
	for i := 0; i < len(run); i++ {
		c := run[i]
		m := template.FindString(run[i:])
		switch {
		case m != "" && (i == 0 || run[i-1] != '$'):
			with, err := replacement(m[1:len(m)-1], stage, given)
			if err != nil {
				return "", err
			}
			if with == "" {
				b.WriteString(m)
				i += len(m) - 1
				continue
			}
			end := i + len(m)
			if quote == 0 {
				b.WriteString(with)
				i = end - 1
				continue
			}
			alone := run[i-1] == quote && end < len(run) && run[end] == quote
			switch {
			case alone:
				text := strings.TrimSuffix(b.String(), string(quote))
				b.Reset()
				b.WriteString(text + with)
				i, quote = end, 0
			case with == "{files}":
				return "", fmt.Errorf("%s stands within quotes, where files cannot be put in; take it out of them", m)
			default:
				b.WriteString(string(quote) + with + string(quote))
				i = end - 1
			}
		case c == '\\' && quote != '\'' && i+1 < len(run):
			b.WriteString(run[i : i+2])
			i++
		default:
			if quote == 0 && (c == '\'' || c == '"') {
				quote = c
			} else if c == quote {
				quote = 0
			}
			b.WriteByte(c)
		}
	}
	return b.String(), nil
}

// replacement is what stands for a template here; empty leaves the text as it is.
func replacement(name, stage string, given bool) (string, error) {
	switch {
	case name == "staged_files" && stage == "pre-commit", name == "push_files" && stage == "pre-push":
		return "{files}", nil
	case name == "staged_files" || name == "push_files" || name == "all_files":
		return "", fmt.Errorf("{%s} has no equal in %s; there are the staged files in pre-commit and the pushed ones in pre-push", name, stage)
	case name == "message" && given:
		return "{message}", nil
	case name == "files" || name == "message" || name == "cmd":
		return "", fmt.Errorf("{%s} means something else here", name)
	case name == "0":
		all := arguments[stage]
		if len(all) == 0 {
			return "", fmt.Errorf("{0} has no equal in %s", stage)
		}
		return strings.Join(all, " "), nil
	case name >= "1" && name <= "9":
		if at := int(name[0] - '1'); at < len(arguments[stage]) {
			return arguments[stage][at], nil
		}
		return "", fmt.Errorf("{%s}: %s is given no such argument by Git", name, stage)
	default:
		return "", nil
	}
}
