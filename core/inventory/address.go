package inventory

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

var (
	bracketedPort = regexp.MustCompile(`^\[(.+)\]:([0-9]+)$`)
	hostPort      = regexp.MustCompile(`^((?:[^:\[\]]|\[[^\]]*\])*):([0-9]+)$`)
	anyRange      = regexp.MustCompile(`\[(?:[0-9a-fA-F]+:[0-9a-fA-F]+|[a-zA-Z]:[a-zA-Z]|[0-9]+:[0-9]+)(?::[0-9]+)?\]`)
	labelRange    = regexp.MustCompile(`(?i)\[(?:[a-z]:[a-z]|[0-9]+:[0-9]+)(?::[0-9]+)?\]`)
)

// address takes a host and its port apart; the host may have ranges. A port of zero is none.
func address(text string) (host string, port int, err error) {
	host = text
	for _, form := range []*regexp.Regexp{bracketedPort, hostPort} {
		if m := form.FindStringSubmatch(host); m != nil {
			if port, err = strconv.Atoi(m[2]); err != nil {
				return "", 0, fmt.Errorf("port %s: %w", m[2], err)
			}
			host = m[1]
		}
	}
	if isAddress(host) || isHostname(host) {
		return host, port, nil
	}
	return "", 0, fmt.Errorf("Not a valid network hostname: %s", host)
}

func isAddress(text string) bool {
	plain := anyRange.ReplaceAllString(text, "1")
	_, err := netip.ParseAddr(plain)
	return err == nil && !strings.Contains(plain, "%")
}

// isHostname follows DNS where Ansible does: labels of letters, digits, dashes and underscores that do not end with one of these marks.
func isHostname(text string) bool {
	plain := labelRange.ReplaceAllString(text, "1")
	for _, label := range strings.Split(plain, ".") {
		if label == "" {
			return false
		}
		for i, r := range label {
			if !(unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' || r == '-' && i > 0) {
				return false
			}
		}
		if last := label[len(label)-1]; last == '-' || last == '_' {
			return false
		}
	}
	return true
}

// expandHosts gives the names that a host of an inventory stands for, and its port.
func expandHosts(pattern string) ([]string, int, error) {
	host, port, err := address(pattern)
	if err != nil {
		host, port = pattern, 0 // an alias of any form is allowed
	}
	if !strings.Contains(host, "[") {
		return []string{host}, port, nil
	}
	names, err := expandRange(host, 0)
	return names, port, err
}

const mostOfRange = 1 << 20

func expandRange(text string, before int) ([]string, error) {
	head, rest, _ := strings.Cut(text, "[")
	body, tail, ok := strings.Cut(rest, "]")
	if !ok {
		return nil, fmt.Errorf("host range of %s has no end: want [begin:end]", text)
	}
	values, err := rangeOf(body)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, value := range values {
		name := head + value + tail
		if !strings.Contains(name, "[") {
			out = append(out, name)
			continue
		}
		more, err := expandRange(name, before+len(out))
		if err != nil {
			return nil, err
		}
		if out = append(out, more...); before+len(out) > mostOfRange {
			return nil, fmt.Errorf("host range %s has more than %d hosts", text, mostOfRange)
		}
	}
	return out, nil
}

func rangeOf(body string) ([]string, error) {
	bounds := strings.Split(body, ":")
	if len(bounds) != 2 && len(bounds) != 3 {
		return nil, errors.New("host range must be begin:end or begin:end:step")
	}
	begin, end, step := bounds[0], bounds[1], 1
	if begin == "" {
		begin = "0"
	}
	if end == "" {
		return nil, errors.New("host range must specify end value")
	}
	if len(bounds) == 3 {
		var err error
		if step, err = strconv.Atoi(bounds[2]); err != nil || step < 1 {
			return nil, fmt.Errorf("host range step is %q, want a number from 1 on", bounds[2])
		}
	}
	width := 0
	if begin[0] == '0' && len(begin) > 1 {
		if width = len(begin); width != len(end) {
			return nil, errors.New("host range must specify equal-length begin and end formats")
		}
	}
	if from, to := strings.Index(letters, begin), strings.Index(letters, end); len(begin) == 1 && len(end) == 1 && from >= 0 && to >= 0 {
		return letterRange(from, to, step)
	}
	return numberRange(begin, end, step, width)
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

func letterRange(from, to, step int) ([]string, error) {
	if from > to {
		return nil, errors.New("host range must have begin <= end")
	}
	var out []string
	for i := from; i <= to; i += step {
		out = append(out, letters[i:i+1])
	}
	return out, nil
}

func numberRange(begin, end string, step, width int) ([]string, error) {
	from, err := strconv.Atoi(begin)
	if err != nil {
		return nil, fmt.Errorf("host range begins with %q, want a number or a letter", begin)
	}
	to, err := strconv.Atoi(end)
	if err != nil {
		return nil, fmt.Errorf("host range ends with %q, want a number or a letter", end)
	}
	if (to-from)/step > mostOfRange {
		return nil, fmt.Errorf("host range %s:%s has more than %d hosts", begin, end, mostOfRange)
	}
	var out []string
	for i := from; i <= to; i += step {
		out = append(out, fmt.Sprintf("%0*d", width, i))
	}
	return out, nil
}
