package module

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
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

// checkPassword warns of a password that is no hash: it would not let anybody in.
func (u *userTask) checkPassword() error {
	p := u.Str("password")
	if !u.Has("password") || slices.Contains([]string{"*", "!", "!!", "*************", ""}, p) {
		return nil
	}
	if strings.HasPrefix(strings.TrimLeft(p, "!"), "$") && strings.Count(p, "$") >= 3 || len(strings.TrimLeft(p, "!")) == 13 {
		if !strings.ContainsAny(p, ":*!\n") || strings.HasPrefix(p, "!") {
			return nil
		}
	}
	u.Warn("The input password appears not to have been hashed. The 'password' argument must be encrypted for this module to work properly.")
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

func (u *userTask) homeArgs() (args []string) {
	if !u.Bool("create_home") {
		return []string{"-M"}
	}
	if u.Bool("local") {
		return nil
	}
	args = []string{"-m"}
	if u.Has("skeleton") {
		args = append(args, "-k", u.Str("skeleton"))
	}
	if u.Has("umask") {
		args = append(args, "-K", "UMASK="+u.Str("umask"))
	}
	return args
}

// secretCommand runs useradd or usermod. A password hash is no argument of a program: everybody on the host can read those; chpasswd reads it.
func (u *userTask) secretCommand(args []string) {
	at := slices.Index(args, "-p")
	if at < 0 {
		u.command(args...)
		return
	}
	hash := args[at+1]
	args = slices.Delete(slices.Clone(args), at, at+2)
	if len(args) > 2 {
		u.command(args...)
	}
	u.Change(func(ctx context.Context) error {
		out, err := u.run(ctx, program{args: []string{"chpasswd", "-e"}, stdin: strings.NewReader(u.name + ":" + hash + "\n"), env: cLocale})
		if err == nil && out.rc != 0 {
			err = fail(out.stderr, Result{"name": u.name, "rc": int64(out.rc)})
		}
		return err
	})
}

func groupThere(name string) bool {
	if _, err := lookupGroup(name); err == nil {
		return true
	}
	id, err := strconv.Atoi(name)
	if err != nil {
		return false
	}
	_, err = lookupGID(id)
	return err == nil
}

// groups are the wanted further groups, by name.
func (u *userTask) groups() ([]string, error) {
	var list []string
	for _, g := range u.Strs("groups") {
		g = strings.TrimSpace(g)
		if g == "" {
			continue
		}
		if !groupThere(g) && !(u.Check && !u.there) {
			return nil, fail(fmt.Sprintf("Group %s does not exist", g))
		}
		if id, err := strconv.Atoi(g); err == nil {
			if named, err := lookupGID(id); err == nil {
				g = named.Name
			}
		}
		if !slices.Contains(list, g) {
			list = append(list, g)
		}
	}
	return list, nil
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

func gidOf(group string) int {
	if g, err := lookupGroup(group); err == nil {
		return g.GID
	}
	id, err := strconv.Atoi(group)
	if err != nil {
		return -1
	}
	return id
}

func (u *userTask) groupArgs() ([]string, error) {
	if !u.Has("groups") {
		return nil, nil
	}
	want, err := u.groups()
	if err != nil {
		return nil, err
	}
	if u.Has("group") {
		want = slices.DeleteFunc(want, func(g string) bool { return gidOf(g) == gidOf(u.Str("group")) })
	}
	now := memberOf(u.name)
	missing := slices.DeleteFunc(slices.Clone(want), func(g string) bool { return slices.Contains(now, g) })
	surplus := slices.DeleteFunc(slices.Clone(now), func(g string) bool { return slices.Contains(want, g) })
	if u.Bool("append") {
		missing = slices.DeleteFunc(missing, func(g string) bool { return gidOf(g) == u.now.GID })
		if len(missing) == 0 {
			return nil, nil
		}
		return []string{"-a", "-G", strings.Join(want, ",")}, nil
	}
	if len(missing) == 0 && len(surplus) == 0 {
		return nil, nil
	}
	return []string{"-G", strings.Join(want, ",")}, nil
}

// memberOf lists the groups that name an account.
func memberOf(name string) []string {
	lines, err := databaseLines("group")
	if err != nil {
		return nil
	}
	var list []string
	for _, line := range lines {
		f := strings.Split(line, ":")
		if len(f) == 4 && slices.Contains(strings.Split(f[3], ","), name) {
			list = append(list, f[0])
		}
	}
	return list
}

func (u *userTask) passwordArgs() (args []string) {
	now := ""
	if u.shadow != nil {
		now = u.shadow[1]
	}
	if u.Has("password_lock") {
		switch locked := strings.HasPrefix(now, "!"); {
		case u.Bool("password_lock") && !locked:
			args = append(args, "-L")
		case !u.Bool("password_lock") && locked:
			args = append(args, "-U")
		}
	}
	if u.Has("password") && u.Str("update_password") == "always" && strings.TrimLeft(now, "!") != strings.TrimLeft(u.Str("password"), "!") {
		hash := u.Str("password")
		if u.Bool("password_lock") {
			hash = "!" + strings.TrimLeft(hash, "!")
		}
		args = append(args, "-p", hash)
	}
	return args
}

func (u *userTask) expiry() string {
	if u.Float("expires") < 0 {
		return ""
	}
	return time.Unix(int64(u.Float("expires")), 0).UTC().Format("2006-01-02")
}

func (u *userTask) expiryDays() string {
	if u.Float("expires") < 0 {
		return ""
	}
	return strconv.Itoa(int(u.Float("expires")) / 86400)
}

// aging plans how long a password lives.
func (u *userTask) aging() {
	for _, a := range []struct {
		option, flag string
		field        int
	}{{"password_expire_max", "-M", 4}, {"password_expire_min", "-m", 3}, {"password_expire_warn", "-W", 5}, {"password_expire_account_disable", "-I", 6}} {
		value := strconv.FormatInt(u.Int(a.option), 10)
		if !u.Has(a.option) || u.shadow != nil && len(u.shadow) > a.field && u.shadow[a.field] == value {
			continue
		}
		u.command("chage", a.flag, value, u.name)
	}
}

// home plans the home of an account that is there and has none.
func (u *userTask) home() error {
	home := u.now.Home
	if u.Has("home") {
		home = u.Str("home")
	}
	if !u.there || !u.Bool("create_home") || home == "" || exists(home) || u.Bool("move_home") && home != u.now.Home {
		return nil
	}
	u.Change(func(context.Context) error {
		skeleton := u.Str("skeleton")
		if skeleton == "" {
			skeleton = "/etc/skel"
		}
		return u.makeHome(home, skeleton)
	})
	return nil
}

func (u *userTask) makeHome(home, skeleton string) error {
	mask := os.FileMode(0o022)
	if u.Has("umask") {
		n, err := strconv.ParseUint(u.Str("umask"), 8, 32)
		if err != nil {
			return fail("umask must be octal: " + u.Str("umask"))
		}
		mask = os.FileMode(n)
	} else if n, ok := loginDefault("UMASK"); ok {
		mask = n
	}
	if err := os.MkdirAll(home, 0o755); err != nil {
		return fail("failed to create home: " + pyPathError(err))
	}
	if err := copySkeleton(skeleton, home); err != nil {
		return err
	}
	if err := os.Chmod(home, 0o777&^mask); err != nil {
		return err
	}
	now, err := lookupUser(u.name)
	if err != nil {
		return err
	}
	return filepath.WalkDir(home, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, now.UID, now.GID))
	})
}

// loginDefault reads an octal value of login.defs(5).
func loginDefault(key string) (os.FileMode, bool) {
	text, err := os.ReadFile("/etc/login.defs")
	if err != nil {
		return 0, false
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		if f := strings.Fields(line); len(f) == 2 && f[0] == key {
			n, err := strconv.ParseUint(f[1], 8, 32)
			return os.FileMode(n), err == nil
		}
	}
	return 0, false
}

func copySkeleton(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil || rel == "." {
			return err
		}
		dest := filepath.Join(to, rel)
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch {
		case d.IsDir():
			return os.MkdirAll(dest, info.Mode().Perm())
		case info.Mode()&os.ModeSymlink != 0:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(target, dest)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.WriteFile(dest, content, info.Mode().Perm()); err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		return os.Chtimes(dest, time.Unix(st.Atim.Unix()), info.ModTime())
	})
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
