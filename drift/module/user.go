package module

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

func init() {
	register(Kind{
		Name:    "user",
		Help:    "An account is there with its groups, home, shell and password, or is not",
		Example: "user: {name: deploy, groups: [www-data], append: true, shell: /bin/bash}",
		Options: []Option{
			{Name: "state", Default: "present", Choices: words("absent", "present")},
			{Name: "name", Required: true, Aliases: []string{"user"}},
			{Name: "uid", Type: Int},
			{Name: "uid_max", Type: Int, Since: "2.18"},
			{Name: "uid_min", Type: Int, Since: "2.18"},
			{Name: "non_unique", Type: Bool, Default: false},
			{Name: "group"},
			{Name: "groups", Type: List, Elements: Str},
			{Name: "comment"},
			{Name: "home", Type: Path},
			{Name: "shell", Type: Path},
			{Name: "password", NoLog: true},
			{Name: "login_class"},
			{Name: "password_expire_max", Type: Int},
			{Name: "password_expire_min", Type: Int},
			{Name: "password_expire_warn", Type: Int, Since: "2.16"},
			{Name: "password_expire_account_disable", Type: Int, Since: "2.18"},
			{Name: "seuser"},
			{Name: "force", Type: Bool, Default: false},
			{Name: "remove", Type: Bool, Default: false},
			{Name: "create_home", Type: Bool, Default: true, Aliases: []string{"createhome"}},
			{Name: "skeleton"},
			{Name: "system", Type: Bool, Default: false},
			{Name: "move_home", Type: Bool, Default: false},
			{Name: "append", Type: Bool, Default: false},
			{Name: "generate_ssh_key", Type: Bool, Default: false},
			{Name: "ssh_key_bits", Type: Int},
			{Name: "ssh_key_type", Default: "rsa"},
			{Name: "ssh_key_file", Type: Path},
			{Name: "ssh_key_comment"},
			{Name: "ssh_key_passphrase", NoLog: true},
			{Name: "update_password", Default: "always", Choices: words("always", "on_create")},
			{Name: "expires", Type: Float},
			{Name: "password_lock", Type: Bool},
			{Name: "local", Type: Bool, Default: false},
			{Name: "profile"},
			{Name: "authorization"},
			{Name: "role"},
			{Name: "hidden", Type: Bool},
			{Name: "umask"},
		},
		Check: CheckFull,
		Plan:  planUser,
	})
}

// userTask is an account on its way.
type userTask struct {
	*Task
	name   string
	now    account
	there  bool
	shadow []string // of /etc/shadow; nil where it cannot be read
}

func planUser(_ context.Context, t *Task) error {
	u := &userTask{Task: t, name: t.Str("name")}
	var err error
	u.now, err = lookupUser(u.name)
	u.there = err == nil
	if fields, err := lookup("shadow", 0, u.name, 8); err == nil {
		u.shadow = fields
	}
	t.Return("name", u.name)
	t.Return("state", t.Str("state"))
	if t.Str("state") == "absent" {
		return u.remove()
	}
	if err := u.checkPassword(); err != nil {
		return err
	}
	if u.there {
		err = u.modify()
	} else {
		err = u.create()
	}
	if err != nil {
		return err
	}
	if err := u.home(); err != nil {
		return err
	}
	u.aging()
	if t.Bool("generate_ssh_key") {
		u.sshKey()
	}
	t.After(u.told)
	return nil
}

func (u *userTask) remove() error {
	if !u.there {
		return nil
	}
	u.Return("force", u.Bool("force"))
	u.Return("remove", u.Bool("remove"))
	args := []string{u.localName("userdel")}
	if u.Bool("force") {
		args = append(args, "-f")
	}
	if u.Bool("remove") {
		args = append(args, "-r")
	}
	u.command(append(args, u.name)...)
	return nil
}

