package strategy

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/rollout/traffic"
)

func init() {
	config.Register(config.Kind[Strategy]{
		Name:    "rolling",
		Help:    "replace the instances of the old release in batches; traffic follows the share of new instances",
		Example: "rolling: {batch: 25%, unavailable: 1, surge: 0, hold: 30s}",
		New: func(decode func(any) error) (Strategy, error) {
			r := &Rolling{Batch: Count{N: 1}, Hold: config.Duration(30 * time.Second), Way: AtOnce}
			return r, decode(r)
		},
	})
}

// Rolling replaces instances batch by batch. A batch is no larger than there is room for: surge is how many instances more
// than usual may run for a moment, unavailable how many fewer. Where surge has room, new instances are up before old ones
// stop. With neither given there is room for one batch more. A sole instance is never stopped before its successor is up.
type Rolling struct {
	Batch       Count           `yaml:"batch" help:"how many instances are replaced at a time: a number, or a share like 25%"`
	Unavailable *Count          `yaml:"unavailable" help:"how many instances may be missing for a moment: a number or a share" example:"1"`
	Surge       *Count          `yaml:"surge" help:"how many instances more than usual may run for a moment: a number or a share (default: one batch if unavailable is not given, else 0)" example:"1"`
	Hold        config.Duration `yaml:"hold" help:"how long the service is judged after each batch"`
	Way         string          `yaml:"back" enum:"at-once,steps" help:"way back: all traffic at once, or batch by batch"`
}

// Validate reports settings that leave no room to replace anything.
func (r *Rolling) Validate() error {
	if r.Batch.zero() {
		return errors.New("batch: 0 instances at a time replace nothing, want 1 or more")
	}
	if r.Surge != nil && r.Surge.zero() && (r.Unavailable == nil || r.Unavailable.zero()) {
		return errors.New("unavailable and surge are both 0, so that no instance can ever be replaced: allow 1 of either")
	}
	if r.Hold <= 0 {
		return errors.New("hold: nothing can be judged in no time, want 10s or more")
	}
	return nil
}

// Stages replaces one batch a stage.
func (r *Rolling) Stages(instances int) []Stage {
	batch, oldFirst := r.room(instances)
	batches := (instances + batch - 1) / batch
	stages := make([]Stage, 0, batches)
	for i := range batches {
		up := min((i+1)*batch, instances)
		stages = append(stages, Stage{
			Name: fmt.Sprintf("batch %d of %d", i+1, batches), Weight: up * traffic.Full / instances, New: up, Old: instances - up,
			OldFirst: oldFirst, Hold: time.Duration(r.Hold), Compare: up < instances,
		})
	}
	return stages
}

// room is how many instances are replaced at a time, and whether old ones have to stop first for it.
func (r *Rolling) room(instances int) (batch int, oldFirst bool) {
	batch = r.Batch.of(instances)
	surge, missing := 0, 0
	if r.Unavailable != nil {
		missing = min(r.Unavailable.of(instances), instances-1)
	}
	switch {
	case r.Surge != nil:
		surge = r.Surge.of(instances)
	case r.Unavailable == nil:
		surge = batch
	}
	if surge == 0 && missing == 0 { // one instance only
		surge = 1
	}
	batch = min(batch, max(surge, missing))
	return batch, batch > surge
}

// Back starts the old instances again and then takes all traffic back; while at least half of the old ones are still up,
// they get all traffic first. In steps it undoes batch after batch.
func (r *Rolling) Back(forward []Stage, at int) []Stage {
	if at < 0 {
		return []Stage{home(forward)}
	}
	at = min(at, len(forward)-1)
	here := forward[at]
	if r.Way == InSteps {
		var back []Stage
		for _, s := range slices.Backward(forward[:at]) {
			s.Name, s.Hold, s.OldFirst = fmt.Sprintf("back to %d new instances", s.New), stepHold(s.Hold), false
			back = append(back, s)
		}
		return append(back, home(forward))
	}
	if here.Old > 0 && here.Old >= here.New {
		return []Stage{{Name: "traffic back", New: here.New, Old: here.Old}, home(forward)}
	}
	return []Stage{home(forward)}
}

// Count is a number of instances, or a share of them: "1" or "25%".
type Count struct {
	N     int
	Share config.Percent
}

func (c Count) zero() bool { return c.N == 0 && c.Share == 0 }

// of resolves the count for a service; a share that is not 0 is at least one instance.
func (c Count) of(instances int) int {
	if c.Share > 0 {
		return instancesFor(int(c.Share), instances)
	}
	return min(c.N, instances)
}

// UnmarshalText reads "1" or "25%".
func (c *Count) UnmarshalText(text []byte) error {
	if n := len(text); n > 0 && text[n-1] == '%' {
		*c = Count{}
		if err := c.Share.UnmarshalText(text); err != nil {
			return err
		}
		if c.Share < 0 || c.Share > traffic.Full {
			return fmt.Errorf("%s, want a share between 0%% and 100%%", text)
		}
		return nil
	}
	n, err := strconv.Atoi(string(text))
	if err != nil || n < 0 {
		return fmt.Errorf("%q is no number of instances, want for example 1 or 25%%", text)
	}
	*c = Count{N: n}
	return nil
}

// MarshalText writes what UnmarshalText reads.
func (c Count) MarshalText() ([]byte, error) {
	if c.Share > 0 {
		return []byte(c.Share.String()), nil
	}
	return strconv.AppendInt(nil, int64(c.N), 10), nil
}
