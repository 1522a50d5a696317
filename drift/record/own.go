package record

import (
	"net"
	"strings"
)

// ownName and shortName stand for a host's name in a difference, so that hosts which differ in nothing but their names have the same one.
const (
	ownName   = "{{ inventory_hostname }}"
	shortName = "{{ inventory_hostname_short }}"
)

// unnamed puts ownName where the host's name stands as a word of its own, and shortName where its first label does.
func unnamed(text, host string) string {
	text = replaceWord(text, host, ownName)
	if short, rest, dotted := strings.Cut(host, "."); dotted && net.ParseIP(host) == nil && rest != "" {
		text = replaceWord(text, short, shortName)
	}
	return text
}

// replaceWord puts something else where a word stands by itself. Words of one letter are in every text and stay.
func replaceWord(text, word, with string) string {
	if len(word) < 2 || !strings.Contains(text, word) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		at := strings.Index(text[i:], word)
		if at < 0 {
			b.WriteString(text[i:])
			break
		}
		at += i
		end := at + len(word)
		b.WriteString(text[i:at])
		if at > 0 && inWord(text[at-1]) || end < len(text) && inWord(text[end]) {
			b.WriteString(word)
		} else {
			b.WriteString(with)
		}
		i = end
	}
	return b.String()
}

func inWord(c byte) bool {
	return c == '_' || c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}
