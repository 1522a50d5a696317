package secrets

import "strings"

// special are the rules that need more than a name and a format.
func special() []*pattern {
	return []*pattern{
		{
			id: "aws-access-token", inside: true, entropy: 3, keywords: []string{"a3t", "akia", "asia", "abia", "acca"},
			regex: lazily(`\b((?:A3T[A-Z0-9]|A(?:KI|SI|BI)A|ACCA)[A-Z2-7]{16})\b`),
			allow: []*allow{{regexes: lazily(`.EXAMPLE$`)}}, // as Amazon's own documentation has them
		},
		{
			id: "atlassian-api-token", inside: true, entropy: 3.5, keywords: []string{"atlassian", "confluence", "jira", "atatt3"},
			regex: lazily(`(?i)`+before+`(?-i:ATLASSIAN|[Aa]tlassian|CONFLUENCE|[Cc]onfluence|JIRA|[Jj]ira)`+between+`([a-z0-9]{20}[a-f0-9]{4})`+after,
				`\b(ATATT3[A-Za-z0-9_=-]{186})`+after),
		},
		{
			id: "sonar-api-token", inside: true, keywords: []string{"sonar"},
			regex: lazily(`(?i)` + before + `sonar[_.-]?(?:login|token)` + between + `((?:sq[upa]_)?[a-z0-9=_-]{40})` + after),
		},
		{
			id: "hashicorp-tf-password", inside: true, entropy: 2, keywords: []string{"password"}, path: lazily(`(?i)\.(?:tf|hcl)$`),
			regex: lazily(`(?i)` + before + `password` + between + `("[a-z0-9=_-]{8,20}")` + after),
		},
		{
			id: "gcp-api-key", inside: true, entropy: 4, keywords: []string{"aiza"}, regex: lazily(`\b(AIza[\w-]{35})` + after),
			allow: []*allow{{regexes: lazily(`abcdefghijklmnopqrstuvwxyz`)}},
		},
		{
			id: "vault-service-token", inside: true, entropy: 3.5, keywords: []string{"hvs.", "s."}, regex: lazily(`\b(hvs\.[\w-]{90,120}|s\.(?i:[a-z0-9]{24}))` + after),
			allow: []*allow{{regexes: lazily(`s\.[A-Za-z]{24}`)}}, // without a digit it is code: s.somethingOfTwentyFourSigns
		},
		{
			id: "freemius-secret-key", keywords: []string{"secret_key"}, path: lazily(`(?i)\.php$`),
			regex: lazily(`(?i)["']secret_key["']\s*=>\s*["'](sk_\S{29})["']`),
		},
		{
			id: "nuget-config-password", entropy: 1, keywords: []string{"<add key="}, path: lazily(`(?i)nuget\.config$`),
			regex: lazily(`(?i)<add key="(?:ClearText)?Password"\s*value="(.{8,})"\s*/>`),
			allow: []*allow{{regexes: lazily(`^%\S.*%$`)}},
		},
		{id: "pkcs12-file", path: lazily(`(?i)(?:^|/)[^/]+\.p(?:12|fx)$`), what: "a PKCS #12 key store"},
		{
			id: "kubernetes-secret-yaml", keywords: []string{"secret"}, path: lazily(`(?i)\.ya?ml$`),
			regex: lazily(
				`(?i)\bkind:[ \t]*["']?secret\b["']?(?s:.){0,200}?\bdata:(?s:.){0,100}?\s+(`+kubernetesValue+`)`,
				`(?i)\bdata:(?s:.){0,100}?\s+(`+kubernetesValue+`)(?s:.){0,200}?\bkind:[ \t]*["']?secret\b["']?`,
			),
			allow: []*allow{
				{regexes: lazily(`[\w.-]+:(?:[ \t]*(?:\||>[-+]?)\s+)?[ \t]*` + kubernetesNothing)},
				{target: "match", regexes: lazily(`(?s)\n---\n`)}, // two objects, of which one is a secret and the other has the data
			},
		},
		{
			id: "curl-auth-header", entropy: 2.75, keywords: []string{"curl"},
			regex: lazily(`\bcurl\b(?:.*?|.*?(?:[\r\n]{1,2}.*?){1,5})\s(?:-H|--header)(?:=|[ \t]{0,5})(?i:"` + curlHeader + `"|'` + curlHeader + `')(?:\B|\s|\z)`),
		},
		{
			id: "curl-auth-user", entropy: 2, keywords: []string{"curl"},
			regex: lazily(`\bcurl\b(?:.*|.*(?:[\r\n]{1,2}.*){1,5})\s(?:-u|--user)(?:=|[ \t]{0,5})("(?::[^"]{3,}|[^:"]{3,}:|[^:"]{3,}:[^"]{3,})"|'[^:']{3,}:[^']{3,}'|(?:"[^"]{3,}"|'[^']{3,}'|[\w$@.-]+):(?:"[^"]{3,}"|'[^']{3,}'|[\w${}@.-]+))(?:\s|\z)`),
			allow: []*allow{{regexes: lazily(
				`[^:]+:(?:change(?:it|me)|pass(?:word)?|pwd|test|token|\*+|x+)`,
				`['"]?<[^>]+>['"]?:['"]?<[^>]+>`, `<[^:]+:[^>]+>`, `[^:]+:\[[^\]]+\]`,
				`['"]?[^:]+['"]?:['"]?\$(?:\w+|\{\w+\})['"]?`, `\$\([^)]+\):\$\([^)]+\)`, `\{\{[^}]+\}\}['"]?:['"]?\$?\{\{[^}]+\}\}`,
			)}},
		},
		generic(),
	}
}

