package rule

import "unicode/utf16"

// decodeJSON is the text in UTF-8 without its mark. JSON was also allowed in UTF-16 (RFC 4627), recognised by the zeros in its first two characters.
func decodeJSON(raw []byte) []byte {
	order := 0 // 1: big endian, 2: little endian
	switch {
	case len(raw) >= 3 && raw[0] == 0xEF && raw[1] == 0xBB && raw[2] == 0xBF:
		return raw[3:]
	case len(raw) >= 2 && raw[0] == 0xFE && raw[1] == 0xFF:
		order, raw = 1, raw[2:]
	case len(raw) >= 2 && raw[0] == 0xFF && raw[1] == 0xFE:
		order, raw = 2, raw[2:]
	case len(raw) >= 2 && raw[0] == 0 && raw[1] != 0:
		order = 1
	case len(raw) >= 2 && raw[1] == 0 && raw[0] != 0:
		order = 2
	}
	if order == 0 {
		return raw
	}
	units := make([]uint16, 0, len(raw)/2)
	for i := 0; i+1 < len(raw); i += 2 {
		if order == 1 {
			units = append(units, uint16(raw[i])<<8|uint16(raw[i+1]))
		} else {
			units = append(units, uint16(raw[i+1])<<8|uint16(raw[i]))
		}
	}
	text := []byte(string(utf16.Decode(units)))
	if len(raw)%2 == 1 {
		text = append(text, 0) // half a character, which no JSON has
	}
	return text
}
