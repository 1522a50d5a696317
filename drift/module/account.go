package module

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
)

// account is a line of passwd(5), group one of group(5).
type account struct {
	Name, Gecos, Home, Shell string
	UID, GID                 int
}

type group struct {
	Name    string
	GID     int
	Members []string
}

// lookupUser finds an account in /etc/passwd, and where it is not there asks getent(1): a static program knows no LDAP.
func lookupUser(name string) (account, error) {
	fields, err := lookup("passwd", 0, name, 7)
	if err != nil {
		return account{}, err
	}
	return parseAccount(fields)
}

func lookupUID(uid int) (account, error) {
	fields, err := lookup("passwd", 2, strconv.Itoa(uid), 7)
	if err != nil {
		return account{}, err
	}
	return parseAccount(fields)
}

func parseAccount(f []string) (account, error) {
	uid, err := strconv.Atoi(f[2])
	if err != nil {
		return account{}, fmt.Errorf("account %s has the id %q, want a number", f[0], f[2])
	}
	gid, err := strconv.Atoi(f[3])
	if err != nil {
		return account{}, fmt.Errorf("account %s has the group %q, want a number", f[0], f[3])
	}
	return account{Name: f[0], UID: uid, GID: gid, Gecos: f[4], Home: f[5], Shell: f[6]}, nil
}

func lookupGroup(name string) (group, error) {
	fields, err := lookup("group", 0, name, 4)
	if err != nil {
		return group{}, err
	}
	return parseGroup(fields)
}

func lookupGID(gid int) (group, error) {
	fields, err := lookup("group", 2, strconv.Itoa(gid), 4)
	if err != nil {
		return group{}, err
	}
	return parseGroup(fields)
}

func parseGroup(f []string) (group, error) {
	gid, err := strconv.Atoi(f[2])
	if err != nil {
		return group{}, fmt.Errorf("group %s has the id %q, want a number", f[0], f[2])
	}
	g := group{Name: f[0], GID: gid}
	if f[3] != "" {
		g.Members = strings.Split(f[3], ",")
	}
	return g, nil
}

// userName is the name of an id, or the id itself where it has none.
func userName(uid uint32) string {
	if a, err := lookupUID(int(uid)); err == nil {
		return a.Name
	}
	return strconv.Itoa(int(uid))
}

func groupName(gid uint32) string {
	if g, err := lookupGID(int(gid)); err == nil {
		return g.Name
	}
	return strconv.Itoa(int(gid))
}

// lookup finds the line of a database whose column has the value, and returns at least want fields.
func lookup(database string, column int, value string, want int) ([]string, error) {
	if value == "" {
		return nil, fmt.Errorf("no name to look up in %s", database)
	}
	lines, err := databaseLines(database)
	if err != nil {
		return nil, err
	}
	for _, line := range lines {
		fields := strings.Split(line, ":")
		if len(fields) >= want && fields[column] == value {
			return fields, nil
		}
	}
	if !otherSources(database) {
		return nil, fmt.Errorf("%s is not in %s", value, database)
	}
	out, err := exec.Command("getent", database, "--", value).Output() //nolint:noctx // a look-up of a name; getent has the resolver's own limits
	if err != nil {
		return nil, fmt.Errorf("%s is not in %s", value, database)
	}
	fields := strings.Split(strings.TrimRight(string(out), "\n"), ":")
	if len(fields) < want || fields[column] != value {
		return nil, fmt.Errorf("%s is not in %s", value, database)
	}
	return fields, nil
}

// databases keeps what was read as long as the file is the same: most tasks ask for the same names.
var databases = struct {
	sync.Mutex
	read map[string]databaseFile
}{read: map[string]databaseFile{}}

type databaseFile struct {
	info  os.FileInfo
	lines []string
}

func databaseLines(database string) ([]string, error) {
	path := "/etc/" + database
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil //nolint:nilerr // a system without the file has its names elsewhere
	}
	databases.Lock()
	defer databases.Unlock()
	if kept, ok := databases.read[path]; ok && os.SameFile(kept.info, info) && kept.info.ModTime().Equal(info.ModTime()) && kept.info.Size() == info.Size() {
		return kept.lines, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var lines []string
	for scan := bufio.NewScanner(f); scan.Scan(); {
		lines = append(lines, scan.Text())
	}
	databases.read[path] = databaseFile{info, lines}
	return lines, nil
}

// otherSources tells whether nsswitch.conf(5) names more than files for a database.
func otherSources(database string) bool {
	text, err := os.ReadFile("/etc/nsswitch.conf")
	if err != nil {
		return false
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		name, sources, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(name) != database {
			continue
		}
		for _, source := range strings.Fields(sources) {
			if source != "files" && source != "systemd" && source != "compat" && !strings.HasPrefix(source, "[") && source != "#" {
				return true
			}
		}
	}
	return false
}
