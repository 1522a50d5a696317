package jinja

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/core/pyre"
	"goodstate.dev/goodstate/core/vault"
)

// Lookups that read files of the controller.
func init() {
	for _, name := range []string{"file", "unvault"} {
		lookups.add(name, "", func(c *call) (any, error) { return lookupFile(c, name == "file") })
	}
	lookups.add("template", "", lookupTemplate)
	lookups.add("first_found", "", lookupFirstFound)
	lookups.add("fileglob", "", lookupGlob)
	lookups.add("csvfile", "", lookupCSV)
	lookups.add("ini", "", lookupINI)
}

func (c *call) find(kind, term string) (string, error) {
	path, err := c.r.searchFile(kind, term)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("could not locate file in lookup: %s", term)
	}
	return path, err
}

func lookupFile(c *call, strip bool) (any, error) {
	terms, err := c.terms()
	if err != nil {
		return nil, err
	}
	out := py.NewList()
	for _, term := range terms {
		path, err := c.find("files", term)
		if err != nil {
			return nil, err
		}
		data, err := c.r.readFile(path)
		if err != nil {
			return nil, err
		}
		text := string(data)
		if strip && c.optionBool("lstrip", false) {
			text = strings.TrimLeftFunc(text, pySpace)
		}
		if strip && c.optionBool("rstrip", true) {
			text = strings.TrimRightFunc(text, pySpace)
		}
		out.Items = append(out.Items, text)
		if err := c.r.wrote(len(text)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func lookupTemplate(c *call) (any, error) {
	terms, err := c.terms()
	if err != nil {
		return nil, err
	}
	out := py.NewList()
	for _, term := range terms {
		path, err := c.r.searchFile("templates", term)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("the template file %s could not be found for the lookup", term)
		}
		if err != nil {
			return nil, err
		}
		data, err := c.r.readFile(path)
		if err != nil {
			return nil, err
		}
		how := textForm(TextOptions{
			Name: filepath.Base(path), VariableStart: c.optionText("variable_start_string", ""), VariableEnd: c.optionText("variable_end_string", ""),
			CommentStart: c.optionText("comment_start_string", ""), CommentEnd: c.optionText("comment_end_string", ""),
		})
		how.convert = c.optionBool("convert_data", true)
		scope := c.r.scope
		if vars, ok := c.option("template_vars", nil).(*py.Dict); ok {
			c.r.scope = over{vars, scope}
		}
		search := c.r.search
		c.r.search = append([]string{filepath.Dir(path)}, search...)
		v, err := c.r.text(string(data), how)
		c.r.scope, c.r.search = scope, search
		if err != nil {
			return nil, err
		}
		out.Items = append(out.Items, v)
	}
	return out, nil
}

// over is a scope with more variables in front of it.
type over struct {
	vars  *py.Dict
	under Scope
}

func (o over) Lookup(name string) (any, bool) {
	if v, ok := o.vars.Get(name); ok {
		return v, true
	}
	return o.under.Lookup(name)
}

func (o over) Names() []string {
	names := o.under.Names()
	for k := range o.vars.All() {
		names = append(names, py.Str(k))
	}
	return names
}

func lookupFirstFound(c *call) (any, error) {
	search, skip, err := c.candidates(c.rest)
	if err != nil {
		return nil, err
	}
	kind := c.optionText("_subdir", "files")
	for _, name := range search {
		v, err := c.r.value(name)
		if IsUndefined(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		path, err := c.r.searchFile(kind, py.Str(v))
		if err == nil {
			return py.NewList(path), nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	if skip {
		return py.NewList(), nil
	}
	return nil, lookupErrorf("No file was found when using first_found.")
}

// candidates lists the names that terms mean, and whether finding none is fine.
func (c *call) candidates(terms []any) (search []string, skip bool, err error) {
	for _, t := range terms {
		options := c.named
		switch x := t.(type) {
		case *py.Dict:
			options = x
		case *py.List:
			more, s, err := c.candidates(x.Items)
			if err != nil {
				return nil, false, err
			}
			search, skip = append(search, more...), s
			continue
		case py.Undefined:
			return nil, false, &UndefinedError{x.Hint}
		}
		get := func(name, seps string) []string {
			v, _ := options.Get(name)
			var out []string
			for _, item := range listOf(v) {
				if text, ok := py.Text(item); ok {
					out = append(out, strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(seps, r) })...)
				}
			}
			return out
		}
		files, paths := get("files", ",;"), get("paths", ",:;")
		s, _ := options.Get("skip")
		skip = py.Truth(looseBool(s))
		switch {
		case len(paths) > 0:
			for _, p := range paths {
				for _, f := range files {
					if filepath.IsAbs(f) {
						search = append(search, f)
					} else {
						search = append(search, strings.TrimSuffix(p, "/")+"/"+f)
					}
				}
			}
		case len(files) > 0:
			search = files
		default:
			text, ok := py.Text(t)
			if !ok {
				return nil, false, lookupErrorf("Invalid term supplied, can handle string, mapping or list of strings but got: %s for %s", py.TypeName(t), shown(t))
			}
			search = append(search, text)
		}
	}
	return search, skip, nil
}

func lookupGlob(c *call) (any, error) {
	terms, err := c.terms()
	if err != nil {
		return nil, err
	}
	out := py.NewList()
	for _, term := range terms {
		dir, pattern := filepath.Split(term)
		var dirs []string
		if dir != "" {
			if path, err := c.r.searchFile("files", strings.TrimSuffix(dir, "/")); err == nil {
				dirs = append(dirs, path)
			} else if filepath.IsAbs(dir) {
				dirs = append(dirs, dir)
			}
		} else {
			if path, err := c.r.searchFile("files", "."); err == nil {
				dirs = append(dirs, path)
			}
			dirs = append(dirs, filepath.Join(c.r.env.opt.Dir, "files"), c.r.env.opt.Dir)
		}
		for _, d := range dirs {
			found, err := filepath.Glob(filepath.Join(d, pattern))
			if err != nil {
				return nil, fmt.Errorf("the pattern %s: %w", term, err)
			}
			slices.Sort(found)
			before := len(out.Items)
			for _, f := range found {
				if info, err := os.Stat(f); err == nil && c.r.within(f) == nil && info.Mode().IsRegular() {
					out.Items = append(out.Items, f)
				}
			}
			if len(out.Items) > before {
				break
			}
		}
	}
	return out, nil
}

// pairOrOption reads what a term says as name=value, or else the lookup's option of that name.
func (c *call) pairOrOption(pairs *py.Dict) func(name, fallback string) string {
	return func(name, fallback string) string {
		if v, ok := pairs.Get(name); ok {
			return py.Str(v)
		}
		return c.optionText(name, fallback)
	}
}

// readNamed reads a file of the folders in which lookups look for files.
func (c *call) readNamed(name string) ([]byte, error) {
	path, err := c.find("files", name)
	if err != nil {
		return nil, err
	}
	return c.r.readFile(path)
}

func lookupCSV(c *call) (any, error) {
	terms, err := c.terms()
	if err != nil {
		return nil, err
	}
	out := py.NewList()
	for _, term := range terms {
		key, pairs := keyValues(term)
		if key == "" {
			return nil, fmt.Errorf("Search key is required but was not found")
		}
		get := c.pairOrOption(pairs)
		data, err := c.readNamed(get("file", "ansible.csv"))
		if err != nil {
			return nil, err
		}
		col, err := strconv.Atoi(get("col", "1"))
		if err != nil {
			return nil, fmt.Errorf("csvfile: %w", err)
		}
		v, err := csvCell(string(data), key, get("delimiter", "TAB"), col)
		if err != nil {
			return nil, fmt.Errorf("csvfile: %w", err)
		}
		if v == nil {
			if v, _ = pairs.Get("default"); v == nil {
				v = c.option("default", nil)
			}
		}
		if v != nil {
			out.Items = append(out.Items, listOf(v)...)
		}
	}
	return out, nil
}

func csvCell(data, key, delimiter string, col int) (any, error) {
	if delimiter == "TAB" || delimiter == `\t` {
		delimiter = "\t"
	}
	if len([]rune(delimiter)) != 1 {
		return nil, errors.New(`"delimiter" must be a 1-character string`)
	}
	reader := csv.NewReader(strings.NewReader(data))
	reader.Comma, reader.FieldsPerRecord, reader.LazyQuotes = []rune(delimiter)[0], -1, true
	for {
		row, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return nil, nil //nolint:nilnil // there is no such row
		}
		if err != nil {
			return nil, err
		}
		if len(row) == 0 || row[0] != key {
			continue
		}
		if col < 0 {
			col += len(row)
		}
		if col < 0 || col >= len(row) {
			return nil, errors.New("list index out of range")
		}
		return row[col], nil
	}
}

func lookupINI(c *call) (any, error) {
	terms, err := c.terms()
	if err != nil {
		return nil, err
	}
	out := py.NewList()
	for _, term := range terms {
		key, pairs := keyValues(term)
		get := c.pairOrOption(pairs)
		data, err := c.readNamed(get("file", "ansible.ini"))
		if err != nil {
			return nil, err
		}
		section, text := get("section", "global"), string(data)
		if get("type", "ini") == "properties" {
			section, text = "java_properties", "[java_properties]\n"+text
		}
		keep := py.Truth(looseBool(get("case_sensitive", "False")))
		values, err := readINI(text, section, keep)
		if err != nil {
			return nil, lookupErrorf("%v in %s", err, get("file", "ansible.ini"))
		}
		if !keep {
			key = strings.ToLower(key)
		}
		if py.Truth(looseBool(get("re", "False"))) {
			p, err := pyre.Compile(key, 0)
			if err != nil {
				return nil, err
			}
			for k, v := range values.All() {
				m, err := p.Match(py.Str(k))
				if err != nil {
					return nil, err
				}
				if m != nil {
					out.Items = append(out.Items, v)
				}
			}
			continue
		}
		if v, ok := values.Get(key); ok && v != nil {
			out.Items = append(out.Items, v)
		} else if !ok {
			out.Items = append(out.Items, listOf(get("default", ""))...)
		}
	}
	return out, nil
}

// readINI reads one section as Python's configparser does, without interpolation of names that are not there.
func readINI(text, section string, keepCase bool) (*py.Dict, error) {
	values, defaults := py.NewDict(), py.NewDict()
	current, found, last := "", false, ""
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';':
			continue
		case trimmed[0] == '[' && strings.Contains(trimmed, "]"):
			current = trimmed[1:strings.LastIndexByte(trimmed, ']')]
			found, last = found || current == section, ""
			continue
		case line[0] == ' ' || line[0] == '\t':
			if last != "" && current == section {
				old, _ := values.Get(last)
				values.Set(last, py.Str(old)+"\n"+trimmed)
			}
			continue
		}
		key, value := trimmed, ""
		if i := strings.IndexAny(trimmed, "=:"); i >= 0 {
			key, value = strings.TrimSpace(trimmed[:i]), strings.TrimSpace(trimmed[i+1:])
		}
		if !keepCase {
			key = strings.ToLower(key)
		}
		switch current {
		case section:
			values.Set(key, value)
			last = key
		case "DEFAULT":
			defaults.Set(key, value)
		}
	}
	if !found {
		return nil, fmt.Errorf("No section '%s'", section)
	}
	for k, v := range defaults.All() {
		if !values.Has(k) {
			values.Set(k, v)
		}
	}
	return values, nil
}

