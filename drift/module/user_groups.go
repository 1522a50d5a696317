package module

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

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
