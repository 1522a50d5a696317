package ruletest

import (
	"errors"
	"strings"
	"testing"

	"goodstate.dev/goodstate/hooks/rule"
)

// verdict is what a rule says of one change: the findings as people read them, without the advice after the last semicolon.
type verdict struct {
	name    string
	kind    string
	options string
	change  *rule.Change
	want    []string
}

func old(path string, mode, before rule.Mode, content string) *rule.File {
	f := File(path, mode, content)
	f.Old = before
	return f
}

func TestVerdicts(t *testing.T) {
	for _, v := range []verdict{
		{"two blanks break a line in Markdown only", "trailing-whitespace", "", Change(File("a.MD", rule.Regular, "a  \n"), File("a.txt", rule.Regular, "a  \n")), []string{"a.txt:1:2: "}},
		{"other characters can be unwanted at the end", "trailing-whitespace", `{chars: ";"}`, Text("a", "a;\nb \n"), []string{"a:1:2: "}},
		{"a binary file is not text", "trailing-whitespace", "", Text("a", "a \n\x00"), nil},
		{"a symbolic link is not text", "end-of-file", "", Change(File("l", rule.Symlink, "a")), nil},
		{"a title in Markdown is no conflict", "conflict-markers", "", Text("a.md", "T\n=======\n"), nil},
		{"strict takes it for one", "conflict-markers", "{strict: true}", Text("a.md", "T\n=======\n"), []string{"a.md:2:1: "}},
		{"a file that was there may be large", "large-files", "{max: 1}", Change(old("a", rule.Regular, rule.Regular, strings.Repeat("x", 2048))), nil},
		{"but not when all are judged", "large-files", "{max: 1, all: true}", Change(old("a", rule.Regular, rule.Regular, strings.Repeat("x", 2049))), []string{"a: 3 KiB, at most 1 are allowed"}},
		{"JSON says where", "json", "", Text("a.json", "{\n  \"a\": tru\n}"), []string{"a.json:2:8: want a value, found 't'"}},
		{"a key twice is wrong however it is written", "json", "", Text("a.json", `{"a":1,"\u0061":2}`), []string{`a.json:1:8: key "a" is in this object twice`}},
		{"JSON with comments is another format", "json", "", Text("tsconfig.code-workspace", "// c"), nil},
		{"YAML says where", "yaml", "", Text("a.yaml", "a: 1\na: 2\n"), []string{"a.yaml:2:1: key \"a\" is in this mapping twice"}},
		{"also in a later document", "yaml", "", Text("a.yaml", "a: 1\n---\nb: 2\n---\n# c\nc: [1\n"), []string{"a.yaml:6:4: the file is not YAML: sequence end token ']' not found"}},
		{"an alias needs its anchor", "yaml", "", Text("a.yaml", "a: *b\n"), []string{"a.yaml:1:4: alias *b has no anchor before it"}},
		{"loose reads the syntax alone", "yaml", "{loose: true}", Text("a.yaml", "a: !x *b\na: 1\n---\nb: 2\n"), nil},
		{"a text may have anything in it", "yaml", "", Text("a.yaml", "run: |\n  a: b\n  c: d: e\n"), nil},
		{"TOML says where", "toml", "", Text("a.toml", "a = 1\nb = \n"), []string{"a.toml:2:5: "}},
		{"XML says where", "xml", "", Text("a.svg", "<a>\n<b>\n</a>"), []string{"a.svg:3: the file is not well-formed XML: element <b> closed by </a>"}},
		{"names differ in the case of a folder", "case-conflict", "", Change(old("Docs/a", rule.Regular, rule.Regular, ""), File("docs/b", rule.Regular, "")), []string{`docs/b: "docs" and "Docs" differ in case alone, and are one name on Windows and macOS`}},
		{"an old conflict is not the fault of this change", "case-conflict", "", Change(old("A", rule.Regular, rule.Regular, ""), old("a", rule.Regular, rule.Regular, "")), nil},
		{"a link to a folder is fine", "broken-symlink", "", Change(File("d/e/f", rule.Regular, ""), File("x/l", rule.Symlink, "../d/e/")), nil},
		{"a link out of the repository is not", "broken-symlink", "", Change(File("l", rule.Symlink, "../../etc/passwd")), []string{`l: the link points to "../../etc/passwd", outside of the repository`}},
		{"unless that is allowed", "broken-symlink", "{outside: allow}", Change(File("l", rule.Symlink, "/etc/passwd")), nil},
		{"links in a circle lead nowhere", "broken-symlink", "", Change(File("a", rule.Symlink, "b"), File("b", rule.Symlink, "a")), []string{"a: the link goes round in a circle: 40 links followed", "b: the link goes round in a circle: 40 links followed"}},
		{"a link may go through a link", "broken-symlink", "", Change(File("d/f", rule.Regular, ""), File("a", rule.Symlink, "d"), File("b", rule.Symlink, "a/f")), nil},
		{"a link through a file is broken", "broken-symlink", "", Change(File("f", rule.Regular, ""), File("b", rule.Symlink, "f/x")), []string{`b: the link points to "f/x", and there is no such path`}},
		{"Rust's attributes are no interpreter", "shebangs-are-executable", "", Change(File("a.rs", rule.Regular, "#![no_std]\n"), File("b", rule.Regular, "#![x]\n")), []string{"b:1: the file has a #! line and is not executable"}},
		{"a submodule that is there may move on", "forbid-submodules", "{new: true}", Change(old("s", rule.Submodule, rule.Submodule, "")), nil},
		{
			"a pattern without a slash is of names", "forbidden-paths", `{paths: ["*.pem", /a.txt, "x/**/y"], except: ["ok/"]}`, Change(File("d/k.pem", rule.Regular, ""), File("ok/d/k.pem", rule.Regular, ""), File("d/a.txt", rule.Regular, ""), File("a.txt", rule.Regular, ""), File("x/y", rule.Regular, ""), File("x/1/2/y", rule.Regular, "")),
			[]string{"d/k.pem: paths of the pattern *.pem are not allowed", "a.txt: paths of the pattern /a.txt are not allowed", "x/y: paths of the pattern x/**/y are not allowed", "x/1/2/y: paths of the pattern x/**/y are not allowed"},
		},
		{"Windows has its devices and its ends of names", "windows-names", "", Change(File("a/NUL.txt", rule.Regular, ""), File("b./c", rule.Regular, ""), File("a?", rule.Regular, ""), File("lpt¹", rule.Regular, ""), File("console", rule.Regular, "")), []string{"a/NUL.txt: ", "b./c: ", "a?: ", "lpt¹: "}},
		{"the start of a branch can be protected", "protected-branch", `{branches: [], patterns: ["release/"]}`, onBranch(Text("a", ""), "release/1"), []string{"branch release/1 is protected, nothing is committed to it directly"}},
		{"a link is judged by what it was", "destroyed-symlink", "", Change(withOld(old("a", rule.Regular, rule.Symlink, "v1.2\n"), "../VERSION"), withOld(old("b", rule.Regular, rule.Symlink, "../x\r\n"), "../x")), []string{"b: was a symbolic link and is now a file with the link's target in it"}},
		{
			"no debugger is left in any language", "debug-statements", "", Change(
				File("a.py", rule.Regular, "# import pdb\nfrom pdb import x\n'breakpoint()'\nbreakpoint()\nself.breakpoint()\n"),
				File("b.ts", rule.Regular, "`debugger;`\nif (a) { debugger }\nx.debugger = 1;\n"),
				File("c.rb", rule.Regular, "# byebug\nputs 'byebug'\nbyebug\nrequire \"x\"; binding.irb\n"),
				File("d.php", rule.Regular, "<?php\n$dd(1); $x->dump(2);\ndd($x);\n/* var_dump($x) */\n"),
				File("e.go", rule.Regular, "// spew.Dump(x)\nspew.Dump(x)\n"),
				File("f", rule.Executable, "#!/usr/bin/env python3\nimport ipdb\n"), File("g", rule.Executable, "#!/bin/sh\nimport ipdb\n")),
			[]string{"a.py:2:1: debugger pdb is imported", "a.py:4:1: breakpoint() is called", `b.ts:2:10: "debugger" is left from debugging`, `c.rb:3:1: "byebug" is left from debugging`, `c.rb:4:14: "binding.irb" is left from debugging`, `d.php:3:1: "dd(" is left from debugging`, `e.go:2:1: "spew.Dump(" is left from debugging`, "f:2:1: debugger ipdb is imported"},
		},
		{"a module of one's own is no debugger", "debug-statements", "", Text("a.py", "from .q import z\n"), nil},
		{"tests are named for their runner", "test-names", "{style: unittest}", Change(File("tests/test_a.py", rule.Regular, ""), File("tests/a_test.py", rule.Regular, ""), File("tests/x/conftest.py", rule.Regular, "")), []string{"tests/a_test.py: the name is not that of a test, want testNAME.py, or a place outside of tests"}},
		{"a private key is not shown", "private-key", "", Text("k", "x\n-----BEGIN "+"EC PRIVATE KEY-----\nMHcCAQEE\n"), []string{"k:2:6: a private key (BEGIN EC PRIVATE KEY)"}},
		{"words are found whole and in any case", "spelling", "{words: {teh: the, Foo: ''}}", Text("a", "Teh tehx TEH foo Foo\n"), []string{`a:1:1: "Teh" should be "The"`, `a:1:10: "TEH" should be "THE"`, `a:1:18: "Foo" is on the list of words that are not wanted`}},
	} {
		t.Run(v.name, func(t *testing.T) {
			found := Judge(t, New(t, v.kind, v.options), v.change)
			if len(found) != len(v.want) {
				t.Fatalf("found %v, want %d findings", found, len(v.want))
			}
			for i, f := range found {
				if !strings.HasPrefix(f.String(), v.want[i]) {
					t.Errorf("found %s, want %s", f, v.want[i])
				}
			}
		})
	}
}

