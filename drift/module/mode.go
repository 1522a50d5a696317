package module

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

const permissionBits = 0o7777

// fileMode is a mode as tasks write it: octal text, a number, or symbolic changes to what is there.
type fileMode struct {
	octal    uint32
	symbolic string
}

// parseMode reads a mode. A number is taken as it is: 420 is 0644, as YAML reads 0644.
func parseMode(value any) (fileMode, error) {
	switch v := value.(type) {
	case int64:
		return fileMode{octal: uint32(v)}, nil
	case string:
		text := strings.TrimSpace(v)
		text = strings.TrimPrefix(strings.TrimPrefix(text, "0o"), "0O")
		if n, err := strconv.ParseUint(text, 8, 32); err == nil {
			return fileMode{octal: uint32(n)}, nil
		}
		m := fileMode{symbolic: v}
		_, err := m.apply(0, false, 0)
		return m, err
	}
	return fileMode{}, fmt.Errorf("a mode is text or a number, not %s", pyType(value))
}

// on is the mode that a file with this mode shall have.
func (m fileMode) on(now os.FileMode, bits uint32) (uint32, error) {
	if m.symbolic == "" {
		return m.octal, nil
	}
	return m.apply(bits, now.IsDir(), currentUmask())
}

// apply carries out symbolic changes such as u=rwX,g-w,+x.
func (m fileMode) apply(now uint32, dir bool, umask uint32) (uint32, error) {
	mode := now
	for clause := range strings.SplitSeq(m.symbolic, ",") {
		first := strings.IndexAny(clause, "+-=")
		if first < 0 {
			if strings.Trim(clause, "ugoa") != "" || clause == "" {
				return 0, fmt.Errorf("bad symbolic permission for mode: %s", clause)
			}
			continue
		}
		users := clause[:first]
		masked := users == ""
		if users == "" || users == "a" {
			users = "ugo"
		}
		if strings.Trim(users, "ugo") != "" {
			return 0, fmt.Errorf("bad symbolic permission for mode: %s", clause)
		}
		for rest := clause[first:]; rest != ""; {
			operator := rest[0]
			perms := rest[1:]
			if next := strings.IndexAny(perms, "+-="); next >= 0 {
				perms, rest = perms[:next], perms[next:]
			} else {
				rest = ""
			}
			if strings.Trim(perms, "rwxXstugo") != "" {
				return 0, fmt.Errorf("bad symbolic permission for mode: %s", clause)
			}
			for _, user := range users {
				mask := uint32(0)
				if masked {
					mask = umask
				}
				mode = operate(mode, byte(user), operator, bitsOf(byte(user), perms, now, dir, mask))
			}
		}
	}
	return mode, nil
}

// shift is where the bits of u, g and o stand.
func shift(user byte) uint {
	return map[byte]uint{'u': 6, 'g': 3, 'o': 0}[user]
}

func special(user byte) uint32 {
	return map[byte]uint32{'u': 0o4000, 'g': 0o2000, 'o': 0o1000}[user]
}

func operate(mode uint32, user, operator byte, bits uint32) uint32 {
	switch operator {
	case '+':
		return mode | bits
	case '-':
		return mode &^ bits
	}
	return mode&^(0o7<<shift(user)|special(user)) | bits
}

// bitsOf are the bits that letters mean for one of u, g, o.
func bitsOf(user byte, perms string, now uint32, dir bool, umask uint32) uint32 {
	at := shift(user)
	var bits uint32
	for _, p := range perms {
		switch p {
		case 'r':
			bits |= 4 << at &^ umask
		case 'w':
			bits |= 2 << at &^ umask
		case 'x':
			bits |= 1 << at &^ umask
		case 'X':
			if dir || now&0o111 != 0 {
				bits |= 1 << at
			}
		case 's':
			if user != 'o' {
				bits |= special(user)
			}
		case 't':
			if user == 'o' {
				bits |= 0o1000
			}
		case 'u', 'g', 'o':
			bits |= now >> shift(byte(p)) & 7 << at
		}
	}
	return bits
}

// currentUmask reads the umask without changing it, which would be seen by everything else in the process.
func currentUmask() uint32 {
	status, err := os.ReadFile("/proc/self/status")
	if err == nil {
		for line := range strings.SplitSeq(string(status), "\n") {
			if rest, ok := strings.CutPrefix(line, "Umask:"); ok {
				if n, err := strconv.ParseUint(strings.TrimSpace(rest), 8, 32); err == nil {
					return uint32(n)
				}
			}
		}
	}
	return 0o022
}
