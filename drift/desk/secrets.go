package desk

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"goodstate.dev/goodstate/core/remote"
)

// secrets are those of one run.
type secrets struct {
	values   []string
	password string // of the login
}

// ask answers hosts that want a password.
func (s *secrets) ask(_ context.Context, q remote.Question) (string, error) {
	if q.Kind != remote.AskPassphrase && s.password != "" && q.Try == 0 {
		return s.password, nil
	}
	return "", remote.ErrNoAnswer
}

// shortest is the length from which a value is looked for: shorter ones would take ordinary words out.
const shortest = 4

// hide takes the values out of texts, also as they look inside of JSON. Longer ones go first, so that no rest of one is left by a shorter one.
func (s *secrets) hide() func(string) string {
	var forms []string
	for _, v := range s.values {
		if len(v) < shortest {
			continue
		}
		forms = append(forms, v)
		if text, err := json.Marshal(v); err == nil {
			forms = append(forms, string(text[1:len(text)-1]))
		}
	}
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, f := range slices.Compact(forms) {
		pairs = append(pairs, f, "(hidden)")
	}
	return strings.NewReplacer(pairs...).Replace
}
