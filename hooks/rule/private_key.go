package rule

import "bytes"

func init() {
	Register(Kind{
		Name:    "private-key",
		Aliases: []string{"detect-private-key"},
		Help:    "no private key is in the text",
		Example: "{}",
		New: func(decode func(any) error) (any, error) {
			r := &privateKey{}
			return r, decode(r)
		},
	})
}

type privateKey struct{}

// The first lines of private keys: RFC 7468, PKCS #1, SEC 1, OpenSSH, PuTTY, OpenPGP, OpenVPN.
var keyMarks = [][]byte{
	[]byte("BEGIN RSA PRIVATE KEY"),
	[]byte("BEGIN DSA PRIVATE KEY"),
	[]byte("BEGIN EC PRIVATE KEY"),
	[]byte("BEGIN OPENSSH PRIVATE KEY"),
	[]byte("BEGIN PRIVATE KEY"),
	[]byte("PuTTY-User-Key-File-2"),
	[]byte("PuTTY-User-Key-File-3"),
	[]byte("BEGIN SSH2 ENCRYPTED PRIVATE KEY"),
	[]byte("BEGIN PGP PRIVATE KEY BLOCK"),
	[]byte("BEGIN ENCRYPTED PRIVATE KEY"),
	[]byte("BEGIN OpenVPN Static key V1"),
}

func (*privateKey) Wants(f *File) bool { return f.HasText() && f.Size > 16 }

func (*privateKey) Check(f *File) ([]Finding, error) {
	return Text("private-key", f, func(text []byte) []Finding {
		if !bytes.Contains(text, []byte("BEGIN ")) && !bytes.Contains(text, []byte("PuTTY-User-Key-File-")) {
			return nil // two passes instead of eleven for nearly every file
		}
		var found []Finding
		for _, mark := range keyMarks {
			if offset := bytes.Index(text, mark); offset >= 0 {
				f := at(text, offset, "a private key (%s); take it out, and make a new one if it was ever pushed", mark)
				found = append(found, f)
			}
		}
		return found
	})
}
