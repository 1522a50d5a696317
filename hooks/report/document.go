package report

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"

	"goodstate.dev/goodstate/hooks/server"
)

func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func document(w io.Writer, r Run) error {
	return encode(w, map[string]any{"from": r.From, "to": r.To, "commits": r.Commits, "files": r.Files, "findings": r.Findings, "further_findings": r.Further})
}

// fingerprint is the same for the same finding in the next run, also when lines before it have moved it.
func fingerprint(f server.Finding) string {
	sum := sha256.Sum256([]byte(f.Rule + "\x00" + f.Path + "\x00" + f.Message))
	return hex.EncodeToString(sum[:])
}

// The parts of SARIF 2.1.0 that GitHub and others show (OASIS sarif-v2.1.0).
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool    sarifTool     `json:"tool"`
		Results []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID string `json:"id"`
	}
	sarifResult struct {
		RuleID       string            `json:"ruleId"`
		Level        string            `json:"level"`
		Message      sarifText         `json:"message"`
		Locations    []sarifLocation   `json:"locations,omitempty"`
		Fingerprints map[string]string `json:"partialFingerprints"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		Line   int `json:"startLine"`
		Column int `json:"startColumn,omitempty"`
	}
)

func sarif(w io.Writer, r Run) error {
	run := sarifRun{Tool: sarifTool{sarifDriver{Name: "goodstate", Version: r.Version, Rules: []sarifRule{}}}, Results: []sarifResult{}}
	for _, name := range rules(r) {
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{name})
	}
	for _, f := range r.Findings {
		result := sarifResult{
			RuleID: f.Rule, Level: "error", Message: sarifText{said(f)}, Fingerprints: map[string]string{"goodstate/v1": fingerprint(f)},
		}
		if f.Path != "" {
			place := sarifPhysical{Artifact: sarifArtifact{(&url.URL{Path: f.Path}).EscapedPath()}}
			if f.Line > 0 {
				place.Region = &sarifRegion{f.Line, f.Column}
			}
			result.Locations = []sarifLocation{{place}}
		}
		run.Results = append(run.Results, result)
	}
	return encode(w, sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run}})
}

// said is the message with the commit that it is about.
func said(f server.Finding) string {
	if f.Commit == "" {
		return f.Message
	}
	return fmt.Sprintf("%s (commit %.10s)", f.Message, f.Commit)
}

// gitlab is the Code Quality report of GitLab, which is a subset of Code Climate's.
func gitlab(w io.Writer, r Run) error {
	type lines struct {
		Begin int `json:"begin"`
	}
	type location struct {
		Path  string `json:"path"`
		Lines lines  `json:"lines"`
	}
	type issue struct {
		Description string   `json:"description"`
		Check       string   `json:"check_name"`
		Fingerprint string   `json:"fingerprint"`
		Severity    string   `json:"severity"`
		Location    location `json:"location"`
	}
	issues := []issue{}
	for _, f := range r.Findings {
		issues = append(issues, issue{said(f), f.Rule, fingerprint(f), "major", location{f.Path, lines{max(1, f.Line)}}})
	}
	return encode(w, issues)
}

// github writes workflow commands, which GitHub shows beside the lines of a change.
func github(w io.Writer, r Run) error {
	value := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	for _, f := range r.Findings {
		where := ""
		if f.Path != "" {
			where = "file=" + property.Replace(f.Path) + fmt.Sprintf(",line=%d,", max(1, f.Line))
		}
		if _, err := fmt.Fprintf(w, "::error %stitle=%s::%s\n", where, property.Replace(f.Rule), value.Replace(said(f))); err != nil {
			return err
		}
	}
	return text(w, r)
}
