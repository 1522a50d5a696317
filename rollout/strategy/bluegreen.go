package strategy

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/rollout/traffic"
)

func init() {
	config.Register(config.Kind[Strategy]{
		Name:    "bluegreen",
		Help:    "start the new release in full beside the old one and move all traffic at once",
		Example: "bluegreen: {compare: 5% for 30s, hold: 1m}",
		New: func(decode func(any) error) (Strategy, error) {
			b := &BlueGreen{Hold: config.Duration(time.Minute)}
			return b, decode(b)
		},
	})
}

// BlueGreen moves all traffic at once to a new release that is already up in full. The old one stays up until the end.
type BlueGreen struct {
	Compare Slice           `yaml:"compare" help:"a shared slice before the switch, in which the new release is judged against the old one under the same load; without it the old one's recent minutes must do" example:"5% for 30s"`
	Hold    config.Duration `yaml:"hold" help:"how long the new release is judged after the switch"`
}

// Validate reports a hold that judges nothing.
func (b *BlueGreen) Validate() error {
	if b.Hold <= 0 {
		return errors.New("hold: nothing can be judged in no time, want 10s or more")
	}
	return nil
}

// Stages is the shared slice, if one is wanted, and the switch.
func (b *BlueGreen) Stages(instances int) []Stage {
	var stages []Stage
	if b.Compare.Share > 0 {
		stages = append(stages, Stage{
			Name: "compare at " + percent(int(b.Compare.Share)), Weight: int(b.Compare.Share), New: instances, Old: instances,
			Hold: time.Duration(b.Compare.For), Compare: true,
		})
	}
	return append(stages, Stage{Name: "switch", Weight: traffic.Full, New: instances, Old: instances, Hold: time.Duration(b.Hold)})
}

// Back switches all traffic back at once, from everywhere.
func (b *BlueGreen) Back(forward []Stage, _ int) []Stage { return []Stage{home(forward)} }

// Slice is a share of the traffic for some time, as text "5% for 30s".
type Slice struct {
	Share config.Percent
	For   config.Duration
}

// UnmarshalText reads "5% for 30s".
func (s *Slice) UnmarshalText(text []byte) error {
	share, span, ok := strings.Cut(string(text), " for ")
	if !ok {
		return fmt.Errorf("%q is no share for a time, want for example 5%% for 30s", text)
	}
	if err := s.Share.UnmarshalText([]byte(strings.TrimSpace(share))); err != nil {
		return err
	}
	if err := s.For.UnmarshalText([]byte(strings.TrimSpace(span))); err != nil {
		return err
	}
	if s.Share <= 0 || s.Share >= traffic.Full || s.For <= 0 {
		return fmt.Errorf("%q: want a share between 0%% and 100%%, and a time above 0s", text)
	}
	return nil
}

// MarshalText writes what UnmarshalText reads; no slice is the empty text.
func (s Slice) MarshalText() ([]byte, error) {
	if s.Share == 0 {
		return nil, nil
	}
	span, err := s.For.MarshalText()
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%s for %s", s.Share, span), nil
}
