package moduletest

func init() {
	const tree = "mkdir -p /x/d/e /x/empty; echo a > /x/f; echo b > /x/d/g; ln -s f /x/l; ln -s gone /x/broken; ln -s d /x/dl; ln /x/f /x/h; chmod 640 /x/f; echo z > /x/z"
	file := func(name string, a args) { add(Scenario{Module: "file", Name: name, Setup: tree, Args: a}) }
	add(Scenario{Module: "file", Name: "a folder", Setup: tree, Args: args{"path": "/x/new/deep", "state": "directory", "mode": "0750", "owner": "daemon", "group": 1}, IgnoreCheck: []string{"diff"}})
	file("a folder that is there", args{"path": "/x/d", "state": "directory", "mode": "u=rwx,g=rx,o="})
	file("a folder and all in it", args{"path": "/x/d", "state": "directory", "mode": "u=rwX,g=rX,o=", "recurse": true, "owner": "daemon"})
	file("a folder where a file is", args{"path": "/x/f", "state": "directory"})
	file("a folder below a file", args{"path": "/x/z/y", "state": "directory"})
	file("a folder by a link", args{"path": "/x/dl", "state": "directory", "mode": "0700"})
	file("a folder in place of a link", args{"path": "/x/dl", "state": "directory", "follow": false})
	file("nothing", args{"path": "/x/d", "state": "absent"})
	file("no file", args{"path": "/x/f", "state": "absent"})
	file("no link", args{"path": "/x/dl", "state": "absent"})
	file("nothing where nothing is", args{"path": "/x/none", "state": "absent"})
	file("nothing below a file", args{"path": "/x/f/none", "state": "absent"})
	file("a mode", args{"path": "/x/z", "mode": "0600"})
	file("a mode as a number", args{"path": "/x/z", "mode": 0o600})
	file("a mode that YAML read as decimal", args{"path": "/x/z", "mode": 644})
	file("added bits", args{"path": "/x/z", "mode": "+x"})
	file("special bits", args{"path": "/x/z", "mode": "u+s,g+s,o+t"})
	file("bad mode", args{"path": "/x/z", "mode": "u=q"})
	file("too big a mode", args{"path": "/x/z", "mode": "u=rwx,z"})
	file("an owner", args{"path": "/x/f", "owner": "nobody", "group": "daemon", "mode": "4755"})
	file("an unknown group", args{"path": "/x/f", "group": "no-such-group"})
	file("a file by a link", args{"path": "/x/l", "state": "file", "mode": "0600"})
	file("a file that is not there", args{"path": "/x/none"})
	file("the file of a broken link", args{"path": "/x/broken", "state": "file"})
	file("a link", args{"path": "/x/new", "src": "f", "state": "link"})
	file("a link again", args{"path": "/x/l", "src": "f", "state": "link"})
	file("a link elsewhere", args{"path": "/x/l", "src": "/x/z", "state": "link"})
	file("a link to nothing", args{"path": "/x/new", "src": "/nowhere", "state": "link"})
	file("a link to nothing, forced", args{"path": "/x/new", "src": "/nowhere", "state": "link", "force": true, "follow": false})
	file("a link where a file is", args{"path": "/x/z", "src": "f", "state": "link"})
	file("a link where a file is, forced", args{"path": "/x/z", "src": "f", "state": "link", "force": true})
	file("a link where a folder is, forced", args{"path": "/x/d", "src": "../f", "state": "link", "force": true})
	file("a link where an empty folder is, forced", args{"path": "/x/empty", "src": "../f", "state": "link", "force": true})
	file("a link without a target", args{"path": "/x/new", "state": "link"})
	file("a hard link", args{"path": "/x/new", "src": "/x/z", "state": "hard"})
	file("a hard link again", args{"path": "/x/h", "src": "/x/f", "state": "hard"})
	file("another hard link", args{"path": "/x/h", "src": "/x/z", "state": "hard"})
	file("another hard link, forced", args{"path": "/x/h", "src": "/x/z", "state": "hard", "force": true})
	file("a hard link to nothing", args{"path": "/x/h2", "src": "/nowhere", "state": "hard"})
	file("src without link", args{"path": "/x/z", "src": "/x/f"})
	file("recurse without a folder", args{"path": "/x/z", "recurse": true})
	file("a wrong state", args{"path": "/x/z", "state": "directry"})
	file("no path", args{"state": "absent"})
	file("a wrong truth", args{"path": "/x/z", "recurse": "maybe"})
	file("an attribute", args{"path": "/x/z", "attributes": "+d"})
	add(
		Scenario{Module: "file", Name: "touched", Setup: tree, Args: args{"path": "/x/new", "state": "touch", "mode": "0600"}, Again: true, Ignore: []string{"diff"}},
		Scenario{Module: "file", Name: "touched again", Setup: tree, Args: args{"path": "/x/z", "state": "touch", "mode": "0600"}, Again: true, Ignore: []string{"diff"}},
		Scenario{Module: "file", Name: "touched once", Setup: tree, Args: args{"path": "/x/new", "state": "touch", "modification_time": "preserve", "access_time": "preserve"}, IgnoreCheck: []string{"diff"}},
		Scenario{Module: "file", Name: "copied bits", Setup: tree, Args: args{"path": "/x/f", "mode": "o=g,g-r"}, Again: true},
		Scenario{Module: "file", Name: "a link with a mode", Setup: tree, Args: args{"path": "/x/new", "src": "z", "state": "link", "mode": "0604"}, IgnoreCheck: []string{"diff"}},
		Scenario{Module: "file", Name: "times", Setup: tree, Args: args{"path": "/x/z", "modification_time": "202001020304.05", "access_time": "2020-01-02", "access_time_format": "%Y-%m-%d"}, Again: true, Ignore: []string{"diff"}, Verify: "stat -c '%X %Y' /x/z"},
		Scenario{Module: "file", Name: "a bad time", Setup: tree, Args: args{"path": "/x/z", "modification_time": "soon"}},
	)
	times := []string{"stat.atime", "stat.mtime", "stat.ctime", "stat.inode", "stat.dev", "stat.version", "stat.blocks"}
	for name, path := range map[string]string{"a file": "/x/f", "a folder": "/x/d", "a link": "/x/l", "a broken link": "/x/broken", "nothing": "/x/none", "a device": "/dev/null"} {
		add(Scenario{Module: "stat", Name: name, Setup: tree, Args: args{"path": path}, Ignore: times})
	}
	add(
		Scenario{Module: "stat", Name: "by a link", Setup: tree, Args: args{"path": "/x/l", "follow": true, "get_md5": true, "checksum_algorithm": "sha512"}, Ignore: times},
		Scenario{Module: "stat", Name: "below a file", Setup: tree, Args: args{"path": "/x/f/y"}},
		Scenario{Module: "stat", Name: "little", Setup: tree, Args: args{"path": "/x/f", "get_checksum": false, "get_mime": "no", "get_attributes": "off"}, Ignore: times},
	)
}
