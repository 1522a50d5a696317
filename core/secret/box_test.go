package secret

import (
	"bytes"
	"path/filepath"
	"testing"
)

func TestABoxOpensItsOwnValuesInTheirPlaceOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	box, err := OpenBox(path)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := box.Seal("credential/web/ssh", []byte("hunter2hunter2"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte("hunter2")) {
		t.Fatal("the value can be read in what is sealed")
	}
	again, err := OpenBox(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Open("credential/web/ssh", sealed); err != nil || string(got) != "hunter2hunter2" {
		t.Fatalf("opened again with the same key: %q, %v", got, err)
	}
	if _, err := again.Open("credential/db/ssh", sealed); err == nil {
		t.Error("it opens in another place")
	}
	other, err := OpenBox(filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Open("credential/web/ssh", sealed); err == nil {
		t.Error("it opens with another key")
	}
	sealed[len(sealed)-1] ^= 1
	if _, err := again.Open("credential/web/ssh", sealed); err == nil {
		t.Error("it opens although a bit is turned")
	}
}
