package rule

import (
	"errors"
	"fmt"
)

func init() {
	Register(Kind{
		Name:    "forbidden-paths",
		Help:    "no file has a path that is not wanted in the repository",
		Example: "{paths: [\"*.pem\", \".env\", \"node_modules/\"], except: [.env.example]}",
		New: func(decode func(any) error) (any, error) {
			r := &forbiddenPaths{}
			if err := decode(r); err != nil {
				return nil, err
			}
			if len(r.Paths) == 0 {
				return nil, errors.New("rule forbidden-paths: option paths is empty, want patterns such as *.pem")
			}
			var err error
			if r.paths, err = newGlobs("forbidden-paths", r.Paths); err != nil {
				return nil, err
			}
			r.except, err = newGlobs("forbidden-paths", r.Except)
			return r, err
		},
	})
}

type forbiddenPaths struct {
	Paths  []string `json:"paths"`
	Except []string `json:"except"`
	Why    string   `json:"why"` // said to who adds one
	paths  []glob
	except []glob
}

func (r *forbiddenPaths) Wants(f *File) bool {
	_, hit := matchAny(r.paths, f.Path)
	return hit
}

func (r *forbiddenPaths) Check(f *File) ([]Finding, error) {
	g, hit := matchAny(r.paths, f.Path)
	if _, fine := matchAny(r.except, f.Path); !hit || fine {
		return nil, nil
	}
	why := r.Why
	if why == "" {
		why = "take it out of the commit, and add it to .gitignore"
	}
	return []Finding{{Rule: "forbidden-paths", Path: f.Path, Message: fmt.Sprintf("paths of the pattern %s are not allowed; %s", g.text, why)}}, nil
}
