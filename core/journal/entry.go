// Package journal is the truth about what goodstate did: an append-only record in which every entry carries the hash of the
// one before, so that a changed, missing or reordered entry is found. Pages, notices, reports and audits read nothing else.
package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// Entry is one thing that happened.
type Entry struct {
	Seq    int64           `json:"seq"`
	At     time.Time       `json:"at"`
	Run    string          `json:"run,omitempty"`
	Step   string          `json:"step,omitempty"`
	Event  string          `json:"event"`
	Target string          `json:"target,omitempty"`
	Actor  string          `json:"actor,omitempty"` // a person, or "goodstate"
	Text   string          `json:"text"`
	Data   json.RawMessage `json:"data,omitempty"`
	Key    string          `json:"key,omitempty"` // an entry with this key exists at most once
	Prev   string          `json:"prev"`
	Hash   string          `json:"hash"`
}

// digest is the SHA-256 over all fields and the hash before. Each field is preceded by its length, so that no two entries
// have the same bytes; the time counts in milliseconds, as it is stored.
func (e Entry) digest() string {
	h := sha256.New()
	var number [8]byte
	put := func(b []byte) {
		binary.BigEndian.PutUint64(number[:], uint64(len(b)))
		h.Write(number[:])
		h.Write(b)
	}
	for _, n := range []int64{e.Seq, e.At.UnixMilli()} {
		binary.BigEndian.PutUint64(number[:], uint64(n))
		h.Write(number[:])
	}
	for _, text := range []string{e.Run, e.Step, e.Event, e.Target, e.Actor, e.Text, e.Key, e.Prev} {
		put([]byte(text))
	}
	put(e.Data)
	return hex.EncodeToString(h.Sum(nil))
}

// redact passes every text of the entry through the function.
func (e *Entry) redact(clean func(string) string) error {
	e.Text = clean(e.Text)
	if len(e.Data) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(e.Data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return fmt.Errorf("data of journal entry %q: %w", e.Event, err)
	}
	data, err := json.Marshal(redacted(v, clean))
	if err != nil {
		return fmt.Errorf("data of journal entry %q: %w", e.Event, err)
	}
	e.Data = data
	return nil
}

func redacted(v any, clean func(string) string) any {
	switch v := v.(type) {
	case string:
		return clean(v)
	case []any:
		for i := range v {
			v[i] = redacted(v[i], clean)
		}
	case map[string]any:
		for k := range v {
			v[k] = redacted(v[k], clean)
		}
	}
	return v
}
