package remote

import (
	"fmt"
	"strings"
)

// letters are ssh's options with a value, and the keyword each stands for; an empty one has none.
var letters = map[byte]string{
	'i': "identityfile", 'J': "proxyjump", 'p': "port", 'l': "user", 'c': "ciphers", 'm': "macs", 'b': "bindaddress", 'B': "bindinterface",
	'S': "controlpath", 'I': "pkcs11provider", 'P': "tag", 'F': "", 'o': "", 'E': "", 'e': "", 'L': "", 'R': "", 'D': "", 'W': "", 'w': "tunnel", 'O': "", 'Q': "",
}

// switches are ssh's options without a value, with the setting each stands for.
var switches = map[byte][2]string{
	'4': {"addressfamily", "inet"}, '6': {"addressfamily", "inet6"}, 'A': {"forwardagent", "yes"}, 'a': {"forwardagent", "no"},
	'K': {"gssapidelegatecredentials", "yes"},
	'C': {}, 'q': {}, 'v': {}, 'k': {}, 'x': {}, 'X': {}, 'Y': {}, 'T': {}, 't': {}, 'n': {}, 'N': {}, 'f': {}, 'g': {}, 'M': {}, 'G': {}, 's': {}, 'V': {}, 'y': {},
}

// arguments reads ssh's command line into settings and returns the configuration file that it names.
func (s *settings) arguments(args []string) (config string, err error) {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if len(arg) < 2 || arg[0] != '-' {
			return "", fmt.Errorf("the SSH argument %q is not an option", arg)
		}
		for j := 1; j < len(arg); j++ {
			c := arg[j]
			if set, ok := switches[c]; ok {
				if set[0] != "" {
					s.set(set[0], []string{set[1]})
				}
				continue
			}
			key, ok := letters[c]
			if !ok {
				return "", fmt.Errorf("the SSH argument %q has an option -%c, which ssh does not have", arg, c)
			}
			value := arg[j+1:]
			if value == "" {
				if i++; i >= len(args) {
					return "", fmt.Errorf("the SSH option -%c has no value", c)
				}
				value = args[i]
			}
			if err := s.argument(c, key, value, &config); err != nil {
				return "", err
			}
			break
		}
	}
	return config, nil
}

func (s *settings) argument(letter byte, key, value string, config *string) error {
	switch {
	case letter == 'F':
		*config = value
	case letter == 'o':
		r := &reader{s: s}
		if k, _ := keyword(value); k == "host" || k == "match" || k == "include" {
			return fmt.Errorf("the SSH option -o %s may stand in a file only", k)
		}
		if _, err := r.line(value, true, 0); err != nil {
			return fmt.Errorf("the SSH option -o %s: %w", value, err)
		}
	case key != "":
		s.set(key, []string{strings.TrimSpace(value)})
	}
	return nil
}
