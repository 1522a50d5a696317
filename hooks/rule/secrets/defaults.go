package secrets

import (
	"slices"
	"strings"
)

// before is the rest of a longer name. Between is what stands between a name and its secret: an assignment, a comma or an arrow, with quotes. After is
// what ends the secret.
const (
	before  = `[\w.-]{0,50}?`
	between = `[ \t\w.-]{0,20}[\s'"]{0,3}(?:=|>|:{1,3}=|\|\||:|=>|\?=|,)[\s'"=\x60]{0,5}`
	after   = `(?:[\s'";\x60]|\\[nr]|$)`
)

// defaults is our own table: formats of tokens as their providers document or show them, under the ids that gitleaks has for them, so that allow lists
// and baselines go on to work.
func defaults() *set {
	s := &set{rules: map[string]*pattern{}, allow: []*allow{neverSecret()}}
	for _, n := range named {
		s.add(n.id, `(?i)`+before+`(?:`+n.name+`)`+between+`(`+n.format+`)`+after, n.entropy, or(n.keywords, strings.ToLower(strings.ReplaceAll(n.name, "|", " "))))
		s.rules[n.id].inside, s.rules[n.id].assigned = true, !slices.Contains(inSecret, n.id)
	}
	for _, n := range namedExactly {
		s.add(n.id, before+`(?i:`+n.name+`)`+between+`(`+n.format+`)`+after, n.entropy, or(n.keywords, strings.ToLower(strings.ReplaceAll(n.name, "|", " "))))
		s.rules[n.id].inside, s.rules[n.id].assigned = true, !slices.Contains(inSecret, n.id)
	}
	for _, m := range marked {
		insensitive, format := "", m.format
		if rest, ok := strings.CutPrefix(format, "(?i)"); ok {
			insensitive, format = "(?i)", rest
		}
		s.add(m.id, insensitive+`\b(`+format+`)`+after, m.entropy, m.keywords)
		s.rules[m.id].inside = !slices.Contains(beside, m.id)
	}
	for _, a := range anywhere {
		s.add(a.id, a.format, a.entropy, a.keywords)
		s.rules[a.id].inside = !slices.Contains(beside, a.id)
	}
	for _, r := range special() {
		s.rules[r.id] = r
	}
	for _, r := range s.rules {
		if r.what == "" {
			r.what = strings.ReplaceAll(r.id, "-", " ")
		}
	}
	return s
}

// inSecret are named rules whose keyword is in the secret, or whose name has a sign of assignment in it.
var inSecret = []string{
	"lob-api-key", "lob-pub-api-key", "gocardless-api-token", "new-relic-browser-api-token", "new-relic-insert-key", "new-relic-user-api-key",
	"typeform-api-token", "nytimes-access-token", "mailchimp-api-key",
}

// beside are the rules whose keyword is somewhere else in the text, or whose secret goes over lines.
var beside = []string{"facebook-access-token", "airtable-personnal-access-token", "private-key", "jwt-base64", "sourcegraph-access-token"}

func (s *set) add(id, regex string, entropy float64, keywords string) {
	s.rules[id] = &pattern{id: id, regex: lazily(regex), entropy: entropy, keywords: strings.Fields(keywords)}
}

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

// neverSecret are files that others wrote, and values that stand for one.
func neverSecret() *allow {
	never := &allow{
		paths: lazily(
			`gitleaks\.toml`,
			`(?i)\.(?:bmp|gif|jpe?g|png|svg|tiff?|eot|[ot]tf|woff2?|docx?|xlsx?|pdf|bin|socket|vsidx|v2|suo|wsuo|pdb|exe|.dll|gltf)$`,
			`go\.(?:mod|sum|work(?:\.sum)?)$`,
			`(?:^|/)vendor/(?:modules\.txt$|(?:github\.com|golang\.org/x|google\.golang\.org|gopkg\.in|istio\.io|k8s\.io|sigs\.k8s\.io)(?:/|$))`,
			`(?:^|/)(?:gradlew(?:\.bat)?|gradle\.lockfile|mvnw(?:\.cmd)?|\.mvn/wrapper/MavenWrapperDownloader\.java)$`,
			`(?:^|/)(?:node_modules|bower_components)(?:/|$)`,
			`(?:^|/)(?:deno\.lock|npm-shrinkwrap\.json|package-lock\.json|pnpm-lock\.yaml|yarn\.lock|Pipfile\.lock|poetry\.lock)$`,
			`(?:^|/)(?:angular|bootstrap|jquery(?:-?ui)?|plotly|swagger-?ui)[a-zA-Z0-9.-]*\.js(?:\.map)?$`,
			`(?:^|/)javascript\.json$`,
			`(?i)(?:^|/)(?:v?env|virtualenv)/lib(?:64)?(?:/|$)`,
			`(?i)(?:^|/)(?:lib(?:64)?/python[23](?:\.\d{1,2})+|python/[23](?:\.\d{1,2})+/lib(?:64)?)(?:/|$)`,
			`(?i)(?:^|/)[a-z0-9_.]+-[0-9.]+\.dist-info(?:/|$)`,
			`(?:^|/)vendor/(?:bundle|ruby)(?:/|$)`,
			`\.gem$|verification-metadata\.xml|Database.refactorlog|(?:^|/)\.git$`,
		),
		regexes: lazily(
			`(?i)^true|false|null$`,
			oneLetter(),
			`^\$(?:\d+|\{\d+\}|[A-Z_]+|[a-z_]+|\{(?:[A-Z_]+|[a-z_]+)\})$`, // $1 ${1} $NAME ${name} of a shell
			`^\{\{[ \t]*[\w ().|]+[ \t]*\}\}$`,                            // a template
			`^\$\{\{[ \t]*(?:(?:env|github|secrets|vars)(?:\.[A-Za-z]\w+)+[\w "'&./=|]*)[ \t]*\}\}$`,
			`^(?:%[A-Z_]+%|%[a-z_]+%|%[+# 0-]?[bcdeEfFgGoOpqstTUvxX]|\{\d{0,2}\}|@[A-Z_]+@|@[a-z_]+@)$`,
			`^/Users/(?i)[a-z0-9]+/[\w ./-]+$`,
			`^/(?:bin|etc|home|opt|tmp|usr|var)/[\w ./-]+$`,
		),
		stops: []string{"abcdefghijklmnopqrstuvwxyz"},
	}
	never.prepare()
	return never
}

// oneLetter matches xxxxxxxx, ******** and the like.
func oneLetter() string {
	var all []string
	for c := 'a'; c <= 'z'; c++ {
		all = append(all, string(c)+"+")
	}
	return `^(?i:` + strings.Join(all, "|") + `|\*+|\.+)$`
}
