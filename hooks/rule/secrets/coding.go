package secrets

import (
	"encoding/base64"
	"strconv"
	"strings"
	"unicode"
)

// coding is a way to write text as other text. When two meet, the smaller number goes first and the other waits for the next pass.
type coding int

const (
	percent coding = iota
	codePoints
	hexadecimal
	base64Coding
)

type code struct {
	kind     coding
	from, to int
}

const (
	shortestHex    = 32
	shortestBase64 = 16
)

// codes finds what looks encoded, from left to right.
func codes(text string) []code {
	var all []code
	points := strings.Contains(text, "U+")
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '%' && isHex(text, i+1, 2):
			end := i + 3
			line := len(text)
			if n := strings.IndexByte(text[i:], '\n'); n >= 0 {
				line = i + n
			}
			for last := line - 3; last >= end; last-- {
				if text[last] == '%' && isHex(text, last+1, 2) {
					end = last + 3
					break
				}
			}
			all = append(all, code{percent, i, end})
			i = end
			continue
		case c == 'U' || c == '\\':
			if end := codePointsEnd(text, i); end > i {
				all = append(all, code{codePoints, i, end})
				i = end
				continue
			}
		}
		if !inBase64[c] {
			i++
			continue
		}
		end := run(text, i, &inBase64)
		if end-i >= shortestHex { // a word of hexadecimal digits is one in base64 as well
			if end := run(text, i, &inHex); end-i >= shortestHex {
				all = append(all, code{hexadecimal, i, end})
				i = end
				continue
			}
		}
		if end-i >= shortestBase64 {
			for n := 0; n < 2 && end < len(text) && text[end] == '='; n++ {
				end++
			}
			all = append(all, code{base64Coding, i, end})
			i = end
			continue
		}
		u := -1
		if points {
			u = strings.IndexByte(text[i+1:end], 'U')
		}
		if u >= 0 {
			i += 1 + u
		} else {
			i = end
		}
	}
	return first(all)
}

// first leaves out a code that touches one of a kind that goes before it.
func first(all []code) []code {
	kept := make([]code, 0, len(all))
	for i, c := range all {
		if i > 0 && all[i-1].to >= c.from && all[i-1].kind < c.kind {
			continue
		}
		if i+1 < len(all) && all[i+1].from <= c.to && all[i+1].kind < c.kind {
			continue
		}
		kept = append(kept, c)
	}
	return kept
}

// codePointsEnd reads U+0041 with a blank after each, or \u0041 and \\u0041, as often as they follow each other.
func codePointsEnd(text string, i int) int {
	start := i
	for strings.HasPrefix(text[i:], "U+") && isHex(text, i+2, 4) && (i+6 == len(text) || strings.IndexByte(" \t\n\f\r", text[i+6]) >= 0) {
		i = min(i+7, len(text))
	}
	if i > start {
		return i
	}
	for {
		next, ok := escaped(text, i)
		if !ok {
			return i
		}
		i = next
	}
}

func escaped(text string, i int) (int, bool) {
	for _, prefix := range []string{`\\u`, `\\U`, `\u`, `\U`} {
		if strings.HasPrefix(text[i:], prefix) && isHex(text, i+len(prefix), 4) {
			return i + len(prefix) + 4, true
		}
	}
	return i, false
}

var inBase64, inHex = func() (b, h [256]bool) {
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_" {
		b[c] = true
		h[c] = unicode.Is(unicode.ASCII_Hex_Digit, c)
	}
	return b, h
}()

func run(text string, i int, in *[256]bool) int {
	for i < len(text) && in[text[i]] {
		i++
	}
	return i
}

func isHex(text string, i, n int) bool { return i+n <= len(text) && run(text[:i+n], i, &inHex) == i+n }

// printable is text that a person could have written: ASCII from the tab on, without delete.
func printable(b []byte) bool {
	for _, c := range b {
		if c < '\t' || c > '~' {
			return false
		}
	}
	return true
}

// decode returns nothing for what only looked encoded.
func (c coding) decode(text string) string {
	switch c {
	case percent:
		return percentDecoded(text)
	case codePoints:
		return pointsDecoded(text)
	case hexadecimal:
		if len(text)%2 != 0 || !strings.ContainsAny(text, "0123456789") {
			return ""
		}
		plain := make([]byte, len(text)/2)
		for i := range plain {
			plain[i] = hexByte(text[2*i:])
		}
		if printable(plain) {
			return string(plain)
		}
	case base64Coding:
		if !strings.ContainsAny(text, "0123456789+/-_") {
			return ""
		}
		for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawURLEncoding} {
			if plain, err := encoding.DecodeString(text); err == nil && printable(plain) {
				return string(plain)
			}
		}
	}
	return ""
}

func hexByte(text string) byte {
	n, err := strconv.ParseUint(text[:2], 16, 8)
	if err != nil {
		return 0 // not printable, so what it is in counts as not encoded
	}
	return byte(n)
}

func percentDecoded(text string) string {
	var plain []byte
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && isHex(text, i+1, 2) {
			b := hexByte(text[i+1:])
			if !printable([]byte{b}) {
				return ""
			}
			plain = append(plain, b)
			i += 2
			continue
		}
		plain = append(plain, text[i])
	}
	return string(plain)
}

func pointsDecoded(text string) string {
	var plain strings.Builder
	for i := 0; i+4 <= len(text); i++ {
		if (text[i] == '+' || text[i] == 'u' || text[i] == 'U') && isHex(text, i+1, 4) {
			n, err := strconv.ParseUint(text[i+1:i+5], 16, 32)
			if err == nil {
				plain.WriteRune(rune(n))
			}
			i += 4
		}
	}
	return plain.String()
}
