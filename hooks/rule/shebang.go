package rule

import (
	"bytes"
	"path"
	"slices"
	"strings"
)

// interpreter is the name of the program in the first line of a script, without its folder and without the numbers of its version;
// empty when the file is no script.
func interpreter(text []byte) string {
	if !bytes.HasPrefix(text, []byte("#!")) {
		return ""
	}
	line, _, _ := bytes.Cut(text[2:min(len(text), 512)], []byte{'\n'})
	words := strings.Fields(string(line))
	if len(words) > 0 && path.Base(words[0]) == "env" {
		words = words[1:]
		for len(words) > 0 && (strings.HasPrefix(words[0], "-") || strings.Contains(words[0], "=")) {
			words = words[1:]
		}
	}
	if len(words) == 0 {
		return ""
	}
	return strings.TrimRight(path.Base(words[0]), "0123456789.")
}

// language names what a source file is written in.
type language struct {
	extensions   []string
	interpreters []string
}

var languages = map[string]language{
	"python":     {[]string{"py", "pyi", "pyw", "pyx"}, []string{"python", "pypy"}},
	"javascript": {[]string{"js", "mjs", "cjs", "jsx", "ts", "tsx", "mts", "cts", "vue", "svelte"}, []string{"node", "nodejs", "deno", "bun"}},
	"go":         {[]string{"go"}, nil},
	"ruby":       {[]string{"rb", "rake", "gemspec", "ru"}, []string{"ruby"}},
	"php":        {[]string{"php", "phtml"}, []string{"php"}},
}

// mayBe tells from the name whether a file can be in a language: by its extension, or because it is executable and has none, and its first line will say.
func (l language) mayBe(f *File) bool {
	if !f.HasText() {
		return false
	}
	ext := extension(f.Path)
	return slices.Contains(l.extensions, ext) || ext == "" && f.Mode == Executable && len(l.interpreters) > 0
}

// is tells the same from name and text.
func (l language) is(f *File, text []byte) bool {
	return slices.Contains(l.extensions, extension(f.Path)) || l.mayBe(f) && slices.Contains(l.interpreters, interpreter(text))
}
