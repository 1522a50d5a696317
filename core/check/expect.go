package check

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/core/config"
)

// Expect is what an HTTP answer must be.
type Expect struct {
	Status   Status          `yaml:"status" help:"status or list of statuses that are right; 2xx is a whole class" default:"2xx"`
	Within   config.Duration `yaml:"within" help:"longest time until the whole answer is there; without it only the check's timeout counts" example:"300ms"`
	Contains string          `yaml:"contains" help:"text that the body must have" example:"Add to cart"`
	Matches  Pattern         `yaml:"matches" help:"regular expression that the body must match" example:"version \\d+"`
	JSON     map[string]any  `yaml:"json" help:"values of a JSON body by path; a number in a path counts in a list, from 0" example:"{status: ok, items.0.name: shoe}"`
}

// wanted says it in words: "status 200 within 300ms".
func (e Expect) wanted() string {
	parts := []string{"status " + e.Status.String()}
	if e.Within > 0 {
		parts[0] += " within " + e.Within.String()
	}
	if e.Contains != "" {
		parts = append(parts, "a body with "+strconv.Quote(clip(e.Contains, 100)))
	}
	if e.Matches.Regexp != nil {
		parts = append(parts, "a body that matches "+clip(e.Matches.String(), 100))
	}
	for _, path := range slices.Sorted(maps.Keys(e.JSON)) {
		parts = append(parts, path+" = "+clip(plainText(e.JSON[path]), 60))
	}
	return strings.Join(parts, ", ")
}

// wrong says what is not as expected, or nothing when all is. The hint is what to do about it.
func (e Expect) wrong(a answer) (observed, hint string) {
	if !e.Status.Has(a.status) {
		observed = "answered " + strconv.Itoa(a.status)
		if a.status >= 300 && a.status < 400 && a.location != nil {
			to := bare(a.location)
			observed += " (redirect to " + clip(printable(to), 200) + ")"
			hint = "the app redirects; set url: " + clip(printable(to), 200) + ", or follow: true"
		}
		return observed, hint
	}
	said := fmt.Sprintf("answered %d in %s", a.status, span(a.took))
	if e.Within > 0 && a.took > e.Within.Std() {
		return said, ""
	}
	short := ""
	if a.cut {
		short = " (looked at the first 1 MiB)"
	}
	if e.Contains != "" && !strings.Contains(a.body, e.Contains) {
		return fmt.Sprintf("answered %d without %s in the body%s", a.status, strconv.Quote(clip(e.Contains, 100)), short), ""
	}
	if e.Matches.Regexp != nil && !e.Matches.MatchString(a.body) {
		return fmt.Sprintf("answered %d with a body that does not match%s", a.status, short), ""
	}
	if len(e.JSON) > 0 {
		return e.wrongJSON(a), ""
	}
	return "", ""
}

func (e Expect) wrongJSON(a answer) string {
	dec := json.NewDecoder(strings.NewReader(a.body))
	dec.UseNumber()
	var doc any
	if err := dec.Decode(&doc); err != nil {
		return fmt.Sprintf("answered %d with a body that is not JSON: %v", a.status, err)
	}
	for _, path := range slices.Sorted(maps.Keys(e.JSON)) {
		got, ok := at(doc, path)
		if !ok {
			return fmt.Sprintf("answered %d without %s in its JSON", a.status, path)
		}
		if want := plainText(e.JSON[path]); plainText(got) != want {
			return fmt.Sprintf("answered %d with %s = %s", a.status, path, clip(printable(plainText(got)), 100))
		}
	}
	return ""
}

// at follows a path of keys and list positions through a JSON value.
func at(doc any, path string) (any, bool) {
	if m, ok := doc.(map[string]any); ok {
		if v, ok := m[path]; ok { // a key may hold dots itself
			return v, true
		}
	}
	first, rest, more := strings.Cut(path, ".")
	var next any
	switch v := doc.(type) {
	case map[string]any:
		found, ok := v[first]
		if !ok {
			return nil, false
		}
		next = found
	case []any:
		i, err := strconv.Atoi(first)
		if err != nil || i < 0 || i >= len(v) {
			return nil, false
		}
		next = v[i]
	default:
		return nil, false
	}
	if !more {
		return next, true
	}
	return at(next, rest)
}

// plainText is a value of YAML or JSON in the one form in which both are compared.
func plainText(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return v
	case json.Number:
		if f, err := v.Float64(); err == nil && strings.ContainsAny(v.String(), ".eE") {
			return strconv.FormatFloat(f, 'g', -1, 64)
		}
		return v.String()
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case map[string]any, []any:
		raw, err := json.Marshal(v)
		if err != nil {
			return fmt.Sprint(v)
		}
		return string(raw)
	}
	return fmt.Sprint(v)
}

// Status is one or several HTTP statuses or classes of them: 200, 2xx.
type Status []string

var statusForm = regexp.MustCompile(`^([1-5]xx|[1-5][0-9][0-9])$`)

// UnmarshalConfig reads a status or a list.
func (s *Status) UnmarshalConfig(n config.Node) error {
	*s = nil
	if text, ok := n.Text(); ok {
		*s = Status{text}
	} else if err := n.Decode((*[]string)(s)); err != nil {
		return err
	}
	if len(*s) == 0 {
		return errors.New("names no status; write 200, 2xx or a list")
	}
	for _, one := range *s {
		if !statusForm.MatchString(one) {
			return fmt.Errorf("%q is not a status; write 200, 2xx or a list", one)
		}
	}
	return nil
}

// Has says whether a status is among them.
func (s Status) Has(status int) bool {
	if len(s) == 0 {
		return status/100 == 2
	}
	text := strconv.Itoa(status)
	return slices.Contains(s, text) || slices.Contains(s, text[:1]+"xx")
}

func (s Status) String() string {
	if len(s) == 0 {
		return "2xx"
	}
	return strings.Join(s, " or ")
}

// Pattern is a regular expression in Go's syntax (RE2), which always ends in time linear to the text.
type Pattern struct{ *regexp.Regexp }

// UnmarshalText compiles it.
func (p *Pattern) UnmarshalText(text []byte) error {
	re, err := regexp.Compile(string(text))
	if err != nil {
		return fmt.Errorf("is not a regular expression: %w", err)
	}
	p.Regexp = re
	return nil
}

// MarshalText writes what UnmarshalText reads.
func (p Pattern) MarshalText() ([]byte, error) {
	if p.Regexp == nil {
		return nil, nil
	}
	return []byte(p.Regexp.String()), nil
}

// reason is the status in words, for evidence.
func (a answer) reason() string {
	return fmt.Sprintf("%s %d %s", a.proto, a.status, http.StatusText(a.status))
}
