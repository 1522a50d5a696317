package rule

import "bytes"

func init() {
	Register(Kind{
		Name:    "shebangs-are-executable",
		Aliases: []string{"check-shebang-scripts-are-executable"},
		Help:    "a script with a first line that says what runs it is executable",
		Example: "{}",
		New: func(decode func(any) error) (any, error) {
			r := &shebangExecutable{}
			return r, decode(r)
		},
	})
}

type shebangExecutable struct{}

func (*shebangExecutable) Wants(f *File) bool { return f.Mode == Regular && f.Size > 2 }

func (*shebangExecutable) Check(f *File) ([]Finding, error) {
	if f.Mode != Regular {
		return nil, nil
	}
	return Text("shebangs-are-executable", f, func(text []byte) []Finding {
		// #![...] is an attribute of Rust and not the name of a program
		if !bytes.HasPrefix(text, []byte("#!")) || extension(f.Path) == "rs" && bytes.HasPrefix(text, []byte("#![")) {
			return nil
		}
		return []Finding{{Line: 1, Message: "the file has a #! line and is not executable; git update-index --chmod=+x it, or take the line out"}}
	})
}
