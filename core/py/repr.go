package py

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bytes is Python's bytes.
type Bytes []byte

// Int makes the value of an integer: an int64 where it fits.
func Int(i *big.Int) any {
	if i.IsInt64() {
		return i.Int64()
	}
	return i
}

// Str is Python's str(value).
func Str(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case Unsafe:
		return string(v)
	case int64:
		return strconv.FormatInt(v, 10)
	}
	var b strings.Builder
	writeRepr(&b, value, 0, true)
	return b.String()
}

// Repr is Python's repr(value). Below many levels it writes three dots, as Python does for what contains itself.
func Repr(value any) string {
	var b strings.Builder
	writeRepr(&b, value, 0, false)
	return b.String()
}

// Represented is a value of another type that knows its repr.
type Represented interface{ Repr() string }

func writeRepr(b *strings.Builder, value any, depth int, str bool) {
	switch v := value.(type) {
	case nil:
		b.WriteString("None")
	case bool:
		if v {
			b.WriteString("True")
		} else {
			b.WriteString("False")
		}
	case int64:
		b.WriteString(strconv.FormatInt(v, 10))
	case int:
		b.WriteString(strconv.Itoa(v))
	case *big.Int:
		b.WriteString(v.String())
	case float64:
		b.WriteString(FormatFloat(v))
	case string:
		writeQuoted(b, v)
	case Unsafe:
		writeQuoted(b, string(v))
	case Native:
		if str {
			b.WriteString(v.Text)
		} else {
			writeQuoted(b, v.Text)
		}
	case Bytes:
		writeBytes(b, v)
	case *Sealed:
		text, err := v.Text()
		if err != nil {
			text = v.Cipher
		}
		if str {
			b.WriteString(text)
		} else {
			writeQuoted(b, text)
		}
	case *List:
		writeReprItems(b, v.Items, "[", "]", depth)
	case Tuple:
		if len(v) == 1 {
			writeReprItems(b, v, "(", ",)", depth)
		} else {
			writeReprItems(b, v, "(", ")", depth)
		}
	case *Dict:
		writeReprDict(b, v, depth)
	case Undefined:
		if v.Soft {
			if !str {
				b.WriteString("Undefined")
			}
			return
		}
		writeUndefined(b, v, depth)
	case Represented:
		b.WriteString(v.Repr())
	default:
		writeMoment(b, value, str)
	}
}

// writeUndefined shows what is undefined as Ansible does: by its hint, or by what was looked for and where.
func writeUndefined(b *strings.Builder, u Undefined, depth int) {
	switch {
	case u.Of == nil:
		b.WriteString("AnsibleUndefined(hint=" + Repr(u.Hint) + ", obj=missing, name=None)")
	case u.Of.Top:
		b.WriteString("AnsibleUndefined(hint=None, obj=missing, name=" + Repr(u.Of.Name) + ")")
	default:
		b.WriteString("AnsibleUndefined(hint=None, obj=")
		writeRepr(b, u.Of.Obj, depth+1, false)
		b.WriteString(", name=" + Repr(u.Of.Name) + ")")
	}
}

func writeMoment(b *strings.Builder, value any, str bool) {
	if s, ok := value.(fmt.Stringer); ok && str {
		b.WriteString(s.String())
		return
	}
	switch v := value.(type) {
	case Date:
		fmt.Fprintf(b, "datetime.date(%d, %d, %d)", v.Year, v.Month, v.Day)
	case Datetime:
		t := v.Time
		fmt.Fprintf(b, "datetime.datetime(%d, %d, %d, %d, %d", t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute())
		if micro := t.Nanosecond() / 1000; micro != 0 {
			fmt.Fprintf(b, ", %d, %d", t.Second(), micro)
		} else if t.Second() != 0 {
			fmt.Fprintf(b, ", %d", t.Second())
		}
		if v.Zoned {
			b.WriteString(", tzinfo=datetime.timezone.utc")
		}
		b.WriteString(")")
	case Timedelta:
		days, rest := v.Days()
		var parts []string
		if days != 0 {
			parts = append(parts, fmt.Sprintf("days=%d", days))
		}
		if s := int64(rest.Seconds()); s != 0 {
			parts = append(parts, fmt.Sprintf("seconds=%d", s))
		}
		if micro := rest.Microseconds() % 1_000_000; micro != 0 {
			parts = append(parts, fmt.Sprintf("microseconds=%d", micro))
		}
		if parts == nil {
			parts = []string{"0"}
		}
		b.WriteString("datetime.timedelta(" + strings.Join(parts, ", ") + ")")
	default:
		fmt.Fprintf(b, "<%s object>", TypeName(value))
	}
}

