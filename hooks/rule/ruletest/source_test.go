package ruletest

import (
	"os"
	"path/filepath"
	"testing"

	"goodstate.dev/goodstate/hooks/rule"
)

// sources are the rules that know a language or a format of files.
var sources = []Member{
	{Kind: "builtin-literals", Good: Text("a.py", "x = dict(a=1)\ny = list(z)\n'str()'\n"), Bad: Text("a.py", "x = [dict()]\n")},
	{Kind: "docstring-first", Good: Text("a.py", "'''doc'''\nx = 'a'\n"), Bad: Text("a.py", "import os\n'''doc'''\n")},
	{Kind: "single-quotes", Good: Text("a.py", "x = 'a' + \"it's\"\n"), Bad: Text("a.py", "x = \"a\" + b\"\"\n")},
	{Kind: "encoding-pragma", Options: "{remove: true}", Good: Text("a.py", "#!/usr/bin/python\nx = 1\n"), Bad: Text("a.py", "# -*- coding: utf-8 -*-\nx = 1\n")},
	{
		Kind: "debug-statements", Good: Text("a.js", "// debugger;\nx('debugger;')\n"),
		Bad: Change(File("a.js", rule.Regular, "if (x) debugger;\n"), File("a.py", rule.Regular, "import os, pdb\n"), File("a.rb", rule.Regular, "binding.pry\n"),
			File("a.php", rule.Regular, "<?php var_dump($x);\n"), File("a.go", rule.Regular, "runtime.Breakpoint()\n")),
	},
	{Kind: "test-names", Good: Text("tests/a_test.py", ""), Bad: Text("x/tests/b.py", "x")},
	{Kind: "permalinks", Good: Text("a.md", "https://github.com/a/b/blob/0123abcd/c.go#L3\n"), Bad: Text("a.md", "see https://github.com/a/b/blob/main/c.go#L3\n")},
	{Kind: "sorted-lines", Options: "{paths: [\"*.txt\"]}", Good: Text("a.txt", "a\nb\n"), Bad: Text("a.txt", "b\r\n\na")},
	{Kind: "sorted-yaml", Options: "{paths: [a.yaml]}", Good: Text("a.yaml", "# top\n\na: 1\n\nb: 2\n"), Bad: Text("a.yaml", "# top\nb: 2\n\n# of a\n'a': 1")},
	{Kind: "sorted-requirements", Good: Text("requirements.txt", "a==1\nb>=2\n"), Bad: Text("requirements-dev.txt", "# top\n\nb\n# c\nA==1\nb\npkg-resources==0.0.0\n")},
	{Kind: "spelling", Options: "{words: {recieve: receive, github: GitHub}}", Good: Text("a", "receive GitHub\n"), Bad: Text("a", "Recieve, RECIEVE github\n")},
	{Kind: "json-format", Good: Text("a.json", "{\n  \"a\": [],\n  \"b\": 1.5\n}\n"), Bad: Text("a.json", "{\"b\": 1.50, \"a\": [1, {\"c\": \"\\ud83d\"}]}")},
}

// aws is a member with the keys of a made-up account, in a file as the AWS command line writes it.
func aws(t testing.TB) Member {
	path := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(path, []byte("[default]\naws_secret_access_key = made/Up/Key/0123456789\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return Member{Kind: "aws-credentials", Options: "{credentials: [" + path + "]}", Good: Text("a", "made/Up\n"), Bad: Text("a", "key=made/Up/Key/0123456789\n")}
}

func TestEveryRuleKeepsTheContract(t *testing.T) {
	Run(t, append(append(members, sources...), aws(t))...)
}

func FuzzEveryRule(f *testing.F) { Fuzz(f, append(members, sources...)...) }
