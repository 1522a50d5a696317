package secrets

// anywhere are secrets that are known wherever they stand, also in the middle of a word: their beginning is rare enough. \b is written out where a
// longer word would be something else.
var anywhere = []struct {
	id, format string
	entropy    float64
	keywords   string
}{
	// code and packages
	{"github-pat", `ghp_[0-9a-zA-Z]{36}`, 3, "ghp_"},
	{"github-oauth", `gho_[0-9a-zA-Z]{36}`, 3, "gho_"},
	{"github-app-token", `gh[us]_[0-9a-zA-Z]{36}`, 3, "ghu_ ghs_"},
	{"github-refresh-token", `ghr_[0-9a-zA-Z]{36}`, 3, "ghr_"},
	{"github-fine-grained-pat", `github_pat_\w{82}`, 3, "github_pat_"},
	{"gitlab-pat", `glpat-[\w-]{20}`, 3, "glpat-"},
	{"gitlab-pat-routable", `\bglpat-[\w-]{27,300}\.[0-9a-z]{9}\b`, 4, "glpat-"},
	{"gitlab-cicd-job-token", `glcbt-[0-9a-zA-Z]{1,5}_[\w-]{20}`, 3, "glcbt-"},
	{"gitlab-deploy-token", `gldt-[\w-]{20}`, 3, "gldt-"},
	{"gitlab-feature-flag-client-token", `glffct-[\w-]{20}`, 3, "glffct-"},
	{"gitlab-feed-token", `glft-[\w-]{20}`, 3, "glft-"},
	{"gitlab-incoming-mail-token", `glimt-[\w-]{25}`, 3, "glimt-"},
	{"gitlab-kubernetes-agent-token", `glagent-[\w-]{50}`, 3, "glagent-"},
	{"gitlab-oauth-app-secret", `gloas-[\w-]{64}`, 3, "gloas-"},
	{"gitlab-ptt", `glptt-[0-9a-f]{40}`, 3, "glptt-"},
	{"gitlab-rrt", `GR1348941[\w-]{20}`, 3, "gr1348941"},
	{"gitlab-runner-authentication-token", `glrt-[\w-]{20}`, 3, "glrt-"},
	{"gitlab-runner-authentication-token-routable", `\bglrt-t\d_[\w-]{27,300}\.[0-9a-z]{9}\b`, 4, "glrt-"},
	{"gitlab-scim-token", `glsoat-[\w-]{20}`, 3, "glsoat-"},
	{"gitlab-session-cookie", `_gitlab_session=[0-9a-z]{32}`, 3, "_gitlab_session="},
	{"pypi-upload-token", `pypi-AgEIcHlwaS5vcmc[\w-]{50,1000}`, 3, "pypi-ageichlwas5vcmc"},
	{"clojars-api-token", `(?i)CLOJARS_[a-z0-9]{60}`, 2, "clojars_"},
	{"artifactory-api-key", `\bAKCp[A-Za-z0-9]{69}\b`, 4.5, "akcp"},
	{"artifactory-reference-token", `\bcmVmd[A-Za-z0-9]{59}\b`, 4.5, "cmvmd"},
	{"harness-api-key", `[ps]at\.[\w-]{22}\.[a-zA-Z0-9]{24}\.[a-zA-Z0-9]{20}`, 0, "pat. sat."},
	{"linear-api-key", `lin_api_(?i)[a-z0-9]{40}`, 2, "lin_api_"},

	// clouds and infrastructure
	{"aws-amazon-bedrock-api-key-short-lived", `bedrock-api-key-YmVkcm9jay5hbWF6b25hd3MuY29t`, 3, "bedrock-api-key-"},
	{"azure-ad-client-secret", "(?:^|[\\s\\\\'\"`>=:(,)])([\\w~.]{3}\\dQ~[\\w~.-]{31,34})(?:$|[\\s\\\\'\"`<),])", 3, "q~"},
	{"clickhouse-cloud-api-secret-key", `\b(4b1d[A-Za-z0-9]{38})\b`, 3, "4b1d"},
	{"doppler-api-token", `dp\.pt\.(?i)[a-z0-9]{43}`, 2, "dp.pt."},
	{"dynatrace-api-token", `dt0c01\.(?i)[a-z0-9]{24}\.[a-z0-9]{64}`, 4, "dt0c01."},
	{"hashicorp-tf-api-token", `(?i)[a-z0-9]{14}\.(?-i:atlasv1)\.[a-z0-9_=-]{60,70}`, 3.5, "atlasv1"},
	{"openshift-user-token", `\b(sha256~[\w-]{43})(?:[^\w-]|\z)`, 3.5, "sha256~"},
	{"sentry-org-token", `\bsntrys_eyJpYXQiO[a-zA-Z0-9+/]{10,200}(?:LCJyZWdpb25fdXJs|InJlZ2lvbl91cmwi|cmVnaW9uX3VybCI6)[a-zA-Z0-9+/]{10,200}={0,2}_[a-zA-Z0-9+/]{43}(?:[^a-zA-Z0-9+/]|\z)`, 4.5, "sntrys_eyjpyxqio"},
	{"1password-secret-key", `\bA3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}\b`, 3.8, "a3-"},
	{"1password-service-account-token", `ops_eyJ[a-zA-Z0-9+/]{250,}={0,3}`, 4, "ops_"},
	{"age-secret-key", `AGE-SECRET-KEY-1[AC-HJ-NP-Z02-9]{58}`, 0, "age-secret-key-1"},

	// payment and shops
	{"shopify-access-token", `shpat_[a-fA-F0-9]{32}`, 2, "shpat_"},
	{"shopify-custom-access-token", `shpca_[a-fA-F0-9]{32}`, 2, "shpca_"},
	{"shopify-private-app-access-token", `shppa_[a-fA-F0-9]{32}`, 2, "shppa_"},
	{"shopify-shared-secret", `shpss_[a-fA-F0-9]{32}`, 2, "shpss_"},
	{"flutterwave-encryption-key", `FLWSECK_TEST-(?i)[a-h0-9]{12}`, 2, "flwseck_test"},
	{"flutterwave-public-key", `FLWPUBK_TEST-(?i)[a-h0-9]{32}-X`, 2, "flwpubk_test"},
	{"flutterwave-secret-key", `FLWSECK_TEST-(?i)[a-h0-9]{32}-X`, 2, "flwseck_test"},
	{"duffel-api-token", `duffel_(?:test|live)_(?i)[a-z0-9_=-]{43}`, 2, "duffel_"},
	{"easypost-api-token", `\bEZAK(?i)[a-z0-9]{54}\b`, 2, "ezak"},
	{"easypost-test-api-token", `\bEZTK(?i)[a-z0-9]{54}\b`, 2, "eztk"},

	// messages and media
	{"slack-bot-token", `xoxb(?:-[0-9]{10,13}){2}[a-zA-Z0-9-]*`, 3, "xoxb"},
	{"slack-legacy-bot-token", `xoxb-[0-9]{8,14}-[a-zA-Z0-9]{18,26}`, 2, "xoxb"},
	{"slack-user-token", `xox[pe](?:-[0-9]{10,13}){3}-[a-zA-Z0-9-]{28,34}`, 2, "xoxp- xoxe-"},
	{"slack-app-token", `(?i)xapp-\d-[A-Z0-9]+-\d+-[a-z0-9]+`, 2, "xapp"},
	{"slack-config-access-token", `(?i)xoxe.xox[bp]-\d-[A-Z0-9]{163,166}`, 2, "xoxe.xoxb- xoxe.xoxp-"},
	{"slack-config-refresh-token", `(?i)xoxe-\d-[A-Z0-9]{146}`, 2, "xoxe-"},
	{"slack-legacy-token", `xox[os]-\d+-\d+-\d+-[a-fA-F\d]+`, 2, "xoxo xoxs"},
	{"slack-legacy-workspace-token", `xox[ar]-(?:\d-)?[0-9a-zA-Z]{8,48}`, 2, "xoxa xoxr"},
	{"slack-webhook-url", `(?:https?://)?hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/]{43,56}`, 0, "hooks.slack.com"},
	{"microsoft-teams-webhook", `https://[a-z0-9]+\.webhook\.office\.com/webhookb2/` + teamsID + `@` + teamsID + `/IncomingWebhook/[a-z0-9]{32}/` + teamsID, 0, "webhook.office.com webhookb2 incomingwebhook"},
	{"frameio-api-token", `fio-u-(?i)[a-z0-9_=-]{64}`, 0, "fio-u-"},
	{"twilio-api-key", `SK[0-9a-fA-F]{32}`, 3, "sk"},

	// models
	{"perplexity-api-key", `\b(pplx-[a-zA-Z0-9]{48})(?:[^a-zA-Z0-9]|$)`, 4, "pplx-"},

	// keys and passwords in files
	{"private-key", `(?i)-----BEGIN[ A-Z0-9_-]{0,100}PRIVATE KEY(?: BLOCK)?-----[\s\S]{64,}?KEY(?: BLOCK)?-----`, 0, "-----begin"},
	{"sidekiq-sensitive-url", `(?i)\bhttps?://([a-f0-9]{8}:[a-f0-9]{8})@(?:gems|enterprise)\.contribsys\.com(?:[/#?:|]|$)`, 0, "gems.contribsys.com enterprise.contribsys.com"},
	{"jwt-base64", `\bZXlK[a-zA-Z0-9/\\_+\r\n-]{48,}={0,2}`, 2, "zxlk"},
	{"airtable-personnal-access-token", `\b(pat[a-zA-Z0-9]{14}\.[a-f0-9]{64})\b`, 0, "airtable"},
	{"sourcegraph-access-token", `(?i)\b(sgp_(?:[a-f0-9]{16}|local)_[a-f0-9]{40}|sgp_[a-f0-9]{40}|[a-f0-9]{40})\b`, 3, "sgp_ sourcegraph"},
}

const teamsID = `[a-z0-9]{8}-(?:[a-z0-9]{4}-){3}[a-z0-9]{12}`