func init() {
	filters.add("vault", "data secret salt=None vault_id='filter_default' wrap_object=False vaultid=None", func(c *call) (any, error) {
		plain, err := c.text(0)
		if err != nil {
			return nil, err
		}
		secret, err := c.text(1)
		if err != nil {
			return nil, err
		}
		id, err := c.str(3)
		if err != nil {
			return nil, err
		}
		if id == "filter_default" {
			id = ""
		}
		s := vault.Secret{ID: id, Password: []byte(secret)}
		var data []byte
		if c.args[2] != nil {
			data, err = vault.EncryptWithSalt([]byte(plain), s, []byte(py.Str(c.args[2])))
		} else {
			data, err = vault.Encrypt([]byte(plain), s)
		}
		if err != nil {
			return nil, filterErrorf("Unable to encrypt: %v", err)
		}
		return string(data), nil
	})
	filters.add("unvault", "vault secret vault_id='filter_default' vaultid=None", func(c *call) (any, error) {
		text, err := c.text(0)
		if s, ok := c.args[0].(*py.Sealed); ok {
			text, err = s.Cipher, nil
		}
		if err != nil {
			return nil, err
		}
		secret, err := c.text(1)
		if err != nil {
			return nil, err
		}
		if !vault.Is([]byte(text)) {
			return text, nil
		}
		plain, _, err := vault.Keys{{Password: []byte(secret)}}.Decrypt([]byte(text))
		if err != nil {
			return nil, filterErrorf("Unable to decrypt: %v", err)
		}
		return string(plain), nil
	})
}
