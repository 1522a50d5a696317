package bucket

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// Keys are any text; names of files are not. Each part of a key between slashes is the name of a folder or a file, where
//
//	%XX     is a byte that no file's name can have, or a percent sign
//	%empty  is the part that has nothing in it ("a//b", "a/")
//
// and a file whose name a folder has too ("a" beside "a/b") ends with %object.
const (
	nothing = "%empty"
	beside  = "%object"
)

// parts are the names of the folders and of the file of a key.
func parts(key string) []string {
	all := strings.Split(key, "/")
	for i, p := range all {
		switch p {
		case "":
			all[i] = nothing
		case ".", "..":
			all[i] = strings.ReplaceAll(p, ".", "%2E")
		default:
			all[i] = strings.ReplaceAll(strings.ReplaceAll(p, "%", "%25"), "\x00", "%00")
		}
	}
	return all
}

// keyOf is the key whose parts a path has.
func keyOf(path string) (string, error) {
	all := strings.Split(strings.TrimSuffix(path, beside), "/")
	for i, p := range all {
		if p == nothing {
			all[i] = ""
			continue
		}
		var b strings.Builder
		for j := 0; j < len(p); j++ {
			if p[j] != '%' {
				b.WriteByte(p[j])
				continue
			}
			if j+3 > len(p) {
				return "", fmt.Errorf("%q is no name of an object in a repository", path)
			}
			c, err := hex.DecodeString(p[j+1 : j+3])
			if err != nil {
				return "", fmt.Errorf("%q is no name of an object in a repository: %w", path, err)
			}
			b.Write(c)
			j += 2
		}
		all[i] = b.String()
	}
	return strings.Join(all, "/"), nil
}
