package secrets

import (
	"strings"
	"testing"
)

// BenchmarkScan searches a megabyte of what the corpus has between source code, and a megabyte of source code alone.
func BenchmarkScan(b *testing.B) {
	code := strings.Repeat("func (s *store) put(ctx context.Context, key string, value []byte) error {\n\tif len(key) == 0 {\n\t\treturn errNoKey\n\t}\n\treturn s.db.Exec(ctx, insert, key, value)\n}\n\n", 6)
	var mixed strings.Builder
	for _, r := range corpus(b) {
		mixed.WriteString(r.Content + "\n" + code)
		if mixed.Len() > 1<<20 {
			break
		}
	}
	for name, text := range map[string]string{"secrets": mixed.String(), "code": strings.Repeat(code, 1<<20/len(code))} {
		b.Run(name, func(b *testing.B) {
			sc := newScanner(defaults())
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if _, err := sc.scan(place{path: "a.go"}, text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkStart is what a hook pays before the first file, and for a file of which no rule wants more.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		if _, err := newScanner(defaults()).scan(place{path: "a.go"}, "package a\n"); err != nil {
			b.Fatal(err)
		}
	}
}
