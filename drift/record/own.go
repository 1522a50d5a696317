package record

import "strings"

// ownName stands for a host's name in a difference, so that hosts which differ in nothing but their names have the same one.
const ownName = "{{ inventory_hostname }}"

// unnamed puts ownName where the host's name stands as a word of its own.
func unnamed(text, host string) string {
	if len(host) < 2 || !strings.Contains(text, host) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		at := strings.Index(text[i:], host)
		if at < 0 {
			b.WriteString(text[i:])
			break
		}
		at += i
		end := at + len(host)
		b.WriteString(text[i:at])
		if at > 0 && inWord(text[at-1]) || end < len(text) && inWord(text[end]) {
			b.WriteString(host)
		} else {
			b.WriteString(ownName)
		}
		i = end
	}
	return b.String()
}

func inWord(c byte) bool {
	return c == '_' || c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}
