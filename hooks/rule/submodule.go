package rule

func init() {
	Register(Kind{
		Name:    "forbid-submodules",
		Aliases: []string{"forbid-new-submodules"},
		Help:    "the repository has no submodules",
		Example: "{new: false}",
		As:      map[string]map[string]any{"forbid-new-submodules": {"new": true}},
		New: func(decode func(any) error) (any, error) {
			r := &submodules{}
			return r, decode(r)
		},
	})
}

type submodules struct {
	New bool `json:"new"` // those that are there already may change
}

func (r *submodules) Wants(f *File) bool {
	return f.Mode == Submodule && (!r.New || f.Old != Submodule)
}

func (r *submodules) Check(f *File) ([]Finding, error) {
	if !r.Wants(f) {
		return nil, nil
	}
	return []Finding{{
		Rule: "forbid-submodules", Path: f.Path,
		Message: "is a submodule, and none are allowed here; git rm --cached it, and depend on the other repository by a package",
	}}, nil
}