const (
	kubernetesValue   = `[\w.-]+:(?:[ \t]*(?:\||>[-+]?)\s+)?[ \t]*(?:["']?[a-z0-9+/]{10,}={0,3}["']?|` + kubernetesNothing + `)`
	kubernetesNothing = `(?:\{\{[ \t\w"|$:=,.-]+\}\}|""|'')` // a template's place, or nothing
	curlHeader        = `(?:Authorization:[ \t]{0,5}(?:Basic[ \t]([a-z0-9+/]{8,}={0,3})|(?:Bearer|(?:Api-)?Token)[ \t]([\w=~@.+/-]{8,})|([\w=~@.+/-]{8,}))|(?:X-(?:[a-z]+-)?)?(?:Api-?)?(?:Key|Token):[ \t]{0,5}([\w=~@.+/-]{8,}))`
)

// generic is a value of high entropy behind a word that promises a secret. The lists keep it from what only sounds like one.
func generic() *pattern {
	code := &allow{target: "match", regexes: lazily(
		`(?i)access(?:ibility|or)|access[_.-]?id|random[_.-]?access|api[_.-]?(?:id|name|version)|rapid|capital|api[a-z0-9-]*:jar:|author`,
		`(?i)X-MS-Exchange-Organization-Auth|Authentication-Results|credentials?[_.-]?id|withCredentials|UserSecretsId|issuerkeyhash|csrf[_.-]?token|public[_.-]?token`,
		`(?i)(?:bucket|foreign|hot|idx|natural|primary|pub(?:lic)?|schema|sequence)[_.-]?key|turkey|monkey|keying|keyVaultToStoreSecrets`,
		`(?i)key[_.-]?(?:alias|board|code|down|file|frame|id|left|length|mesh|name|pair|press(?:ed)?|right|ring|selector|signature|size|stone|storetype|up|word)`,
		`(?i)key[_.-]?vault[_.-]?(?:id|name)|key(?:store|tab)[_.-]?(?:file|path)|secret[_.-]?(?:length|name|size)|token[_.-]?file|(?:api|credentials|token)[_.-]?(?:endpoint|ur[il])`,
		`(?i)io\.jsonwebtoken[ \t]?:[ \t]?[\w-]+`,
		`[A-Z_.]+=\n[A-Z_.]+=(?:\n|\z)|[a-z_.]+=\n[a-z_.]+=(?:\n|\z)`, // empty assignments, one below the other
	)}
	code.stops = strings.Fields(stopWords)
	code.prepare()
	return &pattern{
		id: "generic-api-key", entropy: 3.5, what: "a value that looks like a secret",
		keywords: strings.Fields("access api auth key credential creds passwd password secret token"),
		inside:   true, assigned: true,
		regex: lazily(`(?i)` + before + `(?:access|auth|(?-i:[Aa]pi|API)|credential|creds|key|passw(?:or)?d|secret|token)` + between + `([\w.=-]{10,150}|[a-z0-9][a-z0-9+/]{11,}={0,3})` + after),
		allow: []*allow{
			{regexes: lazily(`^[a-zA-Z_.-]+$`)},
			code,
			{target: "line", regexes: lazily(`--mount=type=secret,`, `import[ \t]+\{[ \t\w,]+\}[ \t]+from[ \t]+['"][^'"]+['"]`)},
			{all: true, target: "line", paths: lazily(`\.bb$|\.bbappend$|\.bbclass$|\.inc$`), regexes: lazily(`LICENSE[^=]*=\s*"[^"]+|LIC_FILES_CHKSUM[^=]*=\s*"[^"]+|SRC[^=]*=\s*"[a-zA-Z0-9]+`)},
		},
	}
}

// stopWords are words of people and of programs: a value that has one is a name and no secret.
const stopWords = `
account activity address admin adapter agent alert alias align allow android angular animation answer archive array article asset async attribute
audio author avatar backend backup banner base64 batch binary block board boolean border browser bucket buffer build bundle button cache calendar
callback camera cancel canvas capture card category certificate change channel character chart check child choice class clean click client cloud
cluster code collect color column command comment commit common company compile complete component compress config confirm connect console constant
contact container content context control convert cookie copy count create credit current cursor custom dashboard data date debug decode default
delete deploy detail develop device dialog digest directory disable display document domain download driver dynamic edit element email empty enable
encode endpoint engine entity enum error event example exception execute expect explorer export express extend factory failed feature field figure
file filter finder finish firebase first fixture flag folder follow font footer form format forward foundation frame framework function gateway
general generate github global gradle graph group handle hash header health helper hidden history home hook host hover html http icon image import
include index info input insert install instance integer internal invoice issue item java javascript journal json kernel keyboard label language
launch layout leader level library license light limit line link linux list listen loader local location lock login logout machine mail manage
mapping market master match media member memory menu message method metric mobile mock model module monitor mount move music native network node
normal notification null number object offline online open operation option order output owner package page panel parameter parent parse partner
patch path pattern payment perform permission person phone photo picture pipeline place plain platform player plugin point policy popup portal
position post power prefix prepare press preview print private process product profile program project promise property protocol provider proxy
public publish query question queue random reader record redirect refresh region register release remote remove render replace report repository
request require reset resource response result return review rule runtime sample scan schedule schema scope screen script scroll search section
select send sensor server service session setting setup shape share shell shipping sign simple site size skill slide social socket source space spec
spring stack start state static station status step stock storage store stream string struct style submit subscribe success support switch symbol sync
system table target task team template terminal text theme thread thumb ticket time title toggle tool topic total track traffic train transfer
transform translate trigger type ubuntu unique unit unknown update upload user util valid value vector vendor version video view virtual visible
volume wallet warning watch weather web website widget window wizard word worker workflow world wrapper write yaml zone
`
