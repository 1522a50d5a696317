package client

import "testing"

func FuzzParseRaw(f *testing.F) {
	f.Add([]byte(":100644 100755 0123456789012345678901234567890123456789 0123456789012345678901234567890123456789 M\x00a b\nc\x00"))
	f.Add([]byte(":000000 120000 00 11 A\x00x\x00:100644 000000 11 00 D\x00y\x00"))
	f.Add([]byte(":1 2 3 4 \x00\x00"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := parseRaw(raw)
		if err != nil {
			return
		}
		for _, file := range c.files {
			if file.path == "" || file.oid == "" {
				t.Errorf("a file without a name or an object came out of %q", raw)
			}
		}
	})
}
