package rule

import "bytes"

func init() {
	Register(Kind{
		Name:    "executables-have-shebangs",
		Aliases: []string{"check-executables-have-shebangs"},
		Help:    "an executable text file says in its first line what runs it",
		Example: "{}",
		New: func(decode func(any) error) (any, error) {
			r := &executableShebang{}
			return r, decode(r)
		},
	})
}

type executableShebang struct{}

func (*executableShebang) Wants(f *File) bool { return f.Mode == Executable }

func (*executableShebang) Check(f *File) ([]Finding, error) {
	if f.Mode != Executable {
		return nil, nil
	}
	return Text("executables-have-shebangs", f, func(text []byte) []Finding {
		if bytes.HasPrefix(text, []byte("#!")) {
			return nil
		}
		return []Finding{{Line: 1, Message: "the file is executable and has no #! line; add one, or git update-index --chmod=-x it"}}
	})
}
