package moduletest

func init() {
	add(
		Scenario{Module: "command", Name: "a program", Args: args{"_raw_params": "echo 'a  b' \"c\" d\\ e"}, Again: true, Blind: true},
		Scenario{Module: "command", Name: "argv", Args: args{"argv": []any{"printf", "%s\n\n", "$HOME"}}, Again: true, Blind: true},
		Scenario{Module: "command", Name: "creates", Args: args{"_raw_params": "touch made", "chdir": "/srv", "creates": "made"}},
		Scenario{Module: "command", Name: "creates with a pattern", Setup: "touch /srv/made.1", Args: args{"_raw_params": "false", "creates": "/srv/made*"}},
		Scenario{Module: "command", Name: "removes", Setup: "touch /srv/old", Args: args{"_raw_params": "rm old", "chdir": "/srv", "removes": "/srv/old"}},
		Scenario{Module: "command", Name: "a failure", Args: args{"_raw_params": "ls /nowhere"}, Again: true, Blind: true},
		Scenario{Module: "command", Name: "no such program", Args: args{"_raw_params": "no-such-program-here x"}, Again: true, Blind: true},
		Scenario{Module: "command", Name: "input", Args: args{"_raw_params": "cat", "stdin": "x\ny"}, Again: true, Blind: true},
		Scenario{Module: "command", Name: "input as it is", Args: args{"argv": []any{"od", "-c"}, "stdin": "x", "stdin_add_newline": false}, Again: true, Blind: true},
		Scenario{Module: "command", Name: "a folder that is not there", Args: args{"_raw_params": "pwd", "chdir": "/nowhere"}, Again: true, Blind: true},
		Scenario{Module: "command", Name: "nothing", Args: args{}},
		Scenario{Module: "command", Name: "too much", Args: args{"_raw_params": "x", "argv": []any{"y"}}},
		Scenario{Module: "command", Name: "a shell", Args: args{"_raw_params": "echo $0 ${X:-none} | tr a-z A-Z; exit 3", "_uses_shell": true}, Env: map[string]string{"X": "y"}, Again: true, Blind: true},
		Scenario{Module: "command", Name: "another shell", Args: args{"_raw_params": "echo ${BASH_VERSION:+bash}", "_uses_shell": true, "executable": "/bin/bash"}, Again: true, Blind: true},
		Scenario{Module: "command", Name: "empty ends kept", Args: args{"_raw_params": "echo; echo", "_uses_shell": true, "strip_empty_ends": false}, Again: true, Blind: true},
		Scenario{Module: "command", Name: "killed", Args: args{"_raw_params": "kill -9 $$", "_uses_shell": true}, Again: true, Blind: true},
		Scenario{Module: "shell", Name: "a line", Args: args{"cmd": "echo $((1+2))"}, Again: true, Blind: true, Only: true, Why: "Ansible's controller calls command"},
		Scenario{Module: "raw", Name: "a line", Args: args{"_raw_params": "echo x"}, Again: true, Only: true, Why: "Ansible's controller does it"},
		Scenario{
			Module: "script", Name: "arguments", Args: args{"_raw_params": "'my script.sh' a 'b c'", "_blob": "s"},
			Setup: "mkdir /blobs; printf '#!/bin/sh\\necho $# $2\\n' > /blobs/s", Again: true, Blind: true, Only: true, Why: "Ansible's controller does it",
		},
	)
}
