package audit

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/journal"
)

// Record is one entry of a log as sinks take it.
type Record struct {
	Log      string // which log it is of: journal, drift
	Seq      int64  // its place in the log, by which a receiver can tell what it has twice
	At       time.Time
	Event    string // what kind of entry it is
	Severity int    // of RFC 5424: 3 error, 4 warning, 5 notice, 6 informational
	Text     string
	Fields   []Field
	Whole    any // the entry as JSON has it
}

// Field is a named part of a record; an empty value is left out.
type Field struct{ Name, Value string }

// Severities of RFC 5424.
const (
	SeverityError   = 3
	SeverityWarning = 4
	SeverityNotice  = 5
	SeverityInfo    = 6
)

// dataMost bounds the data of an entry in a field, in bytes.
const dataMost = 4 << 10

// recordOf is an entry of the journal.
func recordOf(e journal.Entry) Record {
	return Record{
		Log: "journal", Seq: e.Seq, At: e.At, Event: e.Event, Severity: severityOf(e), Text: e.Text, Whole: e,
		Fields: []Field{{"run", e.Run}, {"step", e.Step}, {"event", e.Event}, {"target", e.Target}, {"actor", e.Actor}, {"hash", e.Hash}, {"prev", e.Prev}, {"data", string(e.Data)}},
	}
}

// severityOf tells what somebody should look at from the rest.
func severityOf(e journal.Entry) int {
	switch {
	case strings.HasSuffix(e.Event, "-refused"), strings.HasSuffix(e.Event, "-paused"), e.Event == "trigger", strings.HasPrefix(e.Event, "trigger-"), e.Event == "audit-behind",
		e.Event == "drift-log-behind", e.Event == "drift-log-dropped":
		return SeverityWarning
	case e.Event == "finding":
		return SeverityInfo
	}
	return SeverityNotice
}

// size is about how many bytes a record takes on its way.
func (r Record) size() int {
	n := len(r.Text) + 300
	for _, f := range r.Fields {
		n += len(f.Value)
	}
	return n
}

// line writes the record as a line of JSON.
func (r Record) line(out *json.Encoder) error { return out.Encode(r.Whole) }

func (r Record) seq() string { return strconv.FormatInt(r.Seq, 10) }
