package state

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Fold writes names of hosts shortly: runs of a number are one, as in "db2, web[1-40]". Numbers of one width with leading zeros keep them: "web[01-12]".
// The result names exactly the given hosts.
func Fold(hosts []string) string {
	all := make([]numbered, 0, len(hosts))
	for _, h := range hosts {
		all = append(all, number(h))
	}
	slices.SortFunc(all, func(a, b numbered) int {
		return cmp.Or(cmp.Compare(a.prefix, b.prefix), cmp.Compare(a.suffix, b.suffix), cmp.Compare(a.value, b.value), cmp.Compare(a.name, b.name))
	})
	all = slices.CompactFunc(all, func(a, b numbered) bool { return a.name == b.name })
	var out []string
	for i := 0; i < len(all); {
		j := i + 1
		for j < len(all) && all[j].follows(all[j-1]) {
			j++
		}
		if j-i == 1 {
			out = append(out, all[i].name)
		} else {
			out = append(out, all[i].prefix+"["+all[i].digits+"-"+all[j-1].digits+"]"+all[i].suffix)
		}
		i = j
	}
	return strings.Join(out, ", ")
}

// numbered is a name cut around its first number in the first label: web12.example.org, not an IP address.
type numbered struct {
	name, prefix, digits, suffix string
	value                        int
}

func number(name string) numbered {
	n := numbered{name: name, prefix: name, value: -1}
	label, _, _ := strings.Cut(name, ".")
	end := strings.LastIndexAny(label, "0123456789") + 1
	begin := end
	for begin > 0 && label[begin-1] >= '0' && label[begin-1] <= '9' {
		begin--
	}
	if begin == 0 || end-begin > 9 { // there is none, it is all that there is, or it is longer than a number
		return n
	}
	value, err := strconv.Atoi(label[begin:end])
	if err != nil {
		return n
	}
	return numbered{name: name, prefix: name[:begin], digits: name[begin:end], suffix: name[end:], value: value}
}

// zeros is the width of a number that is written with leading zeros.
func (n numbered) zeros() int {
	if len(n.digits) > 1 && n.digits[0] == '0' {
		return len(n.digits)
	}
	return 0
}

func (n numbered) follows(before numbered) bool {
	if n.value < 0 || before.value < 0 || n.prefix != before.prefix || n.suffix != before.suffix || n.value != before.value+1 {
		return false
	}
	return len(n.digits) == len(before.digits) || n.zeros() == 0 && before.zeros() == 0
}
