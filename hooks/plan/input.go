package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Input is a file that a plan was made from, besides the configuration that it is named after. Another content makes another plan.
type Input struct {
	Path   string `json:"path"`             // from the root of the work tree
	Digest string `json:"digest,omitempty"` // empty: there was no such file
}

// maxInput is more than any configuration has, in bytes.
const maxInput = 16 << 20

// Look is the input as it is in a folder now. Nothing outside of the folder is read.
func Look(top, name string) (Input, error) {
	in := Input{Path: name}
	root, err := os.OpenRoot(top)
	if err != nil {
		return in, fmt.Errorf("configuration %s: %w", name, err)
	}
	defer root.Close() // opened for reading only
	f, err := root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return in, nil
	}
	if err != nil {
		return in, fmt.Errorf("configuration %s: %w", name, err)
	}
	defer f.Close() // opened for reading only
	sum := sha256.New()
	n, err := io.Copy(sum, io.LimitReader(f, maxInput+1))
	if err != nil {
		return in, fmt.Errorf("configuration %s: %w", name, err)
	}
	if n > maxInput {
		return in, fmt.Errorf("configuration %s has more than %d bytes", name, maxInput)
	}
	in.Digest = hex.EncodeToString(sum.Sum(nil))
	return in, nil
}

// Fresh is true when all that the plan was made from is as it was.
func (p *Plan) Fresh(top string) (bool, error) {
	if p.Again {
		return false, nil
	}
	for _, was := range p.Inputs {
		now, err := Look(top, was.Path)
		if err != nil {
			return false, err
		}
		if now.Digest != was.Digest {
			return false, nil
		}
	}
	return true, nil
}
