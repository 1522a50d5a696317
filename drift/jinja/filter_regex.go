package jinja

import (
	"errors"
	"strings"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/core/pyre"
)

// Filters and tests with regular expressions.
func init() {
	filters.add("regex_replace", "value='' pattern='' replacement='' ignorecase=False multiline=False", func(c *call) (any, error) {
		s, err := c.str(0)
		if err != nil {
			return nil, err
		}
		p, err := c.pattern(1, 3, 4)
		if err != nil {
			return nil, err
		}
		to, err := c.text(2)
		if err != nil {
			return nil, err
		}
		out, _, err := p.Sub(to, s, 0)
		if err != nil {
			return nil, err
		}
		return out, c.r.wrote(len(out))
	})
	filters.add("regex_findall", "value regex multiline=False ignorecase=False", func(c *call) (any, error) {
		s, err := c.str(0)
		if err != nil {
			return nil, err
		}
		p, err := c.pattern(1, 3, 2)
		if err != nil {
			return nil, err
		}
		out := py.NewList()
		err = p.All(s, func(m *pyre.Match) bool {
			switch p.Groups {
			case 0, 1:
				out.Items = append(out.Items, m.Groups[p.Groups].Text)
			default:
				row := make(py.Tuple, p.Groups)
				for i := range row {
					row[i] = m.Groups[i+1].Text
				}
				out.Items = append(out.Items, row)
			}
			return c.r.step() == nil
		})
		return out, errors.Join(err, c.r.check())
	})
	filters.add("regex_search", "value regex *args **named", regexSearch)
	filters.add("regex_escape", "string re_type='python'", func(c *call) (any, error) {
		s, err := c.str(0)
		if err != nil {
			return nil, err
		}
		kind, err := c.str(1)
		if err != nil {
			return nil, err
		}
		switch kind {
		case "python":
			return pyre.Escape(s), nil
		case "posix_basic":
			return strings.NewReplacer("]", `\]`, "[", `\[`, ".", `\.`, "^", `\^`, "$", `\$`, "*", `\*`, `\`, `\\`).Replace(s), nil
		case "posix_extended":
			return nil, filterErrorf("Regex type (%s) not yet implemented", kind)
		}
		return nil, filterErrorf("Invalid regex type (%s)", kind)
	})
	for _, kind := range []string{"search", "match"} {
		tests.add(kind, "value pattern='' ignorecase=False multiline=False", func(c *call) (any, error) { return c.matches(kind) })
	}
	tests.add("regex", "value='' pattern='' ignorecase=False multiline=False match_type='search'", func(c *call) (any, error) {
		kind, err := c.str(4)
		if err != nil {
			return nil, err
		}
		return c.matches(kind)
	})
}

// pattern compiles an argument, with flags that other arguments say.
func (c *call) pattern(at, ignoreCase, multiline int) (*pyre.Pattern, error) {
	text, err := c.text(at)
	if err != nil {
		return nil, err
	}
	var flags pyre.Flags
	for i, flag := range map[int]pyre.Flags{ignoreCase: pyre.IgnoreCase, multiline: pyre.Multiline} {
		on, err := c.bool(i)
		if err != nil {
			return nil, err
		}
		if on {
			flags |= flag
		}
	}
	return pyre.Compile(text, flags)
}

func (c *call) matches(kind string) (any, error) {
	s, err := c.str(0)
	if err != nil {
		return nil, err
	}
	p, err := c.pattern(1, 2, 3)
	if err != nil {
		return nil, err
	}
	find := p.Search
	switch kind {
	case "match":
		find = p.Match
	case "fullmatch":
		find = p.FullMatch
	}
	m, err := find(s)
	return m != nil, err
}

func regexSearch(c *call) (any, error) {
	s, err := c.str(0)
	if err != nil {
		return nil, err
	}
	var groups []string
	for _, a := range c.rest {
		text, ok := py.Text(a)
		name, isName := strings.CutPrefix(text, `\g<`)
		end := strings.LastIndexByte(name, '>')
		switch {
		case ok && isName && end > 0:
			groups = append(groups, name[:end])
		case ok && strings.HasPrefix(text, `\`):
			n := strings.TrimLeft(text[1:], "0123456789")
			groups = append(groups, text[1:len(text)-len(n)])
		default:
			return nil, filterErrorf("Unknown argument")
		}
	}
	text, err := c.text(1)
	if err != nil {
		return nil, err
	}
	var flags pyre.Flags
	if c.named != nil {
		for k, v := range c.named.All() {
			if on, err := truth(v); err != nil {
				return nil, err
			} else if !on {
				continue
			}
			switch py.Str(k) {
			case "ignorecase":
				flags |= pyre.IgnoreCase
			case "multiline":
				flags |= pyre.Multiline
			}
		}
	}
	p, err := pyre.Compile(text, flags)
	if err != nil {
		return nil, err
	}
	m, err := p.Search(s)
	if err != nil || m == nil {
		return nil, err
	}
	if groups == nil {
		return m.Groups[0].Text, nil
	}
	out := py.NewList()
	for _, name := range groups {
		i, err := p.Group(name)
		if err != nil {
			return nil, &indexError{"no such group"}
		}
		if m.Groups[i].Start < 0 {
			out.Items = append(out.Items, nil)
		} else {
			out.Items = append(out.Items, m.Groups[i].Text)
		}
	}
	return out, nil
}