func TestWhatWouldBringAParserDownIsNotChecked(t *testing.T) {
	for path, content := range map[string]string{
		"wide.yaml": strings.Repeat("a:\n", 200_000), "deep.yaml": strings.Repeat("[", 200_000), "dashes.yaml": strings.Repeat("- ", 200_000),
		"long.yaml": "a: |\n" + strings.Repeat("  text\n", 400_000), "deep.toml": "a = " + strings.Repeat("[", 200_000),
	} {
		change := Text(path, content)
		kind := path[strings.LastIndexByte(path, '.')+1:]
		if found := Judge(t, New(t, kind, ""), change); len(found) != 1 || !found[0].Unchecked {
			t.Errorf("%s: found %v, want one finding that it is not checked", path, found)
		}
	}
}

func withOld(f *rule.File, content string) *rule.File {
	f.OldContent = func() ([]byte, error) { return []byte(content), nil }
	return f
}

func TestAFileThatCannotBeReadIsAnError(t *testing.T) {
	gone := errors.New("object not found")
	read := false
	f := &rule.File{Path: "a.json", Mode: rule.Regular, Size: 100, Content: func() ([]byte, error) { read = true; return nil, gone }}
	for _, m := range append(members, sources...) {
		files, ok := New(t, m.Kind, m.Options).(rule.FileRule)
		if !ok || !files.Wants(f) {
			continue
		}
		read = false
		found, err := files.Check(f)
		if read && (!errors.Is(err, gone) || len(found) > 0) {
			t.Errorf("%s: found %v, error %v, want the error of the read", m.Kind, found, err)
		}
	}
}

func TestWrongOptionsAreRefusedWithWhatIsWanted(t *testing.T) {
	for kind, options := range map[string]string{
		"line-endings": "{want: dos}", "large-files": "{max: 0}", "forbidden-content": `{pattern: "("}`, "forbidden-paths": "{}", "protected-branch": `{patterns: ["("]}`,
		"sorted-lines": "{paths: [a], unique: true, ignore-case: true}", "sorted-yaml": "{}", "json-format": "{indent: x}", "debug-statements": "{languages: [cobol]}",
		"yaml": "{tags: some}", "spelling": `{words: {"a b": c}}`, "test-names": "{style: x}", "broken-symlink": "{outside: x}", "encoding-pragma": `{pragma: ""}`,
	} {
		if _, err := build(kind, options); err == nil || !strings.HasPrefix(err.Error(), "rule "+kind+": ") {
			t.Errorf("%s %s: error %v, want one of this rule", kind, options, err)
		}
	}
}
