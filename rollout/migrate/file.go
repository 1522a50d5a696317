package migrate

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// limits of what is read from a release's folder.
const (
	mostFiles = 10000
	mostBytes = 16 << 20
)

// file is one migration as goose reads it.
type file struct {
	version  int64
	name     string // inside the folder
	marks    []string
	up, down []statement
	plain    bool // NO TRANSACTION: statements are not one transaction
	digest   string
}

// statement is one SQL statement with its place.
type statement struct {
	file   string
	line   int
	sql    string
	tokens []token // without comments
	marks  []string
}

// readFiles reads the migrations of a folder of the release, by version. A link that leads out of the release is refused.
func readFiles(root, dir, driver string) ([]file, error) {
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, fmt.Errorf("read the migrations of the release: %w", err)
	}
	defer r.Close()
	entries, err := fs.ReadDir(r.FS(), path.Clean(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the migrations: the release has no folder %q; set migrations.dir to where they are", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("read the migrations in %q: %w", dir, err)
	}
	if len(entries) > mostFiles {
		return nil, fmt.Errorf("read the migrations in %q: %d files, want at most %d", dir, len(entries), mostFiles)
	}
	var files []file
	for _, e := range entries {
		version, ok, err := versionOf(e.Name())
		if err != nil {
			return nil, fmt.Errorf("read the migrations in %q: %w", dir, err)
		}
		if !ok {
			continue
		}
		f, err := readFile(r, path.Join(dir, e.Name()), e.Name(), driver)
		if err != nil {
			return nil, err
		}
		f.version = version
		files = append(files, f)
	}
	slices.SortFunc(files, func(a, b file) int { return int(min(max(a.version-b.version, -1), 1)) })
	for i := 1; i < len(files); i++ {
		if files[i].version == files[i-1].version {
			return nil, fmt.Errorf("%s and %s have the same version %d; give one of them another", files[i-1].name, files[i].name, files[i].version)
		}
	}
	return files, nil
}

// versionOf takes the version from the start of a file's name. Other files are not migrations.
func versionOf(name string) (int64, bool, error) {
	digits, _, found := strings.Cut(name, "_")
	version, err := strconv.ParseInt(digits, 10, 64)
	if !found || err != nil || version < 1 {
		return 0, false, nil
	}
	switch {
	case strings.HasSuffix(name, ".sql"):
		return version, true, nil
	case strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go"):
		return 0, false, fmt.Errorf("%q is written in Go and can only be run by its own program; set migrations.command", name)
	}
	return 0, false, nil
}

func readFile(r *os.Root, at, name, driver string) (file, error) {
	f, err := r.Open(at)
	if err != nil {
		return file{}, fmt.Errorf("read the migration %q: %w", name, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, mostBytes+1))
	if err != nil {
		return file{}, fmt.Errorf("read the migration %q: %w", name, err)
	}
	if len(data) > mostBytes {
		return file{}, fmt.Errorf("read the migration %q: larger than %d MiB; load data by a program of its own", name, mostBytes>>20)
	}
	out, err := parseFile(driver, name, string(data))
	if err != nil {
		return file{}, err
	}
	sum := sha256.Sum256(data)
	out.digest = hex.EncodeToString(sum[:])
	return out, nil
}
