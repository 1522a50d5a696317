// Package ruletest is what every member of the family of rules must keep: its example is right, a repaired file passes, repairing twice
// changes nothing, it can be asked from several goroutines, and no bytes bring it down.
package ruletest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/goccy/go-yaml"

	"goodstate.dev/goodstate/hooks/rule"
)

// Member is a rule with a change that it accepts and one that it refuses.
type Member struct {
	Kind    string
	Options string // in YAML; empty for none
	// Good and Bad are whole changes. What Bad is refused for is in Path of at least one finding, if Path is said.
	Good, Bad *rule.Change
	Path      string
}

// File makes a file of a change that is new, with content in memory.
func File(path string, mode rule.Mode, content string) *rule.File {
	data := []byte(content)
	return &rule.File{Path: path, Mode: mode, Size: int64(len(data)), Content: func() ([]byte, error) { return data, nil }}
}

// Text is a change of one regular file.
func Text(path, content string) *rule.Change { return Change(File(path, rule.Regular, content)) }

// Change is a change after which the repository has these files and no others.
func Change(files ...*rule.File) *rule.Change {
	return &rule.Change{
		Files: files,
		Paths: func() ([]string, error) {
			var all []string
			for _, f := range files {
				all = append(all, f.Path)
			}
			return all, nil
		},
		Tree: func(path string) (rule.Mode, error) {
			for _, f := range files {
				if f.Path == path {
					return f.Mode, nil
				}
				if strings.HasPrefix(f.Path, path+"/") {
					return 0o040000, nil
				}
			}
			return 0, nil
		},
	}
}

// New builds a rule from options in YAML, and fails the test when that is not possible.
func New(t testing.TB, kind, options string) any {
	t.Helper()
	built, err := build(kind, options)
	if err != nil {
		t.Fatalf("rule %s with %s: %v", kind, options, err)
	}
	return built
}

func build(kind, options string) (any, error) {
	k, ok := rule.Find(kind)
	if !ok {
		return nil, fmt.Errorf("there is no rule %s", kind)
	}
	var values map[string]any
	if err := yaml.Unmarshal([]byte(options), &values); err != nil {
		return nil, err
	}
	data, err := json.Marshal(values)
	if err != nil {
		return nil, err
	}
	return k.New(func(into any) error {
		d := json.NewDecoder(bytes.NewReader(data))
		d.DisallowUnknownFields()
		return d.Decode(into)
	})
}

// Judge asks a rule about a change as the client does.
func Judge(t testing.TB, built any, c *rule.Change) []rule.Finding {
	t.Helper()
	var all []rule.Finding
	if files, ok := built.(rule.FileRule); ok {
		for _, f := range c.Files {
			if !files.Wants(f) {
				continue
			}
			found, err := files.Check(f)
			if err != nil {
				t.Fatalf("%q: %v", f.Path, err)
			}
			all = append(all, found...)
		}
	}
	if whole, ok := built.(rule.ChangeRule); ok {
		found, err := whole.CheckChange(c)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	return all
}

// Fixed is the change with every file repaired that the rule repairs.
func Fixed(t testing.TB, built any, c *rule.Change) (*rule.Change, bool) {
	t.Helper()
	fixer, ok := built.(rule.Fixer)
	if !ok {
		return c, false
	}
	better, any := *c, false
	better.Files = slices.Clone(c.Files)
	for i, f := range c.Files {
		if !built.(rule.FileRule).Wants(f) {
			continue
		}
		content, changed, err := fixer.Fix(f)
		if err != nil {
			t.Fatalf("fix %q: %v", f.Path, err)
		}
		if changed {
			was := *f
			was.Size, was.Content = int64(len(content)), func() ([]byte, error) { return content, nil }
			better.Files[i], any = &was, true
		}
	}
	return &better, any
}

// Run holds the members against the contract, and fails for a registered kind that is none of them.
func Run(t *testing.T, members ...Member) {
	t.Helper()
	tried := map[string]bool{}
	for _, m := range members {
		tried[m.Kind] = true
		t.Run(m.Kind, func(t *testing.T) {
			built := New(t, m.Kind, m.Options)
			t.Run("its example is right", func(t *testing.T) { example(t, m.Kind) })
			t.Run("an unknown option is refused", func(t *testing.T) { unknown(t, m.Kind) })
			t.Run("a good change passes", func(t *testing.T) { passes(t, built, m.Good) })
			t.Run("a bad change is refused", func(t *testing.T) { refused(t, built, m) })
			t.Run("a fix makes it pass and is not fixed again", func(t *testing.T) { fixes(t, built, m.Bad) })
			t.Run("it can be asked by many at once", func(t *testing.T) { together(t, built, m) })
			t.Run("no bytes bring it down", func(t *testing.T) { anything(t, built, m.Bad) })
			t.Run("a file that is too large is not accepted in silence", func(t *testing.T) { huge(t, built, m) })
		})
	}
	for _, k := range rule.Kinds() {
		if !tried[k.Name] {
			t.Errorf("rule %s is registered and not tried by the conformance suite", k.Name)
		}
	}
}

func example(t *testing.T, kind string) {
	k, _ := rule.Find(kind)
	if k.Help == "" || k.Example == "" {
		t.Errorf("help is %q and the example %q, want both", k.Help, k.Example)
	}
	Judge(t, New(t, kind, k.Example), Text("a.txt", "text\n"))
	for id, options := range k.As {
		data, err := json.Marshal(options)
		if err != nil {
			t.Fatal(err)
		}
		if known, ok := rule.Find(id); !ok || known.Name != kind {
			t.Errorf("As has options for %s, which is no name of this rule", id)
		}
		New(t, kind, string(data))
	}
}

func unknown(t *testing.T, kind string) {
	if _, err := build(kind, "{no-such-option: 1}"); err == nil {
		t.Error("an option that does not exist was taken")
	}
}

func passes(t *testing.T, built any, c *rule.Change) {
	if found := Judge(t, built, c); len(found) > 0 {
		t.Errorf("found %v", found)
	}
	if better, changed := Fixed(t, built, c); changed {
		content, _ := better.Files[0].Content()
		t.Errorf("it repairs what it accepts: %q", content)
	}
}

func refused(t *testing.T, built any, m Member) {
	found := Judge(t, built, m.Bad)
	if len(found) == 0 {
		t.Fatal("nothing was found")
	}
	for _, f := range found {
		if f.Rule != m.Kind || f.Message == "" || f.Unchecked {
			t.Errorf("the finding is not whole: %+v", f)
		}
	}
	if m.Path != "" && !slices.ContainsFunc(found, func(f rule.Finding) bool { return f.Path == m.Path }) {
		t.Errorf("found %v, want one at %s", found, m.Path)
	}
}

func fixes(t *testing.T, built any, c *rule.Change) {
	if _, ok := built.(rule.Fixer); !ok {
		return
	}
	better, changed := Fixed(t, built, c)
	if !changed {
		return // some findings have no safe repair
	}
	if found := Judge(t, built, better); len(found) > 0 {
		t.Errorf("repaired, and still %v", found)
	}
	if _, again := Fixed(t, built, better); again {
		t.Error("what was repaired is repaired again")
	}
}

func together(t *testing.T, built any, m Member) {
	want := fmt.Sprint(Judge(t, built, m.Bad))
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if got := fmt.Sprint(Judge(t, built, m.Bad)); got != want {
				t.Errorf("found %s, and alone %s", got, want)
			}
			Fixed(t, built, m.Bad)
		})
	}
	group.Wait()
}

