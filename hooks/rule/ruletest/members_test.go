package ruletest

import (
	"goodstate.dev/goodstate/hooks/rule"
)

func symlink(path, target string) *rule.File { return File(path, rule.Symlink, target) }

func was(f *rule.File, old rule.Mode) *rule.File {
	f.Old = old
	return f
}

func onBranch(c *rule.Change, branch string) *rule.Change {
	c.Branch = branch
	return c
}

// members are the rules that look at any file, or at a change as a whole.
var members = []Member{
	{Kind: "trailing-whitespace", Good: Text("a.md", "a  \nb\n"), Bad: Text("a.txt", "a \nb\t\r\nc"), Path: "a.txt"},
	{Kind: "end-of-file", Good: Text("a", "x\r\n"), Bad: Text("a", "x\n\n\n")},
	{Kind: "conflict-markers", Good: Text("a.md", "Title\n=======\n"), Bad: Text("a", "x\n<<<<<<< HEAD\na\n=======\nb\n>>>>>>> b\n")},
	{Kind: "large-files", Options: "{max: 1}", Good: Text("a", "x"), Bad: Text("a", string(make([]byte, 1025)))},
	{Kind: "private-key", Good: Text("a", "PRIVATE KEY of nothing\n"), Bad: Text("id", "-----BEGIN "+"RSA PRIVATE KEY-----\n")},
	{Kind: "json", Good: Text("a.json", "{\"a\": [1, 2.5e3, \"\\u00e4\", NaN]}\n"), Bad: Text("a.json", "{\"a\": 1,}")},
	{Kind: "yaml", Good: Text("a.yaml", "a: 1\n---\nb: !Ref x\n"), Bad: Text("a.yml", "a: [1,\nb")},
	{Kind: "toml", Good: Text("a.toml", "[a]\nb = 1\n"), Bad: Text("a.toml", "a = 1\na = 2\n")},
	{Kind: "xml", Good: Text("a.xml", "<a b='1'/>\n"), Bad: Text("a.xml", "<a><b></a>")},
	{Kind: "case-conflict", Good: Change(File("a/b", rule.Regular, ""), File("a/c", rule.Regular, "")), Bad: Change(File("a/b", rule.Regular, ""), File("A/c", rule.Regular, "")), Path: "A/c"},
	{Kind: "broken-symlink", Good: Change(symlink("d/l", "../a"), File("a", rule.Regular, "")), Bad: Change(symlink("l", "nowhere"), File("a", rule.Regular, "")), Path: "l"},
	{Kind: "destroyed-symlink", Good: Change(was(File("a", rule.Regular, "two\nlines\n"), rule.Symlink)), Bad: Change(was(File("a", rule.Regular, "../b/c"), rule.Symlink))},
	{Kind: "byte-order-mark", Good: Text("a", "x"), Bad: Text("a", "\xef\xbb\xbf\xef\xbb\xbfx")},
	{Kind: "line-endings", Good: Text("a", "x\r\ny\r\n"), Bad: Text("a", "a\nb\r\nc\rd\n")},
	{Kind: "executables-have-shebangs", Good: Change(File("a", rule.Executable, "#!/bin/sh\n")), Bad: Change(File("a", rule.Executable, "echo\n"))},
	{Kind: "shebangs-are-executable", Good: Text("a.rs", "#![no_std]\n"), Bad: Text("a", "#!/bin/sh\n")},
	{Kind: "forbid-submodules", Good: Text("a", "x"), Bad: Change(File("sub", rule.Submodule, ""))},
	{Kind: "forbidden-paths", Options: `{paths: ["*.pem", node_modules/], except: ["test/**"]}`, Good: Text("test/a.pem", ""), Bad: Text("x/node_modules/y/z", "")},
	{Kind: "windows-names", Good: Text("context/auxiliary.c", ""), Bad: Text("src/aux.c", "")},
	{Kind: "forbidden-content", Options: `{pattern: "FIXME$"}`, Good: Text("a", "FIXME later\n"), Bad: Text("a", "b\nFIXME\n")},
	{Kind: "protected-branch", Good: onBranch(Text("a", ""), "topic"), Bad: onBranch(Text("a", ""), "main")},
}
