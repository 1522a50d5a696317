package plan

import (
	"bytes"
	"encoding/json"
	"fmt"

	"goodstate.dev/goodstate/hooks/rule"
	"goodstate.dev/goodstate/hooks/verdict"
)

// Build builds a rule from its options as JSON; options that the rule does not have are refused.
func Build(kind rule.Kind, options json.RawMessage) (any, error) {
	built, err := kind.New(func(into any) error {
		if len(options) == 0 || string(options) == "null" {
			return nil
		}
		dec := json.NewDecoder(bytes.NewReader(options))
		dec.DisallowUnknownFields()
		return dec.Decode(into)
	})
	if err != nil {
		return nil, fmt.Errorf("rule %s: %w", kind.Name, err)
	}
	return built, nil
}

// Build builds the rule that the plan names.
func (r Rule) Build() (any, error) {
	kind, ok := rule.Find(r.Name)
	if !ok {
		return nil, fmt.Errorf("rule %s is in the configuration, and this goodstate-hook does not have it; install the version that goodstate has", r.Name)
	}
	return Build(kind, r.Options)
}

// Judge is the rule as one whose verdicts can be kept; built is what Build made of it.
func (r Rule) Judge(built any) verdict.Judge {
	stamp := ""
	if s, ok := built.(rule.Stamped); ok {
		if stamp = s.Stamp(); stamp == "" {
			return verdict.Judge{}
		}
	}
	return verdict.JudgeOf(r.Name, r.Options, stamp)
}
