package rule

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonQuote writes a string with the escapes that Python's json module would use.
func jsonQuote(out *strings.Builder, text string, ascii bool) {
	out.WriteByte('"')
	for i := 0; i < len(text); {
		c, size := utf8.DecodeRuneInString(text[i:])
		if c == utf8.RuneError && size == 1 && i+3 <= len(text) { // half a pair, as the scanner keeps it
			c, size = rune(text[i]&0x0F)<<12|rune(text[i+1]&0x3F)<<6|rune(text[i+2]&0x3F), 3
			fmt.Fprintf(out, `\u%04x`, c)
			i += size
			continue
		}
		i += size
		switch {
		case c == '"' || c == '\\':
			out.WriteByte('\\')
			out.WriteRune(c)
		case c == '\n':
			out.WriteString(`\n`)
		case c == '\r':
			out.WriteString(`\r`)
		case c == '\t':
			out.WriteString(`\t`)
		case c == '\f':
			out.WriteString(`\f`)
		case c == '\b':
			out.WriteString(`\b`)
		case c < ' ' || ascii && c >= 0x7F && c <= 0xFFFF:
			fmt.Fprintf(out, `\u%04x`, c)
		case ascii && c > 0xFFFF:
			high, low := utf16.EncodeRune(c)
			fmt.Fprintf(out, `\u%04x\u%04x`, high, low)
		default:
			out.WriteRune(c)
		}
	}
	out.WriteByte('"')
}

// jsonNumber writes a number as Python does: whole numbers as they are, others as the shortest text of the same float. A number that a float
// cannot hold is kept as it was written, so that no digit is lost.
func jsonNumber(text string) string {
	if text == "-0" {
		return "0"
	}
	if !strings.ContainsAny(text, ".eE") || strings.Contains(text, "n") || strings.Contains(text, "N") {
		return text
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(n, 0) {
		return text
	}
	short := strconv.FormatFloat(n, 'e', -1, 64)
	_, exponent, _ := strings.Cut(short, "e")
	if power, err := strconv.Atoi(exponent); err == nil && power >= -4 && power < 16 {
		if short = strconv.FormatFloat(n, 'f', -1, 64); !strings.Contains(short, ".") {
			short += ".0"
		}
	}
	if decimal(short) != decimal(text) {
		return text
	}
	return short
}

// decimal is a number in one form for all that are equal: its digits without zeros at the ends, and the place of the point.
func decimal(text string) string {
	sign := ""
	if strings.HasPrefix(text, "-") {
		sign, text = "-", text[1:]
	}
	digits, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	whole, fraction, _ := strings.Cut(digits, ".")
	power, err := strconv.Atoi("0" + strings.TrimPrefix(exponent, "+"))
	if strings.HasPrefix(exponent, "-") {
		power, err = strconv.Atoi(exponent)
	}
	if err != nil {
		return sign + text
	}
	all := strings.TrimLeft(whole+fraction, "0")
	power -= len(fraction)
	for strings.HasSuffix(all, "0") {
		all, power = all[:len(all)-1], power+1
	}
	if all == "" {
		return sign + "0"
	}
	return fmt.Sprintf("%s%se%d", sign, all, power)
}