func writeReprItems(b *strings.Builder, items []any, left, right string, depth int) {
	b.WriteString(left)
	if depth > deepest {
		b.WriteString("...")
	} else {
		for i, item := range items {
			if i > 0 {
				b.WriteString(", ")
			}
			writeRepr(b, item, depth+1, false)
		}
	}
	b.WriteString(right)
}

func writeReprDict(b *strings.Builder, d *Dict, depth int) {
	b.WriteByte('{')
	if depth > deepest {
		b.WriteString("...")
	} else {
		first := true
		for k, v := range d.All() {
			if !first {
				b.WriteString(", ")
			}
			first = false
			writeRepr(b, k, depth+1, false)
			b.WriteString(": ")
			writeRepr(b, v, depth+1, false)
		}
	}
	b.WriteByte('}')
}

// FormatFloat is Python's repr of a float: the shortest digits that read back as the same, with an exponent below 1e-4 and from 1e16.
func FormatFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64) // two digits of exponent at least, as Python
	}
	text := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

func writeQuoted(b *strings.Builder, text string) {
	quote := byte('\'')
	if strings.Contains(text, "'") && !strings.Contains(text, `"`) {
		quote = '"'
	}
	b.WriteByte(quote)
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == rune(quote) || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(b, `\udc%02x`, text[i]) // as Python's surrogateescape shows it
		case r < ' ' || r == 0x7f || r < 0x100 && !unicode.IsPrint(r):
			fmt.Fprintf(b, `\x%02x`, r)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x10000:
			fmt.Fprintf(b, `\u%04x`, r)
		default:
			fmt.Fprintf(b, `\U%08x`, r)
		}
		i += size
	}
	b.WriteByte(quote)
}

func writeBytes(b *strings.Builder, data []byte) {
	b.WriteString("b'")
	for _, c := range data {
		switch {
		case c == '\'' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < ' ' || c > '~':
			fmt.Fprintf(b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('\'')
}

// Typed is a value of another type that knows the name of its type.
type Typed interface{ TypeName() string }

// TypeName is the name of the type in Python.
func TypeName(value any) string {
	switch v := value.(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case int, int64, *big.Int:
		return "int"
	case float64:
		return "float"
	case string:
		return "str"
	case Unsafe:
		return "AnsibleUnsafeText"
	case *Sealed:
		return "AnsibleVaultEncryptedUnicode"
	case Bytes:
		return "bytes"
	case *List:
		return "list"
	case *Dict:
		return "dict"
	case Tuple:
		return "tuple"
	case Undefined:
		return "AnsibleUndefined"
	case Date:
		return "date"
	case Datetime:
		return "datetime"
	case Timedelta:
		return "timedelta"
	case Typed:
		return v.TypeName()
	}
	return fmt.Sprintf("%T", value)
}

// MarkUnsafe makes all text in a value Unsafe. Lists and dicts are new ones; keys stay as they are found by.
func MarkUnsafe(value any) any {
	switch v := value.(type) {
	case string:
		return Unsafe(v)
	case Native:
		return Native{Text: v.Text, Unsafe: true}
	case *List:
		list := &List{Items: make([]any, len(v.Items))}
		for i, item := range v.Items {
			list.Items[i] = MarkUnsafe(item)
		}
		return list
	case Tuple:
		tuple := make(Tuple, len(v))
		for i, item := range v {
			tuple[i] = MarkUnsafe(item)
		}
		return tuple
	case *Dict:
		d := NewDict()
		for k, item := range v.All() {
			d.Set(MarkUnsafe(k), MarkUnsafe(item))
		}
		d.host = true
		return d
	}
	return value
}

// IsUnsafe says whether there is Unsafe text in a value.
func IsUnsafe(value any) bool { return hasUnsafe(value, 0) }

func hasUnsafe(value any, depth int) bool {
	if depth > deepest {
		return false
	}
	switch v := value.(type) {
	case Unsafe:
		return true
	case Native:
		return v.Unsafe
	case *List:
		for _, item := range v.Items {
			if hasUnsafe(item, depth+1) {
				return true
			}
		}
	case Tuple:
		for _, item := range v {
			if hasUnsafe(item, depth+1) {
				return true
			}
		}
	case *Dict:
		if v.host && len(v.all) > 0 {
			return true
		}
		for k, item := range v.All() {
			if hasUnsafe(k, depth+1) || hasUnsafe(item, depth+1) {
				return true
			}
		}
	}
	return false
}
