package module

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"
)

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
