package auth

import (
	"strings"
	"testing"
)

func TestTheDefaultCostIsWhatOWASPAsksFor(t *testing.T) {
	hash := hashPassword(goodPassword, DefaultCost)
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash is %s", hash)
	}
	if ok, err := verifyPassword(goodPassword, hash); !ok || err != nil {
		t.Errorf("the right password: %v, %v", ok, err)
	}
	if ok, err := verifyPassword(goodPassword+" ", hash); ok || err != nil {
		t.Errorf("a wrong password: %v, %v", ok, err)
	}
	if hash == hashPassword(goodPassword, DefaultCost) {
		t.Error("two hashes have the same salt")
	}
}

// The vector comes from the reference implementation's command line: echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1.
func TestHashesOfOtherProgramsAreUnderstood(t *testing.T) {
	const hash = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if ok, err := verifyPassword("password", hash); !ok || err != nil {
		t.Errorf("the right password: %v, %v", ok, err)
	}
}

func TestDamagedHashesAreErrorsAndNeverMatches(t *testing.T) {
	for _, hash := range []string{
		"", "secret", "$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=64,t=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=4000000000,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=64,t=1,p=0$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$", "$argon2id$v=19$m=64,t=1,p=1$!$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
	} {
		ok, err := verifyPassword("", hash)
		if ok || err == nil {
			t.Errorf("%q: %v, %v", hash, ok, err)
		}
		if err != nil && hash != "" && strings.Contains(err.Error(), hash) {
			t.Errorf("the error tells the hash: %v", err)
		}
	}
}

func FuzzParseHash(f *testing.F) {
	f.Add("$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	f.Add("$$$$$")
	f.Fuzz(func(t *testing.T, hash string) {
		c, salt, key, err := parseHash(hash)
		if err == nil && (c.check() != nil || len(salt) == 0 || len(key) < 16) {
			t.Errorf("%q was accepted as %+v", hash, c)
		}
	})
}
