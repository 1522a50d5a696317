package rollout

import (
	"context"
	"fmt"
	"strings"

	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/rollout/traffic"
)

// balancer is what carries the traffic, nil where it is goodstate's proxy.
func (t *Traffic) balancer() (traffic.Balancer, error) {
	if t == nil || t.Via.IsZero() {
		return nil, nil
	}
	b, err := t.Via.New()
	if err != nil {
		return nil, fmt.Errorf("traffic: %w", err)
	}
	return b, nil
}

// Blind says which signals the service's load balancer cannot tell, "" when it tells all.
func (t *Traffic) Blind() string {
	b, err := t.balancer()
	if b == nil || err != nil {
		return ""
	}
	return b.Blind()
}

// counted says whether the router tells what the releases answered.
func (t *Traffic) counted() bool {
	if t == nil {
		return false
	}
	b, err := t.balancer()
	u, ok := b.(traffic.Uncounting)
	return err != nil || !ok || !u.Uncounted()
}

// Look says what is missing for the service's load balancer to be used; nothing where goodstate's proxy is.
func (t *Traffic) Look(ctx context.Context) ([]good.Finding, error) {
	b, err := t.balancer()
	if b == nil || err != nil {
		return nil, err
	}
	return b.Look(ctx), nil
}

func (s *Service) validateTraffic(report func(path, message string)) {
	t := s.Traffic
	switch {
	case t == nil:
		return
	case t.Via.IsZero() && t.Listen == "":
		report("traffic.listen", "is missing: address of goodstate's proxy that users reach, such as 127.0.0.1:8080; or name a load balancer, such as haproxy")
	case !t.Via.IsZero() && t.Listen+t.Cert+t.Key != "":
		report("traffic", fmt.Sprintf("listen, cert and key are goodstate's proxy's, and %s carries the traffic: only one of them can", t.Via.Name()))
	}
	if (t.Cert == "") != (t.Key == "") {
		report("traffic", "cert and key go together, only one of them is given")
	}
	if !t.counted() && len(s.Signals.Keys()) == 0 && len(s.checksOn(AtStage)) == 0 {
		report("traffic", fmt.Sprintf("%s counts no answers, so nothing could tell a bad release from a good one: give signals, or checks with when: [stage]", t.Via.Name()))
	}
	for _, l := range s.Judge.Limits {
		if blind := t.Blind(); blind != "" && strings.HasPrefix(l.Metric, "p") {
			report("judge.limits", fmt.Sprintf("%s can never be told: %s", l, blind))
		}
	}
}
