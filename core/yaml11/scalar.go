package yaml11

import (
	"encoding/base64"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/py"
)

// What a plain scalar is, from the YAML 1.1 types repository as PyYAML has them.
var (
	isFloat = regexp.MustCompile(`^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$`)
	isInt   = regexp.MustCompile(`^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$`)
	isTime  = regexp.MustCompile(`^(?:\d{4}-\d\d-\d\d|\d{4}-\d\d?-\d\d?(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d\d?(?::\d\d)?))?)$`)
	time11  = regexp.MustCompile(`^(\d{4})-(\d\d?)-(\d\d?)(?:(?:[Tt]|[ \t]+)(\d\d?):(\d\d):(\d\d)(?:\.(\d*))?(?:[ \t]*(Z|([-+])(\d\d?)(?::(\d\d))?))?)?$`)
)

// booleans are the spellings that YAML 1.1 and PyYAML share.
var booleans = map[string]bool{
	"yes": true, "Yes": true, "YES": true, "no": false, "No": false, "NO": false,
	"true": true, "True": true, "TRUE": true, "false": false, "False": false, "FALSE": false,
	"on": true, "On": true, "ON": true, "off": false, "Off": false, "OFF": false,
}

func (n *Node) scalar() (any, error) {
	tag := n.Tag
	if n.Plain {
		tag = implicit(n.Text)
	}
	switch tag {
	case "", "!", "tag:yaml.org,2002:str", "tag:yaml.org,2002:python/unicode", "tag:yaml.org,2002:python/str":
		if n.file.opt.Unsafe {
			return py.Unsafe(n.Text), nil
		}
		return n.Text, nil
	case "!unsafe":
		return py.Unsafe(n.Text), nil
	case "!vault", "!vault-encrypted":
		return n.file.opt.sealed(n.Text), nil
	case "tag:yaml.org,2002:null":
		return nil, nil //nolint:nilnil // None
	case "tag:yaml.org,2002:bool":
		if b, ok := booleans[n.Text]; ok {
			return b, nil
		}
		if b, ok := booleans[strings.ToLower(n.Text)]; ok {
			return b, nil
		}
		return nil, n.Errorf("%q is no boolean", n.Text)
	case "tag:yaml.org,2002:int":
		if v, ok := parseInt(n.Text); ok {
			return v, nil
		}
		return nil, n.Errorf("invalid literal for int(): '%s'", n.Text)
	case "tag:yaml.org,2002:float":
		if v, ok := parseFloat(n.Text); ok {
			return v, nil
		}
		return nil, n.Errorf("could not convert string to float: '%s'", n.Text)
	case "tag:yaml.org,2002:timestamp":
		return n.timestamp()
	case "tag:yaml.org,2002:binary":
		data, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(n.Text), ""))
		if err != nil {
			return nil, n.Errorf("failed to decode base64 data: %v", err)
		}
		return py.Bytes(data), nil
	}
	return nil, n.Errorf("could not determine a constructor for the tag '%s'", tag)
}

// implicit finds the tag of a plain scalar.
func implicit(text string) string {
	const at = "tag:yaml.org,2002:"
	if text == "" {
		return at + "null"
	}
	switch c := text[0]; {
	case c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.':
		switch {
		case isInt.MatchString(text):
			return at + "int"
		case isFloat.MatchString(text):
			return at + "float"
		case isTime.MatchString(text):
			return at + "timestamp"
		}
	case strings.IndexByte("yYnNtTfFoO~=<", c) >= 0:
		if _, ok := booleans[text]; ok {
			return at + "bool"
		}
		switch text {
		case "~", "null", "Null", "NULL":
			return at + "null"
		case "=":
			return at + "value"
		case "<<":
			return at + "merge"
		}
	}
	return ""
}

func parseInt(text string) (any, bool) {
	text = strings.ReplaceAll(text, "_", "")
	sign := ""
	if text != "" && (text[0] == '-' || text[0] == '+') {
		sign, text = strings.TrimPrefix(text[:1], "+"), text[1:]
	}
	switch {
	case text == "0":
		return int64(0), true
	case strings.HasPrefix(text, "0b"):
		return whole(sign+text[2:], 2)
	case strings.HasPrefix(text, "0x"):
		return whole(sign+text[2:], 16)
	case strings.HasPrefix(text, "0"):
		return whole(sign+strings.TrimPrefix(text, "0o"), 8)
	case strings.Contains(text, ":"):
		total := new(big.Int)
		for _, part := range strings.Split(text, ":") {
			digit, ok := new(big.Int).SetString(part, 10)
			if !ok {
				return nil, false
			}
			total.Add(total.Mul(total, big.NewInt(60)), digit)
		}
		if sign == "-" {
			total.Neg(total)
		}
		return py.Int(total), true
	}
	return whole(sign+text, 10)
}

func whole(digits string, base int) (any, bool) {
	if v, err := strconv.ParseInt(digits, base, 64); err == nil {
		return v, true
	}
	v, ok := new(big.Int).SetString(digits, base)
	if !ok {
		return nil, false
	}
	return py.Int(v), true
}

func parseFloat(text string) (float64, bool) {
	text = strings.ToLower(strings.ReplaceAll(text, "_", ""))
	sign := 1.0
	if text != "" && (text[0] == '-' || text[0] == '+') {
		if text[0] == '-' {
			sign = -1
		}
		text = text[1:]
	}
	switch {
	case text == ".inf":
		return math.Inf(int(sign)), true
	case text == ".nan":
		return math.NaN(), true
	case strings.Contains(text, ":"):
		total := 0.0
		for _, part := range strings.Split(text, ":") {
			digit, err := strconv.ParseFloat(part, 64)
			if err != nil {
				return 0, false
			}
			total = total*60 + digit
		}
		return sign * total, true
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	return sign * f, true
}

func (n *Node) timestamp() (any, error) {
	m := time11.FindStringSubmatch(n.Text)
	if m == nil {
		return nil, n.Errorf("%q is no timestamp", n.Text)
	}
	num := func(s string) int {
		i, _ := strconv.Atoi(s)
		return i
	}
	year, month, day := num(m[1]), time.Month(num(m[2])), num(m[3])
	if t := time.Date(year, month, day, 0, 0, 0, 0, time.UTC); year < 1 || t.Month() != month || t.Day() != day {
		return nil, n.Errorf("day is out of range for month")
	}
	if m[4] == "" {
		return py.Date{Year: year, Month: month, Day: day}, nil
	}
	if num(m[4]) > 23 || num(m[5]) > 59 || num(m[6]) > 59 {
		return nil, n.Errorf("the time must be in 0:00:00..23:59:59")
	}
	micro := num((m[7] + "000000")[:6])
	zone, zoned := time.UTC, m[8] != ""
	if m[9] != "" {
		offset := num(m[10])*3600 + num(m[11])*60
		if m[9] == "-" {
			offset = -offset
		}
		if offset != 0 {
			zone = time.FixedZone("", offset)
		}
	}
	return py.Datetime{Time: time.Date(year, month, day, num(m[4]), num(m[5]), num(m[6]), micro*1000, zone), Zoned: zoned}, nil
}
