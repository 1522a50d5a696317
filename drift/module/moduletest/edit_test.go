package moduletest

func init() {
	const hosts = "mkdir /x; printf 'one=1\\ntwo=2\\n# three\\ntwo=22\\nlast' > /x/f; ln -s f /x/l; chmod 640 /x/f; printf 'a\\r\\nb\\r\\n' > /x/dos; : > /x/empty; setfattr -n user.k -v v /x/f 2>/dev/null || true"
	line := func(name string, a args) {
		if a["path"] == nil {
			a["path"] = "/x/f"
		}
		add(Scenario{Module: "lineinfile", Name: name, Setup: hosts, Args: a})
	}
	line("a new line", args{"line": "new"})
	line("a line that is there", args{"line": "two=2"})
	line("the last line without its end", args{"line": "last"})
	line("replaced", args{"line": "two=3", "regexp": "^two="})
	line("the first replaced", args{"line": "two=3", "regexp": "^two=", "firstmatch": true})
	line("replaced by a group", args{"line": `\1=\g<2>0`, "regexp": `^(one)=(\d)`, "backrefs": true})
	line("no match for groups", args{"line": `\1`, "regexp": "^(none)", "backrefs": true})
	line("groups without a pattern", args{"line": `\1`, "backrefs": true})
	line("at the beginning", args{"line": "new", "insertbefore": "BOF"})
	line("after a line", args{"line": "new", "insertafter": "^two"})
	line("after the first line", args{"line": "new", "insertafter": "^two", "firstmatch": true})
	add(Scenario{
		Module: "lineinfile", Name: "after the last line", Setup: hosts, Args: args{"path": "/x/f", "line": "new", "insertafter": "^last"},
		Only: true, Why: "Ansible 2.14 glues the new line to a last one without an end",
	})
	line("before a line", args{"line": "new", "insertbefore": "^two"})
	line("before a line that is not there", args{"line": "new", "insertbefore": "^none"})
	line("before a line, there already", args{"line": "# three", "insertbefore": "^two"})
	line("a pattern and a place", args{"line": "four=4", "regexp": "^four=", "insertafter": "^one"})
	line("a string", args{"line": "ONE", "search_string": "ne="})
	line("no line", args{"line": "two=2", "state": "absent"})
	line("no lines", args{"regexp": "^two", "state": "absent"})
	line("no string", args{"search_string": "=", "state": "absent"})
	line("nothing to remove", args{"line": "none", "state": "absent"})
	line("remove what", args{"state": "absent"})
	line("remove where", args{"state": "absent", "path": "/x/none", "line": "x"})
	line("no file", args{"path": "/x/none", "line": "x"})
	line("a folder", args{"path": "/x", "line": "x"})
	line("by a link", args{"path": "/x/l", "line": "x"})
	line("an empty file", args{"path": "/x/empty", "line": "x"})
	line("lines of DOS", args{"path": "/x/dos", "line": "b"})
	line("the end of a line", args{"line": "one=uno", "regexp": "^one=1$"})
	line("validated", args{"line": "ok", "validate": "grep -q ok %s"})
	line("not valid", args{"line": "ok", "validate": "grep -q never %s"})
	line("validated by nothing", args{"line": "ok", "validate": "true"})
	line("a backup", args{"line": "x", "backup": true})
	line("an owner", args{"line": "x", "owner": "nobody", "mode": "0600"})
	line("only a mode", args{"line": "one=1", "mode": "0600"})
	line("both places", args{"line": "x", "insertafter": "a", "insertbefore": "b"})
	line("an empty pattern", args{"line": "x", "regexp": ""})
	line("no text", args{"regexp": "x"})
	line("looking ahead", args{"line": "two=9", "regexp": `^two=(?!2$).*`})
	line("looking back", args{"line": `\1 üx`, "regexp": `(?<=t)(w)o=(2)\2`, "backrefs": true})
	line("umlauts", args{"line": "grüße €"})
	for i := range scenarios {
		if s := &scenarios[i]; s.Module == "lineinfile" && s.Name == "a backup" {
			s.Paths = "~$"
		}
	}
	add(Scenario{Module: "lineinfile", Name: "a new file", Setup: hosts, Args: args{"path": "/x/new/f", "line": "x", "create": true, "mode": "0600"}, IgnoreCheck: []string{"diff", "msg"}})

	block := func(name string, a args) {
		if a["path"] == nil {
			a["path"] = "/x/f"
		}
		add(Scenario{Module: "blockinfile", Name: name, Setup: hosts + `; printf 'x\n# BEGIN ANSIBLE MANAGED BLOCK\nold\n# END ANSIBLE MANAGED BLOCK\ny\n' > /x/b`, Args: a, Paths: "~$"})
	}
	block("a new block", args{"block": "a\nb"})
	block("the same block", args{"path": "/x/b", "block": "old"})
	block("another block", args{"path": "/x/b", "block": "new\n\n"})
	block("no block", args{"path": "/x/b", "state": "absent"})
	block("an empty block", args{"path": "/x/b", "block": ""})
	block("other marks", args{"block": "q", "marker": "<!-- {mark} -->", "marker_begin": "B", "marker_end": "E"})
	block("at the beginning", args{"block": "q", "insertbefore": "BOF"})
	block("after a line", args{"block": "q", "insertafter": "^two"})
	block("before a line", args{"block": "q", "insertbefore": "^two"})
	block("after no line", args{"block": "q", "insertafter": "^none"})
	block("no file", args{"path": "/x/none", "block": "q"})
	block("a folder", args{"path": "/x", "block": "q"})
	add(Scenario{
		Module: "blockinfile", Name: "by a link", Setup: hosts, Args: args{"path": "/x/l", "block": "q", "mode": "0644"},
		Ignore: []string{"diff.1"}, IgnoreCheck: []string{"msg"}, Why: "Ansible compares the mode with the link's",
	})
	block("not valid", args{"block": "q", "validate": "false %s"})
	block("a backup", args{"block": "q", "backup": true})
	block("nothing to remove", args{"state": "absent"})
	add(Scenario{Module: "blockinfile", Name: "a new file", Setup: hosts, Args: args{"path": "/x/new", "block": "x", "create": true}, IgnoreCheck: []string{"diff"}})

	replace := func(name string, a args) {
		if a["path"] == nil {
			a["path"] = "/x/f"
		}
		add(Scenario{Module: "replace", Name: name, Setup: hosts, Args: a, Paths: "~$"})
	}
	replace("everything", args{"regexp": "two", "replace": "2"})
	replace("lines", args{"regexp": "^two=(.*)$", "replace": `\1=two`, "mode": "0600"})
	replace("nothing", args{"regexp": "none", "replace": "x"})
	replace("removed", args{"regexp": "# .*\n"})
	replace("after", args{"regexp": "2", "replace": "x", "after": "three"})
	replace("before", args{"regexp": "2", "replace": "x", "before": "# three"})
	replace("between", args{"regexp": "=", "replace": ": ", "after": "one=1", "before": "#"})
	replace("between nothing", args{"regexp": "=", "replace": ": ", "after": "none"})
	replace("no file", args{"path": "/x/none", "regexp": "x"})
	replace("a backup", args{"regexp": "one", "backup": true})
	replace("not valid", args{"regexp": "one", "validate": "false %s"})
	replace("looking around", args{"regexp": `(?<!# )t(?=wo)(?P<q>.)`, "replace": `T\g<q>ü`})
	replace("by a name", args{"regexp": "(?P<n>two)=", "replace": `\g<n>:`})

	add(
		Scenario{Module: "slurp", Name: "a file", Setup: hosts, Args: args{"src": "/x/f"}},
		Scenario{Module: "slurp", Name: "no file", Args: args{"src": "/x/f"}},
		Scenario{Module: "slurp", Name: "a folder", Setup: hosts, Args: args{"src": "/x"}},
		Scenario{Module: "tempfile", Name: "a file", Setup: hosts, Args: args{"path": "/x", "suffix": "end"}, Again: true, Ignore: []string{"path"}, Paths: "^/x/"},
		Scenario{Module: "tempfile", Name: "a folder", Setup: hosts, Args: args{"path": "/x", "state": "directory"}, Again: true, Ignore: []string{"path"}, Paths: "^/x/"},
	)
}
