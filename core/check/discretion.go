package check

import (
	"cmp"
	"context"
	"encoding/base64"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"goodstate.dev/goodstate/core/good"
)

// discretion remembers the secrets that one look was given, to keep them out of what it says: targets echo headers, and
// servers quote connection strings.
type discretion struct {
	mu    sync.Mutex
	names map[string]string // by value
}

const shortestHidden = 4 // hiding shorter values would mangle every text

// over wraps the source of secrets.
func (d *discretion) over(source func(context.Context, string) (string, error)) func(context.Context, string) (string, error) {
	if source == nil {
		return nil
	}
	return func(ctx context.Context, name string) (string, error) {
		value, err := source(ctx, name)
		if err == nil {
			d.keep(name, value)
		}
		return value, err
	}
}

func (d *discretion) keep(name, value string) {
	if len(value) < shortestHidden {
		return
	}
	quoted := strconv.Quote(value)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.names == nil {
		d.names = map[string]string{}
	}
	for _, form := range []string{
		value, strings.TrimSpace(value), url.QueryEscape(value), url.PathEscape(value), quoted[1 : len(quoted)-1],
		base64.StdEncoding.EncodeToString([]byte(value)), base64.URLEncoding.EncodeToString([]byte(value)),
	} {
		if len(form) >= shortestHidden {
			d.names[form] = name
		}
	}
}

// clean replaces every value by its name, the longest first.
func (d *discretion) clean(text string) string {
	if text == "" {
		return text
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	values := make([]string, 0, len(d.names))
	for v := range d.names {
		values = append(values, v)
	}
	slices.SortFunc(values, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	for _, v := range values {
		text = strings.ReplaceAll(text, v, "(secret "+d.names[v]+")")
	}
	for _, v := range values {
		text = withoutBegun(text, v, "(secret "+d.names[v]+")")
	}
	return text
}

// withoutBegun replaces the beginning of a value where a text was cut in the middle of it.
func withoutBegun(text, value, name string) string {
	const cut = " ..." // as excerpt writes it
	kept, was := strings.CutSuffix(text, cut)
	for n := len(value) - 1; was && n >= shortestHidden; n-- {
		if rest, found := strings.CutSuffix(kept, value[:n]); found {
			return rest + name + cut
		}
	}
	return text
}

func (d *discretion) finding(f good.Finding) good.Finding {
	f.Observed, f.Wanted = d.clean(f.Observed), d.clean(f.Wanted)
	f.Detail, f.Hint = d.clean(f.Detail), d.clean(f.Hint)
	return f
}
