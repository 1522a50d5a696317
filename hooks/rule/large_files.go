package rule

import "fmt"

func init() {
	Register(Kind{
		Name:    "large-files",
		Aliases: []string{"check-added-large-files"},
		Help:    "no file is larger than a limit",
		Example: "{max: 500, all: false}",
		Args: []Arg{
			{Flags: []string{"--maxkb"}, Option: "max", Takes: Number},
			{Flags: []string{"--enforce-all"}, Option: "all"},
		},
		New: func(decode func(any) error) (any, error) {
			r := &largeFiles{Max: 500}
			if err := decode(r); err != nil {
				return nil, err
			}
			if r.Max < 1 {
				return nil, fmt.Errorf("rule large-files: option max is %d, want at least 1 KiB", r.Max)
			}
			return r, nil
		},
	})
}

// largeFiles needs no content, so it judges files of any size. What Git LFS keeps elsewhere is recorded as a pointer of some hundred bytes and passes.
type largeFiles struct {
	Max int64 `json:"max"` // KiB; a file of exactly so many passes
	All bool  `json:"all"` // also files that were there before the change
}

func (r *largeFiles) Wants(f *File) bool {
	return f.HasText() && f.Size > r.Max<<10 && (r.All || f.Old == 0)
}

func (r *largeFiles) Check(f *File) ([]Finding, error) {
	if !r.Wants(f) {
		return nil, nil
	}
	kib := (f.Size + 1023) >> 10
	return []Finding{{
		Rule: "large-files", Path: f.Path,
		Message: fmt.Sprintf("%d KiB, at most %d are allowed; keep it in Git LFS or outside of the repository", kib, r.Max),
	}}, nil
}
