package moduletest

func init() {
	const someone = "groupadd -g 4242 crew; groupadd deck; useradd -m -u 4243 -s /bin/sh -c 'Jo' -G deck jo; usermod -p '$6$abcdefgh$x' jo"
	// Days in /etc/shadow are today's in both; the order of lines in subuid is of no interest.
	group := func(name string, a args) { add(Scenario{Module: "group", Name: name, Setup: someone, Args: a}) }
	group("a new one", args{"name": "gs1", "gid": 4500})
	group("a system's", args{"name": "gs1", "system": true})
	group("there already", args{"name": "crew", "gid": 4242})
	group("another id", args{"name": "crew", "gid": 4300})
	group("an id that is taken", args{"name": "crew", "gid": 1})
	group("an id that is taken, allowed", args{"name": "crew", "gid": 1, "non_unique": true})
	group("gone", args{"name": "crew", "state": "absent"})
	group("nothing to remove", args{"name": "gs1", "state": "absent"})
	group("somebody's", args{"name": "jo", "state": "absent"})
	user := func(name string, a args) {
		add(Scenario{Module: "user", Name: name, Setup: someone, Args: a, Verify: "getent passwd jo ann || :; getent shadow jo ann || :; id jo || :; id ann || :", Paths: `-$|^/etc/(shadow|gshadow|passwd|group)-?$`})
	}
	user("a new one", args{"name": "ann"})
	user("a new one with everything", args{"name": "ann", "uid": 4400, "group": "crew", "groups": []any{"deck"}, "comment": "Ann B", "home": "/srv/ann", "shell": "/bin/bash", "password": "$6$abcdefgh$ZZZ", "expires": 1893456000.0})
	user("a system's", args{"name": "ann", "system": true, "create_home": false})
	user("no such group", args{"name": "ann", "group": "none"})
	user("no such further group", args{"name": "ann", "groups": "none"})
	user("there already", args{"name": "jo", "uid": 4243, "shell": "/bin/sh"})
	user("another shell", args{"name": "jo", "shell": "/bin/bash", "comment": "Joe"})
	user("another group", args{"name": "jo", "group": "crew"})
	user("other groups", args{"name": "jo", "groups": "crew"})
	user("one more group", args{"name": "jo", "groups": []any{"crew"}, "append": true})
	user("no groups", args{"name": "jo", "groups": ""})
	user("a group more, had already", args{"name": "jo", "groups": "deck", "append": true})
	user("another home", args{"name": "jo", "home": "/srv/jo"})
	user("another home, moved", args{"name": "jo", "home": "/srv/jo", "move_home": true})
	user("a password", args{"name": "jo", "password": "$6$abcdefgh$y"})
	user("a password only for new ones", args{"name": "jo", "password": "$6$abcdefgh$y", "update_password": "on_create"})
	user("the same password", args{"name": "jo", "password": "$6$abcdefgh$x"})
	user("locked", args{"name": "jo", "password_lock": true})
	user("an end", args{"name": "jo", "expires": 1893456000})
	user("ages", args{"name": "jo", "password_expire_max": 90, "password_expire_min": 1})
	user("a home that is gone", args{"name": "jo"})
	scenarios[len(scenarios)-1].Setup += "; rm -r /home/jo"
	user("gone", args{"name": "jo", "state": "absent"})
	user("gone with everything", args{"name": "jo", "state": "absent", "remove": true})
	user("nobody to remove", args{"name": "ann", "state": "absent"})
	user("a bad id", args{"name": "ann", "uid": "x"})
	add(
		Scenario{
			Module: "user", Name: "a key", Setup: someone, Args: args{"name": "jo", "generate_ssh_key": true, "ssh_key_type": "ed25519", "ssh_key_comment": "c"},
			Ignore: []string{"ssh_fingerprint", "ssh_public_key"}, Paths: `id_ed25519`,
		},
		Scenario{
			Module: "user", Name: "a key with a passphrase", Setup: someone, Args: args{"name": "jo", "generate_ssh_key": true, "ssh_key_passphrase": "secret1"},
			Ignore: []string{"ssh_fingerprint", "ssh_public_key"}, Paths: `id_rsa`, Verify: "ssh-keygen -y -P secret1 -f /home/jo/.ssh/id_rsa >/dev/null && echo opened", Slow: true,
		},
	)
	facts := func(name string, a args) {
		add(Scenario{Module: "getent", Name: name, Setup: someone, Args: a, Facts: true})
	}
	facts("an account", args{"database": "passwd", "key": "jo"})
	facts("all groups", args{"database": "group"})
	facts("services", args{"database": "services", "key": "http"})
	facts("hosts", args{"database": "hosts"})
	facts("no account", args{"database": "passwd", "key": "none"})
	facts("no account, allowed", args{"database": "passwd", "key": "none", "fail_key": false})
	facts("no database", args{"database": "none", "key": "x"})
}
