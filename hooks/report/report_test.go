package report

import (
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"

	"goodstate.dev/goodstate/hooks/rule"
	"goodstate.dev/goodstate/hooks/server"
)

func written(t *testing.T, format string) string {
	t.Helper()
	r := Run{Version: "1", From: "a", To: "b", Judgement: &server.Judgement{Commits: 2, Files: 3, Findings: []server.Finding{
		{Finding: rule.Finding{Rule: "yaml", Path: "a b,c:d.yaml", Line: 4, Column: 2, Message: "100% wrong\nreally ]]> <b>"}, Commit: strings.Repeat("a", 40), Subject: "one"},
		{Finding: rule.Finding{Rule: "message/type-empty", Message: "no type"}, Commit: strings.Repeat("b", 40)},
	}}}
	var out strings.Builder
	if err := Write(&out, format, r); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestSARIFHasRuleAndPlace(t *testing.T) {
	var log sarifLog
	if err := json.Unmarshal([]byte(written(t, "sarif")), &log); err != nil {
		t.Fatal(err)
	}
	got := log.Runs[0].Results[0]
	if log.Version != "2.1.0" || got.RuleID != "yaml" || got.Locations[0].Physical.Artifact.URI != "a%20b,c:d.yaml" || got.Locations[0].Physical.Region.Line != 4 {
		t.Errorf("the first result is %+v", got)
	}
	if len(log.Runs[0].Results[1].Locations) != 0 {
		t.Error("a finding about a message has a file")
	}
}

func TestJUnitHasOneCaseARuleAndIsXMLWhateverWasFound(t *testing.T) {
	var suite junitSuite
	if err := xml.Unmarshal([]byte(written(t, "junit")), &suite); err != nil {
		t.Fatal(err)
	}
	if suite.Tests != 2 || suite.Failures != 2 || !strings.Contains(suite.Cases[1].Failure.Text, "]]> <b>") {
		t.Errorf("the suite is %+v", suite)
	}
}

func TestGitHubAnnotationsAreOneLineEach(t *testing.T) {
	first, _, _ := strings.Cut(written(t, "github"), "\n")
	if want := "::error file=a b%2Cc%3Ad.yaml,line=4,title=yaml::100%25 wrong%0Areally ]]> <b> (commit aaaaaaaaaa)"; first != want {
		t.Errorf("the annotation is\n%s\nwant\n%s", first, want)
	}
}

func TestGitLabFindingsKeepTheirFingerprintWhenLinesMove(t *testing.T) {
	var issues []map[string]any
	if err := json.Unmarshal([]byte(written(t, "gitlab")), &issues); err != nil || len(issues) != 2 {
		t.Fatal(err, issues)
	}
	f := server.Finding{Finding: rule.Finding{Rule: "yaml", Path: "a b,c:d.yaml", Line: 9, Message: "100% wrong\nreally ]]> <b>"}}
	if issues[0]["fingerprint"] != fingerprint(f) {
		t.Error("the fingerprint changes with the line")
	}
}

func TestAnUnknownFormatNamesTheKnownOnes(t *testing.T) {
	if err := Write(nil, "pdf", Run{}); err == nil || !strings.Contains(err.Error(), "github, gitlab, json, junit, sarif, text") {
		t.Errorf("got %v", err)
	}
}
