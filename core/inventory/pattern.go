package inventory

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	subscript = regexp.MustCompile(`^(.+)\[(?:(-?[0-9]+)|([0-9]+)([:-])([0-9]*))\]$`)
	colons    = regexp.MustCompile(`(?:[^\s:\[\]]|\[[^\]]*\])+`)
)

// SplitPattern takes a pattern like "web:&prod:!web3" or "web,db" apart.
func SplitPattern(pattern string) []string {
	var parts []string
	if strings.Contains(pattern, ",") {
		parts = strings.Split(pattern, ",")
	} else if _, _, err := address(pattern); err == nil {
		parts = []string{pattern}
	} else {
		parts = colons.FindAllString(pattern, -1)
	}
	var out []string
	for _, p := range parts {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return out
}

// SplitLimit takes a limit apart; "@file" stands for the lines of a file.
func SplitLimit(limit string) ([]string, error) {
	var out []string
	for _, part := range SplitPattern(limit) {
		path, ok := strings.CutPrefix(part, "@")
		if !ok {
			out = append(out, part)
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("Unable to find limit file %s", path)
		}
		for line := range strings.SplitSeq(string(text), "\n") {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out, nil
}

// Match gives the hosts of a pattern in the order of the inventory. A part that names nobody is a warning.
func (inv *Inventory) Match(pattern string) ([]*Host, error) {
	return inv.Select(SplitPattern(pattern))
}

// Select gives the hosts of the parts of a pattern: the plain ones first, then those with "&", then those with "!".
func (inv *Inventory) Select(parts []string) ([]*Host, error) {
	key := strings.Join(parts, "\x00")
	if hosts, ok := inv.known[key]; ok {
		return slices.Clone(hosts), nil
	}
	var plain, both, without []string
	for _, p := range parts {
		switch {
		case p == "":
		case p[0] == '!':
			without = append(without, p)
		case p[0] == '&':
			both = append(both, p)
		default:
			plain = append(plain, p)
		}
	}
	if len(plain) == 0 {
		plain = []string{"all"}
	}
	var hosts []*Host
	for _, p := range slices.Concat(plain, both, without) {
		if h, ok := inv.hosts[p]; ok {
			if !slices.Contains(hosts, h) {
				hosts = append(hosts, h)
			}
			continue
		}
		that, err := inv.matchOne(strings.TrimLeft(p[:1], "!&") + p[1:])
		if err != nil {
			return nil, err
		}
		hosts = combine(hosts, that, p[0])
	}
	inv.known[key] = hosts
	return slices.Clone(hosts), nil
}

func combine(hosts, that []*Host, how byte) []*Host {
	set := make(map[*Host]bool, len(that))
	for _, h := range that {
		set[h] = true
	}
	switch how {
	case '!':
		return slices.DeleteFunc(hosts, func(h *Host) bool { return set[h] })
	case '&':
		return slices.DeleteFunc(hosts, func(h *Host) bool { return !set[h] })
	}
	have := make(map[*Host]bool, len(hosts))
	for _, h := range hosts {
		have[h] = true
	}
	for _, h := range that {
		if !have[h] {
			have[h] = true
			hosts = append(hosts, h)
		}
	}
	return hosts
}

// matchOne gives the hosts of one part without its mark.
func (inv *Inventory) matchOne(pattern string) ([]*Host, error) {
	if pattern == "" {
		return nil, nil
	}
	expr, from, to := pattern, 0, -1
	ranged, single := false, false
	if m := subscript.FindStringSubmatch(pattern); m != nil && pattern[0] != '~' {
		expr = m[1]
		ranged = true
		if m[2] != "" {
			from, _ = strconv.Atoi(m[2])
			single = true
		} else {
			from, _ = strconv.Atoi(m[3])
			if m[5] != "" {
				to, _ = strconv.Atoi(m[5])
			}
		}
	}
	hosts, err := inv.enumerate(expr)
	if err != nil || !ranged || len(hosts) == 0 {
		return hosts, err
	}
	if single || to == 0 { // an end of 0 is none to Ansible
		if from < 0 {
			from += len(hosts)
		}
		if from < 0 || from >= len(hosts) {
			return nil, fmt.Errorf("No hosts matched the subscripted pattern '%s'", pattern)
		}
		return hosts[from : from+1], nil
	}
	if to < 0 || to >= len(hosts) {
		to = len(hosts) - 1
	}
	if from > to {
		return nil, nil
	}
	return hosts[from : to+1], nil
}

func (inv *Inventory) enumerate(pattern string) ([]*Host, error) {
	matches, err := matcher(pattern)
	if err != nil {
		return nil, err
	}
	var out []*Host
	seen := map[*Host]bool{}
	add := func(hosts ...*Host) {
		for _, h := range hosts {
			if !seen[h] {
				seen[h] = true
				out = append(out, h)
			}
		}
	}
	groups := false
	for _, g := range inv.groupOrder {
		if matches(g.Name) {
			groups = true
			add(g.Hosts()...)
		}
	}
	if !groups || pattern[0] == '~' || strings.ContainsAny(pattern, ".?*[") {
		for _, h := range inv.hostOrder {
			if matches(h.Name) {
				add(h)
			}
		}
	}
	if len(out) == 0 && isLocalhost(pattern) {
		return []*Host{inv.implicit(pattern)}, nil
	}
	if len(out) == 0 && !groups && pattern != "all" {
		inv.options.Warn("Could not match supplied host pattern, ignoring: " + pattern)
	}
	return out, nil
}

// matcher judges a name by a glob, or behind "~" by a regular expression from its beginning.
func matcher(pattern string) (func(string) bool, error) {
	if !strings.ContainsAny(pattern, "~?*[") {
		return func(name string) bool { return name == pattern }, nil
	}
	text := globExpression(pattern)
	if expr, ok := strings.CutPrefix(pattern, "~"); ok {
		text = `\A(?:` + expr + `)`
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("Invalid host list pattern: %s", pattern)
	}
	return re.MatchString, nil
}

// globExpression writes a shell's glob as a regular expression.
func globExpression(glob string) string {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	for i := 0; i < len(glob); i++ {
		switch c := glob[i]; c {
		case '*':
			b.WriteString(".*")
		case '?':
			b.WriteString(".")
		case '[':
			end := i + 1
			if end < len(glob) && glob[end] == '!' {
				end++
			}
			if end < len(glob) && glob[end] == ']' {
				end++
			}
			for end < len(glob) && glob[end] != ']' {
				end++
			}
			if end >= len(glob) {
				b.WriteString(`\[`)
				continue
			}
			set := strings.NewReplacer(`\`, `\\`, `[`, `\[`).Replace(glob[i+1 : end])
			if rest, ok := strings.CutPrefix(set, "!"); ok {
				set = "^" + rest
			}
			b.WriteString("[" + set + "]")
			i = end
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	b.WriteString(`\z`)
	return b.String()
}
