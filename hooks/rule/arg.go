package rule

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Arg is one argument of the tool that an alias comes from, and the option it sets here.
type Arg struct {
	Flags  []string // as written: --maxkb, -b
	Option string   // empty: the argument changes nothing that a verdict depends on
	Takes  Takes
	Value  any // what a switch sets; nil is true
}

// Takes says what follows an argument.
type Takes int

// What an argument takes.
const (
	Nothing Takes = iota
	Word
	Number
	List // may be given again; commas separate
	Each // may be given again; a comma is part of the value
)

// Options reads the arguments that the rule has in another tool under this id, and returns options for New. An argument that is not
// known is an error: a check that was asked for must not be dropped in silence.
func (k Kind) Options(id string, args []string) (map[string]any, error) {
	options := maps.Clone(k.As[id])
	if options == nil {
		options = map[string]any{}
	}
	given := map[string]bool{}
	for i := 0; i < len(args); i++ {
		flag, value, has := args[i], "", false
		if strings.HasPrefix(flag, "--") {
			flag, value, has = strings.Cut(flag, "=")
		}
		at := slices.IndexFunc(k.Args, func(a Arg) bool { return slices.Contains(a.Flags, flag) })
		if at < 0 {
			return nil, fmt.Errorf("%s: argument %q is not known, want one of %s", id, args[i], strings.Join(k.flags(), ", "))
		}
		a := k.Args[at]
		if a.Takes != Nothing && !has {
			i++
			if i == len(args) {
				return nil, fmt.Errorf("%s: argument %s wants a value, and none follows", id, flag)
			}
			value = args[i]
		}
		if a.Option == "" {
			continue
		}
		if err := a.set(options, value, given[a.Option]); err != nil {
			return nil, fmt.Errorf("%s: argument %s: %w", id, flag, err)
		}
		given[a.Option] = true
	}
	return options, nil
}

func (k Kind) flags() []string {
	var all []string
	for _, a := range k.Args {
		all = append(all, a.Flags...)
	}
	if len(all) == 0 {
		return []string{"none at all"}
	}
	return all
}

// set keeps one value; again says that this option was set by an argument before, so a list grows.
func (a Arg) set(options map[string]any, value string, again bool) error {
	var list []any
	if again {
		list, _ = options[a.Option].([]any)
	}
	switch a.Takes {
	case Word:
		options[a.Option] = value
	case Number:
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", value)
		}
		options[a.Option] = n
	case List:
		for part := range strings.SplitSeq(value, ",") {
			list = append(list, part)
		}
		options[a.Option] = list
	case Each:
		options[a.Option] = append(list, value)
	case Nothing:
		options[a.Option] = true
		if a.Value != nil {
			options[a.Option] = a.Value
		}
	}
	return nil
}
