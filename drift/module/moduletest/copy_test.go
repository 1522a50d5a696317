package moduletest

func init() {
	const files = "mkdir -p /x/d/sub /x/empty /x/dest; echo new > /x/src; echo old > /x/f; cp /x/f /x/same; echo same > /x/same1; ln -s f /x/l; chmod 604 /x/src; echo 1 > /x/d/a; echo 2 > /x/d/sub/b; ln -s a /x/d/l; chmod 600 /x/d/a; mkdir -p /x/there/plain; cp -a /x/d /x/plain; rm /x/plain/l; echo other > /x/there/plain/a"
	cp := func(name string, a args) {
		if a["src"] == nil {
			a["src"] = "/x/src"
		}
		a["remote_src"] = true
		add(Scenario{Module: "copy", Name: name, Setup: files, Args: a, Paths: "~$", Ignore: []string{"diff"}, Why: "the controller makes the diff"})
	}
	cp("a new file", args{"dest": "/x/new"})
	cp("over a file", args{"dest": "/x/f", "mode": "0600", "owner": "nobody"})
	cp("the same", args{"dest": "/x/same", "src": "/x/f"})
	cp("into a folder", args{"dest": "/x/dest"})
	add(Scenario{
		Module: "copy", Name: "into a new folder", Setup: files, Args: args{"src": "/x/src", "dest": "/x/a/b/", "directory_mode": "0700", "mode": "0640", "remote_src": true},
		Ignore: []string{"diff"}, IgnoreCheck: []string{"checksum", "dest", "md5sum", "msg"},
	})
	cp("over a link", args{"dest": "/x/l"})
	cp("by a link", args{"dest": "/x/l", "follow": true})
	cp("not over a file", args{"dest": "/x/f", "force": false})
	cp("a backup", args{"dest": "/x/f", "backup": true})
	cp("the mode too", args{"dest": "/x/new", "mode": "preserve"})
	cp("validated", args{"dest": "/x/new", "validate": "grep -q new %s"})
	cp("not valid", args{"dest": "/x/new", "validate": "false %s"})
	cp("no source", args{"src": "/x/none", "dest": "/x/new"})
	cp("no folder", args{"dest": "/x/none/new"})
	cp("a wrong checksum", args{"dest": "/x/new", "checksum": "0000"})
	cp("a folder", args{"src": "/x/plain", "dest": "/x/dest"})
	cp("what is in a folder", args{"src": "/x/plain/", "dest": "/x/dest"})
	cp("a folder that is there", args{"src": "/x/plain", "dest": "/x/there", "owner": "nobody"})
	cp("a folder to a new place", args{"src": "/x/plain", "dest": "/x/new"})
	cp("what is in a folder to a new place", args{"src": "/x/plain/", "dest": "/x/new"})
	add(
		Scenario{
			Module: "copy", Name: "a text", Setup: files, Args: args{"content": "new\n", "dest": "/x/f", "mode": "0640"}, Only: true, Why: "the controller makes a file of it",
		},
		Scenario{Module: "copy", Name: "a blob", Setup: files + "; mkdir /blobs; echo sent > /blobs/h", Args: args{"_blob": "h", "dest": "/x/dest/", "_original_basename": "n"}, Only: true, Why: "the controller sends a file"},
		Scenario{Module: "assemble", ChecksMore: true, Name: "pieces", Setup: files + "; printf b > /x/d/b", Args: args{"src": "/x/d", "dest": "/x/out", "mode": "0600"}, Ignore: []string{"diff"}},
		Scenario{Module: "assemble", ChecksMore: true, Name: "delimited", Setup: files + "; printf b > /x/d/b; echo h > /x/d/.h", Args: args{"src": "/x/d", "dest": "/x/f", "delimiter": `-\n-`, "regexp": "[ab]", "backup": true}, Ignore: []string{"diff"}, Paths: "~$"},
		Scenario{Module: "assemble", ChecksMore: true, Name: "no hidden ones", Setup: files + "; echo h > /x/d/.h", Args: args{"src": "/x/d", "dest": "/x/f", "ignore_hidden": true}, Ignore: []string{"diff"}},
		Scenario{Module: "assemble", ChecksMore: true, Name: "not valid", Setup: files, Args: args{"src": "/x/d", "dest": "/x/f", "validate": "false %s"}},
		Scenario{Module: "assemble", ChecksMore: true, Name: "no folder", Setup: files, Args: args{"src": "/x/none", "dest": "/x/f"}},
		Scenario{Module: "assemble", ChecksMore: true, Name: "a file", Setup: files, Args: args{"src": "/x/f", "dest": "/x/f"}},
	)
	find := func(name string, a args) {
		if a["paths"] == nil {
			a["paths"] = "/x"
		}
		add(Scenario{
			Module: "find", Name: name, Args: a,
			Setup:  files + "; touch -d '2020-01-01' /x/old.log; echo hidden > /x/.h; printf 'l1\\nneedle\\n' > /x/d/hay; truncate -s 3M /x/big",
			Ignore: []string{"times"}, Sort: "files",
		})
	}
	find("everything in a folder", args{"file_type": "any"})
	find("all files", args{"recurse": true})
	find("folders", args{"recurse": true, "file_type": "directory"})
	find("links", args{"recurse": true, "file_type": "link"})
	find("names", args{"patterns": "*.log,s?me*"})
	find("names by a pattern", args{"patterns": []any{"^s.*e$", "f$"}, "use_regex": true})
	find("without names", args{"excludes": "s*"})
	find("old ones", args{"age": "1w"})
	find("new ones", args{"age": "-1h"})
	find("big ones", args{"size": "1m"})
	find("small ones", args{"size": "-1k"})
	find("hidden ones", args{"hidden": true})
	find("with a text", args{"contains": "need.*", "recurse": true})
	find("with a text anywhere", args{"contains": "eedle", "recurse": true, "read_whole_file": true})
	find("not too deep", args{"recurse": true, "depth": 2})
	scenarios[len(scenarios)-1].Ignore = []string{"examined"} // Ansible counts what is deeper too
	find("checksums", args{"get_checksum": true, "patterns": "f"})
	find("nowhere", args{"paths": "/none"})
	find("a bad size", args{"size": "big"})
}
