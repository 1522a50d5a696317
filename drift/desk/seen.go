package desk

import (
	"context"
	"strings"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/drift/engine"
	"goodstate.dev/goodstate/drift/record"
)

// sighting hands what a run saw of its hosts to the record of drift. Every run has a folder of its own, of which nothing may be in the record: what is
// equal has to look equal the next time.
type sighting struct {
	*record.Recorder
	bare *strings.Replacer
}

// bare takes the folder out of a text.
func bare(files string) *strings.Replacer { return strings.NewReplacer(files+"/", "", files, ".") }

// sight begins a run in the record. Hosts are compared over time under the template's name, since its inventory and variables are part of what is wanted.
func (d *Desk) sight(ctx context.Context, r *run.Run, o Order, files string, s *secrets) (*sighting, error) {
	info, err := d.Engine.Get(ctx, r.ID())
	if err != nil {
		return nil, err
	}
	mode := record.Correct
	if o.Check {
		mode = record.Detect
	}
	rec, err := d.seen.Begin(context.WithoutCancel(ctx), record.Start{
		ID: r.ID(), Playbook: Target(o.Template.Project, o.Template.Name), Mode: mode, Who: info.Who, Why: info.Why, Partial: len(o.Template.Tags)+len(o.Template.SkipTags) > 0,
	})
	if err != nil {
		return nil, err
	}
	for _, v := range s.values {
		rec.Opened(v)
	}
	return &sighting{rec, bare(files)}, nil
}

// fingerprint is the record's, of texts without the folder.
func (d *Desk) fingerprint(files string) func(parts ...[]byte) string {
	names := bare(files)
	return func(parts ...[]byte) string {
		clean := make([][]byte, len(parts))
		for i, p := range parts {
			clean[i] = []byte(names.Replace(string(p)))
		}
		return d.seen.Fingerprint(clean...)
	}
}

// Event takes a result.
func (s *sighting) Event(e engine.Event) {
	if e.Task != nil {
		t := *e.Task
		t.Path = inProject(t.Path)
		e.Task = &t
	}
	if e.Result != nil {
		e.Result, _ = s.without(e.Result).(*py.Dict)
	}
	s.Recorder.Event(e)
}

// without takes the folder out of all texts; what has none in it stays the same value.
func (s *sighting) without(v any) any {
	switch v := v.(type) {
	case string:
		return s.bare.Replace(v)
	case py.Unsafe:
		return py.Unsafe(s.bare.Replace(string(v)))
	case *py.List:
		out := py.NewList()
		for _, item := range v.Items {
			out.Items = append(out.Items, s.without(item))
		}
		return out
	case *py.Dict:
		out := v.Copy()
		for key, item := range v.All() {
			out.Set(key, s.without(item))
		}
		return out
	}
	return v
}

// both tells two reporters the same.
type both [2]engine.Reporter

// Event takes a result.
func (b both) Event(e engine.Event) {
	for _, r := range b {
		r.Event(e)
	}
}