// Odd are contents that no rule expects.
var Odd = []string{
	"", "\n", "a", "\r", "\r\n", "\x00", "\xff\xfe", "\xef\xbb\xbf", "\xef\xbb\xbf\xef\xbb\xbfx", "a\r\nb\r\n", "a\rb\r", "\xc3\x28\n", "\"", "'", "'''", "\"\"\"", "{", "[", "<", "<a", "#!", "#!/",
	"a: [\n", "\x1f\x8b\x08\x00", strings.Repeat("[", 100_000), strings.Repeat("{\"a\":", 50_000), strings.Repeat("- ", 50_000), strings.Repeat("<a>", 50_000), strings.Repeat(" ", 100_000),
	"<<<<<<< a\n=======\n>>>>>>> b\n", "-----BEGIN ", "\u2028\n", "f'{", "f\"{x!r:{y}}\"", "%", "${", "\\", "=", "a = [\n", "#", "\n\n\n",
}

func anything(t *testing.T, built any, like *rule.Change) {
	for _, content := range Odd {
		for _, f := range like.Files {
			odd := File(f.Path, f.Mode, content)
			odd.Old = f.Old
			holds(t, built, Change(odd))
		}
	}
	for _, path := range []string{"a\nb", "\xff", "-", "a b/c\t.json", ".yaml", "a/.toml", "x.xml"} {
		holds(t, built, Change(File(path, rule.Executable, "x")))
	}
}

// holds checks what must be so for any content: nobody writes into it, and a repair ends after one time.
func holds(t testing.TB, built any, c *rule.Change) {
	t.Helper()
	content, err := c.Files[0].Content()
	if err != nil {
		t.Fatal(err)
	}
	before := string(content)
	Judge(t, built, c)
	better, changed := Fixed(t, built, c)
	if string(content) != before {
		t.Errorf("the content %.60q was changed in place to %.60q", before, content)
	}
	if !changed {
		return
	}
	if _, again := Fixed(t, built, better); again {
		content, _ := c.Files[0].Content()
		t.Errorf("the repair of %.60q does not end after one time", content)
	}
}

func huge(t *testing.T, built any, m Member) {
	files, ok := built.(rule.FileRule)
	if !ok {
		return
	}
	for _, f := range m.Bad.Files {
		large := *f
		large.Size = rule.Largest + 1
		large.Content = func() ([]byte, error) {
			t.Error("the content of a file that is too large was asked for")
			return nil, nil
		}
		if !f.HasText() || !files.Wants(f) || !files.Wants(&large) {
			continue
		}
		found, err := files.Check(&large)
		if err != nil || len(found) == 0 {
			t.Errorf("found %v (%v), want that the file was not checked", found, err)
		}
		if _, changed := Fixed(t, built, Change(&large)); changed {
			t.Error("a file that was not read was repaired")
		}
	}
}

// Fuzz feeds every rule any bytes under a name that it wants.
func Fuzz(f *testing.F, members ...Member) {
	for _, content := range Odd {
		if len(content) < 1000 {
			f.Add([]byte(content))
		}
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		for _, m := range members {
			built := New(t, m.Kind, m.Options)
			for _, like := range m.Bad.Files {
				odd := File(like.Path, like.Mode, string(content))
				holds(t, built, Change(odd))
			}
		}
	})
}
