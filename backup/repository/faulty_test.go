package repository_test

import (
	"bytes"
	"strings"
	"testing"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/storage"
	"goodstate.dev/goodstate/backup/storage/storagetest"
)

// fill saves blobs in two packs and gives back their IDs.
func fill(t *testing.T, repo *repository.Repository) ([]repository.ID, error) {
	t.Helper()
	s := repo.NewSaver(t.Context(), repository.SaveOptions{PackSize: 64 << 10, Compression: repository.Off})
	var ids []repository.ID
	for n := range 8 {
		id, _, err := s.Save(repository.Data, bytes.Repeat([]byte{byte(n)}, 16<<10))
		if err != nil {
			return ids, err
		}
		ids = append(ids, id)
	}
	_, err := s.Finish()
	return ids, err
}

func TestAStorageThatLosesAWriteIsFoundByACheck(t *testing.T) {
	f := &storagetest.Faulty{Storage: storage.NewFolder(t.TempDir())}
	repo, err := repository.InitWith(t.Context(), f, "pw", repository.Cost{N: 2, R: 1, P: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer repo.Close()
	lost := ""
	f.Plan = func(op storagetest.Op) storagetest.Fault {
		if op.Verb == "save" && strings.HasPrefix(op.Name, "data/") && lost == "" {
			lost = op.Name
			return storagetest.Lose
		}
		return storagetest.None
	}
	if _, err := fill(t, repo); err != nil {
		t.Fatal(err)
	}
	f.Plan = nil
	res, err := repo.Check(t.Context(), repository.CheckOptions{Part: 0})
	if err != nil || len(res.Problems) != 1 || !strings.Contains(res.Problems[0], "is missing") || !strings.Contains(res.Problems[0], lost[8:16]) {
		t.Errorf("the check says %q (%v), want that pack %s is missing", res.Problems, err, lost)
	}
}

func TestAStorageThatLiesGivesNoWrongBytes(t *testing.T) {
	for name, fault := range map[string]storagetest.Fault{"wrong bytes": storagetest.Wrong, "a short read": storagetest.Short, "a broken read": storagetest.Break} {
		t.Run(name, func(t *testing.T) {
			f := &storagetest.Faulty{Storage: storage.NewFolder(t.TempDir())}
			repo, err := repository.InitWith(t.Context(), f, "pw", repository.Cost{N: 2, R: 1, P: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer repo.Close()
			ids, err := fill(t, repo)
			if err != nil {
				t.Fatal(err)
			}
			f.Plan = func(op storagetest.Op) storagetest.Fault {
				if op.Verb == "open" && strings.HasPrefix(op.Name, "data/") {
					return fault
				}
				return storagetest.None
			}
			for _, id := range ids {
				if _, err := repo.Blob(t.Context(), id); err == nil {
					t.Errorf("blob %s was read without an error", id.Short())
				}
			}
			res, err := repo.Check(t.Context(), repository.CheckOptions{Part: 1})
			if err != nil || len(res.Problems) == 0 {
				t.Errorf("the check saw nothing (%v)", err)
			}
		})
	}
}

func TestAFullStorageFailsTheBackupAndLeavesTheRepositoryWhole(t *testing.T) {
	f := &storagetest.Faulty{Storage: storage.NewFolder(t.TempDir())}
	repo, err := repository.InitWith(t.Context(), f, "pw", repository.Cost{N: 2, R: 1, P: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer repo.Close()
	packs := 0
	f.Plan = func(op storagetest.Op) storagetest.Fault {
		if op.Verb != "save" || !strings.HasPrefix(op.Name, "data/") {
			return storagetest.None
		}
		if packs++; packs > 1 {
			return storagetest.Full
		}
		return storagetest.None
	}
	if _, err := fill(t, repo); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("the backup says %v, want that there is no space", err)
	}
	f.Plan = nil
	if res, err := repo.Check(t.Context(), repository.CheckOptions{Part: 1}); err != nil || len(res.Problems) != 0 {
		t.Errorf("the check says %q (%v), want nothing", res.Problems, err)
	}
}
