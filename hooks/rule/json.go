package rule

import (
	"path"
	"slices"
)

func init() {
	Register(Kind{
		Name:    "json",
		Aliases: []string{"check-json"},
		Help:    "JSON files can be read, and no object has a key twice",
		Example: "{}",
		New: func(decode func(any) error) (any, error) {
			r := &jsonSyntax{}
			return r, decode(r)
		},
	})
}

type jsonSyntax struct{}

// What is JSON by its name. Files that are JSON with comments by their nature (tsconfig, .code-workspace) are not.
var (
	jsonExtensions = []string{"json", "avsc", "geojson", "har", "ipynb", "jsonld", "tfstate", "topojson", "webmanifest"}
	jsonNames      = []string{".babelrc", ".bowerrc", ".csslintrc", ".jscsrc", ".jshintrc", ".prettierrc.json", "Pipfile.lock", "composer.lock", "flake.lock"}
)

func isJSON(f *File) bool {
	return f.HasText() && (slices.Contains(jsonExtensions, extension(f.Path)) || slices.Contains(jsonNames, path.Base(f.Path)))
}

func (*jsonSyntax) Wants(f *File) bool { return isJSON(f) }

func (*jsonSyntax) Check(f *File) ([]Finding, error) {
	return read("json", f, func(raw []byte) []Finding {
		text := decodeJSON(raw)
		if wrong := scanJSON(text, nil); wrong != nil {
			return []Finding{at(text, wrong.offset, "%s", wrong.why)}
		}
		return nil
	})
}
