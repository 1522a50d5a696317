package log

import (
	"context"
	"fmt"
	"time"

	"goodstate.dev/goodstate/core/audit"
	"goodstate.dev/goodstate/core/config"
)

// Config is `drift.logs` of goodstate.yaml.
type Config struct {
	Keep   config.Duration `yaml:"keep" json:"keep" default:"30d" help:"how long results are kept and can be searched; 0s keeps all"`
	Sinks  []audit.Rule    `yaml:"sinks" json:"sinks,omitempty" help:"where every result is handed on to, at least once and in order, beside the runs; a new sink begins with what comes then"`
	Behind int64           `yaml:"behind" json:"behind" default:"5000000" help:"how many results a sink may be behind; what is older is dropped for it, counted and said"`
}

// Validate reports bounds that cannot be.
func (c *Config) Validate(report func(path, message string)) {
	if c.Behind < 1 {
		report("behind", fmt.Sprintf("%d, want at least 1", c.Behind))
	}
	if c.Keep < 0 {
		report("keep", fmt.Sprintf("%s, want a time that is not negative", c.Keep))
	}
}

// shipBatch is how many results are handed on at once.
const shipBatch = 1000

// Shipping is the log as a sink's exporter reads it.
func (l *Log) Shipping(c Config, tell func(ctx context.Context, event, text string)) *audit.Other {
	return &audit.Other{Source: spool{l}, Name: "drift", Called: "log of results", Batch: shipBatch, Most: c.Behind, Tell: tell}
}

// spool is the log as a source: what was recorded is on the disk already.
type spool struct{ *Log }

// After returns what came after an entry.
func (s spool) After(ctx context.Context, seq int64, most int) ([]audit.Record, error) {
	list, err := s.read(ctx, "SELECT "+columns+" FROM drift_results r"+joins+" WHERE r.seq > ? ORDER BY r.seq LIMIT ?", seq, most)
	if err != nil {
		return nil, err
	}
	out := make([]audit.Record, len(list))
	for i, e := range list {
		out[i] = e.record()
	}
	return out, nil
}

// Woken is nil, which never wakes: results are written by whatever process carries a run out, and looked for every second.
func (spool) Woken() <-chan struct{} { return nil }

// record is an entry as sinks take it.
func (e Entry) record() audit.Record {
	return audit.Record{
		Log: "drift", Seq: e.Seq, At: e.At, Event: "task-" + e.Status, Severity: e.severity(), Text: e.String(), Whole: e,
		Fields: []audit.Field{
			{Name: "run", Value: e.Run},
			{Name: "playbook", Value: e.Playbook},
			{Name: "mode", Value: e.Mode},
			{Name: "actor", Value: e.Who},
			{Name: "host", Value: e.Host},
			{Name: "play", Value: e.Play},
			{Name: "task", Value: e.Task},
			{Name: "module", Value: e.Action},
			{Name: "item", Value: e.Item},
			{Name: "status", Value: e.Status},
			{Name: "diff", Value: e.Diff},
		},
	}
}

func (e Entry) severity() int {
	switch e.Status {
	case "failed", "unreachable":
		return audit.SeverityError
	case "ignored", "uncheckable":
		return audit.SeverityWarning
	case "changed":
		return audit.SeverityNotice
	}
	return audit.SeverityInfo
}

// String is the entry on one line, without its difference.
func (e Entry) String() string {
	text := e.Host + ": " + e.Task
	if e.Item != "" {
		text += " (" + e.Item + ")"
	}
	text += ": " + e.Status
	if e.Text != "" {
		text += ": " + e.Text
	}
	return text
}

// Clock is how a time of the log is shown.
func Clock(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }
