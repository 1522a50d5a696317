package log

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"goodstate.dev/goodstate/core/store"
)

// The index of words is made here and not by a migration, because every database has its own: this one is SQLite's FTS5. It holds words only, the texts stay where
// runs have recorded them. It is filled beside the runs, so that no run waits for it, and a search fills it up first.

// prepare makes the index.
func (l *Log) prepare(ctx context.Context) error {
	_, err := l.db.ExecContext(ctx, `CREATE VIRTUAL TABLE IF NOT EXISTS drift_log USING fts5(host, play, task, action, item, text, diff, content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 2')`)
	if err != nil {
		return store.Advise(fmt.Errorf("make the index of the log of results: %w", err))
	}
	return nil
}

const (
	indexStep  = 2000            // entries in one transaction, so that a run that writes waits only shortly
	searchWait = 3 * time.Second // how long a search fills the index up before it looks
)

// catchUp puts the words of new entries into the index, for so long at most, and says how many are left.
func (l *Log) catchUp(ctx context.Context, most time.Duration) (behind int64, err error) {
	until := time.Now().Add(most)
	for {
		n, err := l.index(ctx)
		if err != nil {
			return 0, store.Advise(fmt.Errorf("index the log of results: %w", err))
		}
		if n < indexStep {
			return 0, nil
		}
		if time.Now().After(until) {
			return l.behind(ctx)
		}
	}
}

const indexed = `(SELECT COALESCE(MAX(id), 0) FROM drift_log_docsize)`

func (l *Log) index(ctx context.Context) (n int64, err error) {
	done, err := l.db.ExecContext(ctx, `INSERT INTO drift_log (rowid, host, play, task, action, item, text, diff)
		SELECT r.seq, r.host, r.play, r.task, r.action, r.item, r.text, COALESCE(c.diff, '') FROM drift_results r LEFT JOIN drift_causes c ON c.cause = r.cause
		WHERE r.seq > `+indexed+` ORDER BY r.seq LIMIT ?`, indexStep)
	if err != nil {
		return 0, err
	}
	return done.RowsAffected()
}

func (l *Log) behind(ctx context.Context) (n int64, err error) {
	err = l.db.QueryRowContext(ctx, `SELECT COUNT(*) FROM drift_results WHERE seq > `+indexed).Scan(&n)
	return n, err
}

// Match says what somebody typed in FTS5's language. All words must be there; "several words" stand beside each other, word* begins with it, -word is not there, and
// host:web1 or task:"restart nginx" look in one column only. Nothing else of the language can be typed.
func Match(query string) (string, error) {
	var with, without []string
	for rest := strings.TrimSpace(query); rest != ""; rest = strings.TrimSpace(rest) {
		var t term
		t, rest = next(rest)
		if text := t.match(); text == "" {
			continue
		} else if t.not {
			without = append(without, text)
		} else {
			with = append(with, text)
		}
	}
	if len(with) == 0 {
		return "", errors.New("the search has no word to look for; want for example: nginx \"permission denied\" -debug host:web1")
	}
	out := strings.Join(with, " AND ")
	if len(without) > 0 {
		out = "(" + out + ") NOT (" + strings.Join(without, " OR ") + ")"
	}
	return out, nil
}

// term is one word or phrase of a search.
type term struct {
	not    bool
	column string
	text   string
	begins bool
}

var columnNames = map[string]bool{"host": true, "play": true, "task": true, "action": true, "item": true, "text": true, "diff": true}

// next takes the first term off a search.
func next(q string) (t term, rest string) {
	if after, ok := strings.CutPrefix(q, "-"); ok {
		t.not, q = true, after
	}
	if name, after, ok := strings.Cut(q, ":"); ok && columnNames[name] {
		t.column, q = name, after
	}
	if after, ok := strings.CutPrefix(q, `"`); ok {
		t.text, rest, _ = strings.Cut(after, `"`)
	} else if end := strings.IndexFunc(q, unicode.IsSpace); end >= 0 {
		t.text, rest = q[:end], q[end:]
	} else {
		t.text = q
	}
	if strings.HasPrefix(rest, "*") {
		t.begins, rest = true, rest[1:]
	}
	if text, ok := strings.CutSuffix(t.text, "*"); ok {
		t.begins, t.text = true, text
	}
	return t, rest
}

// match is the term in quotes; empty: there is no letter and no digit in it, which is nothing to look for.
func (t term) match() string {
	if strings.IndexFunc(t.text, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) < 0 {
		return ""
	}
	text := `"` + strings.ReplaceAll(strings.ReplaceAll(t.text, "\x00", ""), `"`, `""`) + `"`
	if t.begins {
		text += "*"
	}
	if t.column != "" {
		text = t.column + " : " + text
	}
	return text
}
