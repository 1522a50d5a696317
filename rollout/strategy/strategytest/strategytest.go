// Package strategytest is the conformance suite that every strategy must pass.
package strategytest

import (
	"fmt"
	"reflect"
	"testing"

	"goodstate.dev/goodstate/rollout/strategy"
	"goodstate.dev/goodstate/rollout/traffic"
)

// Conforms checks a strategy for services of 1 to 40 instances.
func Conforms(t *testing.T, s strategy.Strategy) {
	t.Helper()
	for instances := 1; instances <= 40; instances++ {
		if err := Problem(s, instances); err != nil {
			t.Error(err)
		}
	}
}

// Problem says what a strategy does wrong for a service with so many instances, nil if nothing.
func Problem(s strategy.Strategy, instances int) error {
	stages := s.Stages(instances)
	if !reflect.DeepEqual(stages, s.Stages(instances)) {
		return fmt.Errorf("%d instances: asked again, it gives other stages", instances)
	}
	if err := forward(stages, instances); err != nil {
		return fmt.Errorf("%d instances, forward: %w", instances, err)
	}
	for at := -1; at < len(stages); at++ {
		if err := back(s.Back(stages, at), stages, at, instances); err != nil {
			return fmt.Errorf("%d instances, back from stage %d of %d: %w", instances, at, len(stages), err)
		}
	}
	return nil
}

func forward(stages []strategy.Stage, instances int) error {
	if len(stages) == 0 {
		return fmt.Errorf("there is no stage")
	}
	was := strategy.Stage{Old: instances}
	names := map[string]bool{}
	for _, s := range stages {
		switch {
		case s.Name == "" || names[s.Name]:
			return fmt.Errorf("%+v has no name of its own", s)
		case s.Weight <= was.Weight || s.Weight > traffic.Full:
			return fmt.Errorf("%+v after weight %d: weights must grow to at most %d", s, was.Weight, traffic.Full)
		case s.New < was.New || s.Old > was.Old:
			return fmt.Errorf("%+v after %+v: the new release must not shrink, the old one not grow", s, was)
		case s.Hold <= 0:
			return fmt.Errorf("%+v is not judged", s)
		case s.Compare != (s.Weight < traffic.Full):
			return fmt.Errorf("%+v: the old release is beside exactly while it has traffic", s)
		}
		if err := served(s, instances); err != nil {
			return err
		}
		names[s.Name] = true
		was = s
	}
	if was.Weight != traffic.Full || was.New != instances {
		return fmt.Errorf("it ends at %+v, want all traffic on %d new instances", was, instances)
	}
	return nil
}

func back(way, stages []strategy.Stage, at, instances int) error {
	if len(way) == 0 {
		return fmt.Errorf("there is no way back")
	}
	weight, up := 0, 0
	if at >= 0 {
		weight, up = stages[at].Weight, stages[at].New
	}
	for _, s := range way {
		if s.Weight > weight || s.New > up {
			return fmt.Errorf("%+v: weight and new instances must not grow from %d and %d", s, weight, up)
		}
		if err := served(s, instances); err != nil {
			return err
		}
		weight, up = s.Weight, s.New
	}
	if last := way[len(way)-1]; last.Weight != 0 || last.New != 0 || last.Old != instances {
		return fmt.Errorf("it ends at %+v, want no traffic on the new release and %d old instances", last, instances)
	}
	return nil
}

// served says whether each side that has traffic has instances for it.
func served(s strategy.Stage, instances int) error {
	switch {
	case s.Weight > 0 && s.New == 0:
		return fmt.Errorf("%+v: traffic for a new release that is not up", s)
	case s.Weight < traffic.Full && s.Old == 0:
		return fmt.Errorf("%+v: traffic for an old release that is not up", s)
	case s.New < 0 || s.Old < 0 || s.New > instances || s.Old > instances:
		return fmt.Errorf("%+v: each release has 0 to %d instances", s, instances)
	}
	return nil
}
