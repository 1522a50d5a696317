// Package condition decides by expressions (CEL) over what is known of a release: checks, signals, traffic, alerts, reports. It is
// pure. What is not known is unknown in an expression too: `true || unknown` is true and `false && unknown` is false, everything else
// that needs it is unknown, and a condition that is unknown is never true.
package condition

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"

	"goodstate.dev/goodstate/core/config"
)

// Spec is one condition of the configuration.
type Spec struct {
	When string          `yaml:"when" json:"when" required:"true" help:"expression in CEL that is true when the release is bad: over checks.NAME (\"pass\" or \"fail\"), signals.NAME, old_signals.NAME, new.errors, old.errors, new.requests, new.p99 (seconds), new.cpu, new.memory, new.restarts, alerts (names) and reports" example:"checks.home == \"fail\" && signals.unsold > 0.05"`
	For  config.Duration `yaml:"for" json:"for,omitempty" help:"how long it has to be true; without it once is enough" example:"30s"`
	Do   string          `yaml:"do" json:"do,omitempty" default:"rollback" enum:"rollback,pause" help:"what is done then: the release goes back, or a person is asked"`
}

// What a condition can do.
const (
	Rollback = "rollback"
	Pause    = "pause"
)

// Names are what expressions of a service can be about.
type Names struct {
	Checks, Signals []string
}

// metrics are what is known of the traffic and the instances of a release.
var metrics = []string{"errors", "requests", "p50", "p90", "p99", "cpu", "memory", "restarts"}

const (
	mostLength = 2000
	mostCost   = 100_000 // of one evaluation, in CEL's units
)

var unfit = regexp.MustCompile(`[^A-Za-z0-9_]`)

// Ident is a name as expressions have it: what CEL does not allow in one is an underscore.
func Ident(name string) string {
	name = unfit.ReplaceAllString(name, "_")
	if name != "" && name[0] >= '0' && name[0] <= '9' {
		name = "_" + name
	}
	return name
}

// Expression is a condition made ready.
type Expression struct {
	program cel.Program
	names   []string // of all variables that there are
	used    []string // by this expression
}

// variables are all names with their types.
func (n Names) variables() map[string]*cel.Type {
	all := map[string]*cel.Type{"alerts": cel.ListType(cel.StringType), "reports": cel.DoubleType}
	for _, m := range metrics {
		all["new."+m], all["old."+m] = cel.DoubleType, cel.DoubleType
	}
	for _, c := range n.Checks {
		all["checks."+Ident(c)] = cel.StringType
	}
	for _, s := range n.Signals {
		all["signals."+Ident(s)], all["old_signals."+Ident(s)] = cel.DoubleType, cel.DoubleType
	}
	return all
}

// Compile reads an expression. Its errors say the place in the expression, and which names there are.
func Compile(when string, n Names) (*Expression, error) {
	if len(when) > mostLength {
		return nil, fmt.Errorf("the expression has %d characters, at most %d are read", len(when), mostLength)
	}
	all := n.variables()
	options := []cel.EnvOption{cel.CrossTypeNumericComparisons(true)}
	names := slices.Sorted(maps.Keys(all))
	for _, name := range names {
		options = append(options, cel.Variable(name, all[name]))
	}
	env, err := cel.NewEnv(options...)
	if err != nil {
		return nil, fmt.Errorf("expressions: %w", err)
	}
	ast, issues := env.Compile(when)
	if issues != nil && issues.Err() != nil {
		var lines []string
		for _, e := range issues.Errors() {
			lines = append(lines, fmt.Sprintf("line %d, column %d: %s", e.Location.Line(), e.Location.Column()+1, e.Message))
		}
		text := strings.Join(lines, "; ")
		if strings.Contains(text, "undeclared reference") {
			text += "; there are " + strings.Join(names, ", ")
		}
		return nil, fmt.Errorf("%s", text)
	}
	if ast.OutputType() != cel.BoolType {
		return nil, fmt.Errorf("line 1, column 1: the expression is a %s, want one that is true or false", ast.OutputType())
	}
	program, err := env.Program(ast, cel.EvalOptions(cel.OptPartialEval), cel.CostLimit(mostCost))
	if err != nil {
		return nil, fmt.Errorf("expression %q: %w", when, err)
	}
	e := &Expression{program: program, names: names}
	for _, name := range names {
		if regexp.MustCompile(`(?:^|[^A-Za-z0-9_.])` + regexp.QuoteMeta(name) + `(?:[^A-Za-z0-9_]|$)`).MatchString(when) {
			e.used = append(e.used, name)
		}
	}
	return e, nil
}

// Uses says whether the expression is about a name that begins so.
func (e *Expression) Uses(prefix string) bool {
	return slices.ContainsFunc(e.used, func(name string) bool { return strings.HasPrefix(name, prefix) })
}

// Values are what is known now; a name that is missing is unknown.
type Values map[string]any

// Holds evaluates the expression. known is false where the answer needs something that is not known.
func (e *Expression) Holds(v Values) (holds, known bool, err error) {
	var unknown []*cel.AttributePatternType
	vars := map[string]any{}
	for _, name := range e.names {
		if value, ok := v[name]; ok {
			vars[name] = value
		} else {
			unknown = append(unknown, cel.AttributePattern(name))
		}
	}
	partial, err := cel.PartialVars(vars, unknown...)
	if err != nil {
		return false, false, fmt.Errorf("values of an expression: %w", err)
	}
	out, _, err := e.program.Eval(partial)
	if err != nil {
		return false, false, err
	}
	if types.IsUnknown(out) {
		return false, false, nil
	}
	b, ok := out.Value().(bool)
	return b && ok, ok, nil
}

// Seen says the values that the expression is about.
func (e *Expression) Seen(v Values) string {
	var all []string
	for _, name := range e.used {
		switch value := v[name].(type) {
		case nil:
			all = append(all, name+" is not known")
		case float64:
			all = append(all, fmt.Sprintf("%s is %.4g", name, value))
		default:
			all = append(all, fmt.Sprintf("%s is %v", name, value))
		}
	}
	return strings.Join(all, ", ")
}

// Track follows one condition through a rollout.
type Track struct {
	since time.Time // true since
}

// Observe takes one evaluation, and says whether the condition has been true for its whole time. An unknown one neither counts nor begins the time again.
func (t *Track) Observe(at time.Time, holds, known bool, need time.Duration) bool {
	switch {
	case !known:
		return false
	case !holds:
		t.since = time.Time{}
		return false
	case t.since.IsZero():
		t.since = at
	}
	return at.Sub(t.since) >= need
}
