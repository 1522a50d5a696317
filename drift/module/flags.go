package module

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// flagNames are the letters of chattr(1) with the bits of linux/fs.h, in the order in which lsattr(1) shows them.
var flagNames = []struct {
	letter byte
	bit    int
}{
	{'s', 0x1},
	{'u', 0x2},
	{'S', 0x8},
	{'D', 0x10000},
	{'i', 0x10},
	{'a', 0x20},
	{'d', 0x40},
	{'A', 0x80},
	{'c', 0x4},
	{'E', 0x800},
	{'j', 0x4000},
	{'I', 0x1000},
	{'t', 0x8000},
	{'T', 0x20000},
	{'V', 0x100000},
	{'e', 0x80000},
	{'C', 0x800000},
	{'x', 0x2000000},
	{'F', 0x40000000},
	{'N', 0x10000000},
	{'P', 0x20000000},
}

const settableFlags = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x20 | 0x40 | 0x80 | 0x4000 | 0x8000 | 0x10000 | 0x20000 | 0x800000 | 0x2000000 | 0x20000000

func flagBits(letters string) (int, error) {
	bits := 0
next:
	for i := range len(letters) {
		for _, f := range flagNames {
			if f.letter == letters[i] {
				bits |= f.bit
				continue next
			}
		}
		return 0, fmt.Errorf("unknown attribute %q", letters[i])
	}
	return bits, nil
}

func flagLetters(bits int) string {
	var b strings.Builder
	for _, f := range flagNames {
		if bits&f.bit != 0 {
			b.WriteByte(f.letter)
		}
	}
	return b.String()
}

// flagsOf reads the flags of a regular file or folder.
func flagsOf(path string) (int, error) {
	f, err := openForFlags(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	bits, err := unix.IoctlGetUint32(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	return int(bits), err
}

func setFlags(path string, bits int) error {
	f, err := openForFlags(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, bits)
}

func openForFlags(path string) (*os.File, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() && !info.IsDir() {
		return nil, fmt.Errorf("%s is no regular file and no folder", path)
	}
	return os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
}

// versionOf reads the generation number of a file, as lsattr -v shows it.
func versionOf(path string) (uint32, error) {
	f, err := openForFlags(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return unix.IoctlGetUint32(int(f.Fd()), 0x80087601) // FS_IOC_GETVERSION
}

// flagLong are Ansible's words for the letters of chattr(1).
var flagLong = map[byte]string{
	'A': "noatime", 'a': "append", 'c': "compressed", 'C': "nocow", 'd': "nodump", 'D': "dirsync", 'e': "extents", 'E': "encrypted",
	'h': "blocksize", 'i': "immutable", 'I': "indexed", 'j': "journalled", 'N': "inline", 's': "zero", 'S': "synchronous", 't': "notail",
	'T': "blockroot", 'u': "undelete", 'X': "compressedraw", 'Z': "compresseddirty",
}

func flagWords(letters string) []any {
	list := []any{}
	for i := range len(letters) {
		if word := flagLong[letters[i]]; word != "" {
			list = append(list, word)
		}
	}
	return list
}
