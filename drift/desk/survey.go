package desk

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Kind is what sort of answer a question wants. The names are those of AWX's surveys.
type Kind string

// The kinds of answers.
const (
	Text        Kind = "text"
	TextArea    Kind = "textarea"
	Password    Kind = "password"
	Integer     Kind = "integer"
	Float       Kind = "float"
	Choice      Kind = "multiplechoice"
	MultiSelect Kind = "multiselect"
)

// Kinds are all of them.
var Kinds = []Kind{Text, TextArea, Password, Integer, Float, Choice, MultiSelect}

// Question is asked of whoever launches a template; its answer is the variable's value.
type Question struct {
	Variable string   `json:"variable"`
	Ask      string   `json:"ask"`
	Help     string   `json:"help,omitempty"`
	Kind     Kind     `json:"kind"`
	Required bool     `json:"required,omitempty"`
	Default  string   `json:"default,omitempty" doc:"of a multiselect: one a line"`
	Choices  []string `json:"choices,omitempty"`
	Min      *float64 `json:"min,omitempty" doc:"of a number; of a text its length"`
	Max      *float64 `json:"max,omitempty"`
}

var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (q *Question) valid() error {
	switch {
	case !variable.MatchString(q.Variable):
		return fmt.Errorf("variable %.40q, want letters, digits and underscores", q.Variable)
	case strings.HasPrefix(q.Variable, "ansible_"):
		return fmt.Errorf("variable %s would change how hosts are reached; choose a name without ansible_", q.Variable)
	case !slices.Contains(Kinds, q.Kind):
		return fmt.Errorf("%s: kind %.40q, want one of %v", q.Variable, q.Kind, Kinds)
	case (q.Kind == Choice || q.Kind == MultiSelect) && len(q.Choices) == 0:
		return fmt.Errorf("%s: there is nothing to choose from", q.Variable)
	case q.Kind == Password && q.Default != "":
		return fmt.Errorf("%s: a password has no default, which everybody would see", q.Variable)
	}
	if q.Default != "" {
		if _, err := q.answer(strings.Split(q.Default, "\n")); err != nil {
			return fmt.Errorf("default of %w", err)
		}
	}
	return nil
}

// answer reads what somebody typed. The error never has the answer to a password in it.
func (q *Question) answer(given []string) (any, error) {
	first := ""
	if len(given) > 0 {
		first = given[0]
	}
	switch q.Kind {
	case Integer:
		n, err := strconv.ParseInt(strings.TrimSpace(first), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %.40q is no whole number", q.Variable, first)
		}
		return n, q.between(float64(n), "")
	case Float:
		n, err := strconv.ParseFloat(strings.TrimSpace(first), 64)
		if err != nil || n != n || n-n != 0 {
			return nil, fmt.Errorf("%s: %.40q is no number", q.Variable, first)
		}
		return n, q.between(n, "")
	case Choice:
		return first, q.chosen(first)
	case MultiSelect:
		var errs []error
		for _, c := range given {
			errs = append(errs, q.chosen(c))
		}
		return given, errors.Join(errs...)
	}
	text := first
	if q.Kind == TextArea {
		text = strings.ReplaceAll(strings.Join(given, "\n"), "\r\n", "\n")
	}
	return text, q.between(float64(utf8.RuneCountInString(text)), " characters")
}

func (q *Question) chosen(c string) error {
	if !slices.Contains(q.Choices, c) {
		return fmt.Errorf("%s: %.40q is none of %s", q.Variable, c, strings.Join(q.Choices, ", "))
	}
	return nil
}

func (q *Question) between(n float64, unit string) error {
	if q.Min != nil && n < *q.Min {
		return fmt.Errorf("%s: %v%s, want at least %v", q.Variable, n, unit, *q.Min)
	}
	if q.Max != nil && n > *q.Max {
		return fmt.Errorf("%s: %v%s, want at most %v", q.Variable, n, unit, *q.Max)
	}
	return nil
}

// Answers are what somebody gave for a survey, by variable: texts as they were typed, several of a multiselect.
type Answers map[string][]string

// answers reads all answers of a survey. What is not asked is refused. Passwords come apart, since they are sealed.
func answers(survey []Question, given Answers) (open, hidden map[string]any, err error) {
	open, hidden = map[string]any{}, map[string]any{}
	var errs []error
	asked := map[string]bool{}
	for _, q := range survey {
		asked[q.Variable] = true
		typed := given[q.Variable]
		if len(typed) == 0 || len(typed) == 1 && typed[0] == "" {
			typed = nil
			if q.Default != "" {
				typed = strings.Split(q.Default, "\n")
			}
		}
		if typed == nil {
			if q.Required {
				errs = append(errs, fmt.Errorf("%s: an answer is wanted (%s)", q.Variable, q.Ask))
			}
			continue
		}
		v, err := q.answer(typed)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if q.Kind == Password {
			hidden[q.Variable] = v
		} else {
			open[q.Variable] = v
		}
	}
	for name := range given {
		if !asked[name] {
			errs = append(errs, fmt.Errorf("%.40q is not asked by the survey", name))
		}
	}
	return open, hidden, errors.Join(errs...)
}

// seal makes the hidden answers of a run unreadable for everybody but the run.
func (d *Desk) seal(id string, hidden map[string]any) ([]byte, error) {
	if len(hidden) == 0 {
		return nil, nil
	}
	text, err := json.Marshal(hidden)
	if err != nil {
		return nil, err
	}
	return d.box.Seal(place("answers", id), text)
}
