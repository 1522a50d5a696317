// Package chart has the Helm chart of the operator in it, and renders it without Helm: goodstate operator install and Helm apply the same manifests. The templates keep to
// what text/template has, and to quote and int.
package chart

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"sigs.k8s.io/yaml"
)

//go:embed Chart.yaml values.yaml templates crds
var files embed.FS

// Values are those of values.yaml.
type Values map[string]any

// Defaults are the values of the chart as it is.
func Defaults() (Values, error) {
	text, err := files.ReadFile("values.yaml")
	if err != nil {
		return nil, err
	}
	v := Values{}
	return v, yaml.Unmarshal(text, &v)
}

// Set puts a value at a path such as image.tag. Numbers and booleans are taken as such, as Helm does. A path that the chart does not have is an error.
func (v Values) Set(at, value string) error {
	names := strings.Split(at, ".")
	m := map[string]any(v)
	for _, name := range names[:len(names)-1] {
		next, ok := m[name].(map[string]any)
		if !ok {
			return fmt.Errorf("the chart has no value %q", at)
		}
		m = next
	}
	last := names[len(names)-1]
	if _, ok := m[last]; !ok && names[0] != "env" {
		return fmt.Errorf("the chart has no value %q", at)
	}
	switch n, err := strconv.ParseInt(value, 10, 64); {
	case err == nil:
		m[last] = n
	case value == "true" || value == "false":
		m[last] = value == "true"
	default:
		m[last] = value
	}
	return nil
}

// CRDs are the definitions of the custom resources, one document each.
func CRDs() ([]string, error) {
	return each("crds", func(text []byte) (string, error) { return string(text), nil })
}

// Render makes the other manifests, in the order of their files.
func Render(namespace string, v Values) ([]string, error) {
	all, err := each("templates", func(text []byte) (string, error) {
		t, err := template.New("chart").Option("missingkey=error").Funcs(template.FuncMap{"quote": func(v any) string { return strconv.Quote(fmt.Sprint(v)) }, "int": whole}).Parse(string(text))
		if err != nil {
			return "", err
		}
		var b bytes.Buffer
		err = t.Execute(&b, map[string]any{"Values": map[string]any(v), "Release": map[string]any{"Namespace": namespace}})
		return b.String(), err
	})
	var out []string
	for _, text := range all {
		for doc := range strings.SplitSeq(text, "\n---\n") {
			if strings.TrimSpace(strings.TrimPrefix(doc, "---")) != "" {
				out = append(out, strings.TrimSpace(doc)+"\n")
			}
		}
	}
	return out, err
}

// whole is a number of values.yaml, which YAML reads as a float.
func whole(v any) int {
	switch n := v.(type) {
	case int64:
		return int(n)
	case float64:
		return int(n)
	case int:
		return n
	}
	return 0
}

func each(dir string, do func([]byte) (string, error)) ([]string, error) {
	entries, err := fs.ReadDir(files, dir)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	all := make([]string, 0, len(entries))
	for _, e := range entries {
		text, err := files.ReadFile(path.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		done, err := do(text)
		if err != nil {
			return nil, fmt.Errorf("%s of the chart: %w", e.Name(), err)
		}
		all = append(all, done)
	}
	return all, nil
}