func (u *userTask) create() error {
	u.Return("system", u.Bool("system"))
	u.Return("create_home", u.Bool("create_home"))
	args := []string{u.localName("useradd")}
	if u.Has("uid") {
		args = append(args, "-u", fmt.Sprint(u.Int("uid")))
		if u.Bool("non_unique") {
			args = append(args, "-o")
		}
	}
	switch g := u.Str("group"); {
	case u.Has("group"):
		if !groupThere(g) && !u.Check { // an earlier task may make it
			return fail(fmt.Sprintf("Group %s does not exist", g))
		}
		args = append(args, "-g", g)
	case groupThere(u.name):
		args = append(args, "-N")
		if u.Bool("local") {
			args[len(args)-1] = "-n"
		}
	}
	groups, err := u.groups()
	if err != nil {
		return err
	}
	if len(groups) > 0 && !u.Bool("local") {
		args = append(args, "-G", strings.Join(groups, ","))
	}
	for _, pair := range [][2]string{{"comment", "-c"}, {"home", "-d"}, {"shell", "-s"}, {"password", "-p"}} {
		if u.Has(pair[0]) && (pair[0] != "password" || u.Str("password") != "") {
			value := u.Str(pair[0])
			if pair[0] == "password" && u.Bool("password_lock") {
				value = "!" + value
			}
			args = append(args, pair[1], value)
		}
	}
	if u.Has("expires") {
		args = append(args, "-e", u.expiry())
	}
	args = append(args, u.homeArgs()...)
	if u.Bool("system") {
		args = append(args, "-r")
	}
	for option, key := range map[string]string{"uid_min": "UID_MIN", "uid_max": "UID_MAX"} {
		if u.Has(option) {
			args = append(args, "-K", fmt.Sprintf("%s=%d", key, u.Int(option)))
		}
	}
	u.secretCommand(append(args, u.name))
	if u.Bool("local") {
		for _, g := range groups {
			u.command("lgroupmod", "-M", u.name, g)
		}
	}
	return nil
}

func (u *userTask) modify() error {
	args := []string{u.localName("usermod")}
	if u.Has("uid") && u.Int("uid") != int64(u.now.UID) {
		args = append(args, "-u", fmt.Sprint(u.Int("uid")))
		if u.Bool("non_unique") {
			args = append(args, "-o")
		}
	}
	if g := u.Str("group"); u.Has("group") {
		if !groupThere(g) {
			return fail(fmt.Sprintf("Group %s does not exist", g))
		}
		if gid := gidOf(g); gid != u.now.GID {
			args = append(args, "-g", strconv.Itoa(gid))
		}
	}
	more, err := u.groupArgs()
	if err != nil {
		return err
	}
	args = append(args, more...)
	if u.Has("comment") && u.Str("comment") != u.now.Gecos {
		args = append(args, "-c", u.Str("comment"))
	}
	if u.Has("home") && u.Str("home") != u.now.Home {
		args = append(args, "-d", u.Str("home"))
		if u.Bool("move_home") {
			args = append(args, "-m")
		}
	}
	if u.Has("shell") && u.Str("shell") != u.now.Shell {
		args = append(args, "-s", u.Str("shell"))
	}
	if u.Has("expires") && u.shadow != nil && u.shadow[7] != u.expiryDays() {
		args = append(args, "-e", u.expiry())
	}
	args = append(args, u.passwordArgs()...)
	if len(args) > 1 {
		u.secretCommand(append(args, u.name))
	}
	return nil
}

// told is what is said of the account in the end.
func (u *userTask) told(context.Context) error {
	now, err := lookupUser(u.name)
	if err != nil {
		return nil //nolint:nilerr // in check mode there is none yet
	}
	u.Return("uid", int64(now.UID))
	u.Return("group", int64(now.GID))
	u.Return("comment", now.Gecos)
	u.Return("home", now.Home)
	u.Return("shell", now.Shell)
	if u.there {
		u.Return("append", u.Bool("append"))
		u.Return("move_home", u.Bool("move_home"))
	}
	if u.Has("groups") {
		u.Return("groups", strings.Join(u.Strs("groups"), ","))
	}
	if u.Has("password") {
		u.Return("password", "NOT_LOGGING_PASSWORD")
	}
	return nil
}
