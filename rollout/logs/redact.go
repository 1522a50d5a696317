package logs

import "regexp"

// hidden is what is taken out of examples: programs log what they should not, and an analysis goes to many people.
var hidden = []struct {
	re   *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----.*`), "(private key)"},
	{regexp.MustCompile(`(?i)\b(authorization["']?\s*[:=]\s*["']?(?:bearer|basic|token)?\s*)[^\s"',;]+`), "${1}(hidden)"},
	{regexp.MustCompile(`(?i)\b(bearer\s+)[A-Za-z0-9._~+/=-]{8,}`), "${1}(hidden)"},
	{regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)?`), "(token)"},
	{regexp.MustCompile(`\b(?:AKIA|ASIA)[0-9A-Z]{16}\b`), "(access key)"},
	{regexp.MustCompile(`\b(?:gh[pousr]_[A-Za-z0-9]{20,}|glpat-[A-Za-z0-9_-]{15,}|xox[abprs]-[A-Za-z0-9-]{10,}|sk_live_[A-Za-z0-9]{10,})`), "(token)"},
	{regexp.MustCompile(`(?i)([a-z0-9_.-]*(?:passw(?:or)?d|passwd|pwd|secret|token|api_?-?key|access_?-?key|credential|cookie|session_?-?id)[a-z0-9_.-]*["']?\s*[:=]\s*)("[^"]*"|'[^']*'|[^\s,;&"']+)`), "${1}(hidden)"},
	{regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://[^\s/:@]+:)[^\s/@]+@`), "${1}(hidden)@"},
	{regexp.MustCompile(`\b(?:\d[ -]?){13,19}\b`), "(number)"},
	{regexp.MustCompile(`[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}`), "(e-mail)"},
}

// Redact takes out of a line what reads like a secret or names a person: passwords, tokens, keys, card numbers, addresses of mail.
func Redact(line string) string {
	for _, h := range hidden {
		line = h.re.ReplaceAllString(line, h.with)
	}
	return line
}
