package record

import (
	"strings"
	"unicode/utf8"
)

// notShown stands where a text may hold a secret.
const notShown = "(not shown: it may hold a secret)"

// shortestSecret is the length from which decrypted words are looked for: shorter ones are in every text.
const shortestSecret = 4

// Opened takes a decrypted text: nothing with any of its lines, or a value of one, is recorded.
func (r *Recorder) Opened(plain string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for line := range strings.Lines(plain) {
		line = strings.TrimSpace(line)
		_, value, _ := strings.Cut(line, ":")
		for _, word := range []string{line, strings.Trim(strings.TrimSpace(strings.TrimPrefix(line, "-")), `"'`), strings.Trim(strings.TrimSpace(value), `"'`)} {
			if len(word) >= shortestSecret {
				r.secrets[word] = true
			}
		}
	}
}

// public is a text as it may be recorded: bounded, and nothing at all where it may hold a secret.
func (r *Recorder) public(text string, hidden bool, most int) string {
	if text == "" {
		return ""
	}
	if hidden || r.secret(text) {
		return notShown
	}
	if len(text) <= most {
		return strings.ToValidUTF8(text, "\uFFFD")
	}
	end := most
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return strings.ToValidUTF8(text[:end], "\uFFFD") + "\n(cut)"
}

func (r *Recorder) secret(text string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for word := range r.secrets {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}
