package signal

import (
	"fmt"
	"time"

	"goodstate.dev/goodstate/core/config"
)

// Spec is one signal of the configuration: where it is read, and what is held against it.
type Spec struct {
	config.Choice[Source] `yaml:",inline"`
	Limits                []Limit         `yaml:"limits" json:"limits,omitempty" help:"what the new release must not do: > or <, a value (5, 5%, 300ms, 256MiB, or 1.5x: times the old release's), and for how long" example:"[\"> 5% for 30s\", \"> 1.5x for 1m\"]"`
	Every                 config.Duration `yaml:"every" json:"every,omitempty" default:"5s" help:"time from one reading to the next"`
	Timeout               config.Duration `yaml:"timeout" json:"timeout,omitempty" default:"3s" help:"how long one reading may take; a slower one is not known"`
	Start                 config.Duration `yaml:"start" json:"start,omitempty" default:"30s" help:"how long the first reading of a release may take; a stage waits so long for it"`
	Samples               int             `yaml:"samples" json:"samples,omitempty" default:"3" help:"readings that a stage must have had before the signal can pass"`
}

// Validate reports what the single values cannot know of each other.
func (s *Spec) Validate(report func(path, message string)) {
	if s.Every < config.Duration(100*time.Millisecond) {
		report("every", fmt.Sprintf("%s, want 100ms or more", s.Every))
	}
	if s.Timeout <= 0 {
		report("timeout", fmt.Sprintf("%s, want more than 0s", s.Timeout))
	}
	if s.Samples < 1 {
		report("samples", fmt.Sprintf("%d, want 1 or more: what was never read cannot pass", s.Samples))
	}
	source, err := s.New()
	if err != nil {
		return // said where the source is
	}
	_, fixed := source.(absolute)
	w, ok := source.(whole)
	for i, l := range s.Limits {
		switch at := fmt.Sprintf("limits[%d]", i); {
		case !l.Times:
		case fixed:
			report(at, fmt.Sprintf("%s compares with the old release, which a signal of %s has no number of", l, s.Name()))
		case ok && w.whole():
			report(at, fmt.Sprintf("%s compares releases, and the query does not say of which one it is asked: put {{release}} or {{addresses}} into it", l))
		}
	}
}

// Relative says whether a limit compares with the old release.
func (s Spec) Relative() bool {
	for _, l := range s.Limits {
		if l.Times {
			return true
		}
	}
	return false
}
