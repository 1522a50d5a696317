package kubernetes

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/source/files"
	"goodstate.dev/goodstate/backup/source/kubernetes/volume"
	"goodstate.dev/goodstate/backup/storage"
)

// open opens the repository of a site, with its youngest restore point of an application.
func (s *site) open(application string) (*repository.Repository, repository.Snapshot) {
	s.t.Helper()
	repo, err := repository.Open(s.t.Context(), storage.NewFolder(filepath.Join(s.dir, "copies")), "a long and random password")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = repo.Close() }) // it was only read
	if err := repo.LoadIndex(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	snap, err := repo.FindSnapshot(s.t.Context(), s.point(application))
	if err != nil {
		s.t.Fatal(err)
	}
	return repo, snap
}

// record is what the youngest restore point of an application says of its volumes.
func (s *site) record(application string) volume.Record {
	s.t.Helper()
	repo, snap := s.open(application)
	var text bytes.Buffer
	if _, err := files.Cat(s.t.Context(), repo, snap, "/"+volume.File, &text); err != nil {
		s.t.Fatal(err)
	}
	r, err := volume.Read(text.Bytes())
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// back restores the ledger's volumes of the youngest restore point of an application into a folder, and returns the numbers that they have.
func (s *site) back(application string) (data, log int) {
	s.t.Helper()
	repo, snap := s.open(application)
	dir := s.t.TempDir()
	res, err := files.Restore(s.t.Context(), repo, snap, dir, files.RestoreOptions{Path: "/volumes/shop"})
	if err != nil || len(res.Problems) > 0 {
		s.t.Fatalf("restore the volumes: %v, %v", err, res.Problems)
	}
	number := func(claim string) int {
		text, err := os.ReadFile(filepath.Join(dir, "shop", claim, "n"))
		if err != nil {
			s.t.Fatal(err)
		}
		n, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil {
			s.t.Fatalf("%s has %q", claim, text)
		}
		return n
	}
	return number("data-ledger-0"), number("log-ledger-0")
}

// The ledger writes each number into one volume and then into the other. Whoever looks between two entries sees the same in both; at any moment the first is ahead by one
// at most. The storage of the tests copies one volume after the other, also of a group, so that a copy of a ledger that is not held shows two different moments.
func TestAHeldApplicationIsConsistentOverItsVolumesTwentyTimesOfTwenty(t *testing.T) {
	c := start(t, "csi,node").withMover()
	openLedger(c)
	s := newSite(t, volumes(c, holding, "exclude: [uploads]", "parallel: 2")+strings.Replace(volumes(c, "groups: false", "exclude: [uploads]", "parallel: 2"), "    shop:", "    loose:", 1))
	last := 0
	for i := range 20 {
		s.run("backup", "run", "shop")
		data, log := s.back("shop")
		if data != log {
			t.Errorf("try %d: the ledger's volumes have %d and %d", i+1, data, log)
		}
		if data <= last {
			t.Errorf("try %d: the ledger has %d, had %d: it does not go on", i+1, data, last)
		}
		last = data
	}
	broken := 0
	var seen []string
	for i := 0; i < 20 && broken == 0; i++ {
		s.run("backup", "run", "loose")
		data, log := s.back("loose")
		seen = append(seen, fmt.Sprintf("%d and %d", data, log))
		if data != log && data != log+1 {
			broken++
		}
	}
	t.Logf("held and in a group: 20 of 20 are consistent; neither: %s", strings.Join(seen, ", "))
	if broken == 0 {
		t.Error("no copy of a ledger that is not held was inconsistent: this test shows nothing")
	}
}
