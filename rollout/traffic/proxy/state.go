package proxy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"goodstate.dev/goodstate/rollout/traffic"
)

const (
	routesName    = "routes.json"
	routesVersion = 1
)

// state is what routes.json holds.
type state struct {
	Version  int     `json:"version"`
	Services []saved `json:"services"`
}

// saved is one service's route, with the positions that each of its releases has: they depend on the routes before.
type saved struct {
	Route  traffic.Route `json:"route"`
	Shares []share       `json:"shares"`
}

// loadState reads the routes. A file that cannot be understood is an error and is left as it is: serving nothing would look like
// an order to serve nothing.
func loadState(dir string) (state, error) {
	path := filepath.Join(dir, routesName)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return state{Version: routesVersion}, nil
	}
	if err != nil {
		return state{}, fmt.Errorf("read the routes: %w", err)
	}
	var st state
	in := json.NewDecoder(bytes.NewReader(b))
	in.DisallowUnknownFields()
	if err := in.Decode(&st); err != nil {
		return state{}, fmt.Errorf("routes in %s cannot be understood (nothing was changed; repair the file, or move it away to begin without routes): %w", path, err)
	}
	if st.Version != routesVersion {
		return state{}, fmt.Errorf("routes in %s have version %d, this goodstate reads version %d; use the one that wrote them", path, st.Version, routesVersion)
	}
	for _, s := range st.Services {
		err := check(s.Route)
		to := 0
		for _, sh := range s.Shares {
			if sh.To <= to || sh.To > traffic.Full {
				err = errors.Join(err, fmt.Errorf("share of release %q ends at %d, want %d to %d", sh.Release, sh.To, to+1, traffic.Full))
			}
			to = sh.To
		}
		if err != nil {
			return state{}, fmt.Errorf("routes in %s are wrong (nothing was changed; repair the file, or move it away to begin without routes): %w", path, err)
		}
	}
	return st, nil
}

// save replaces the file at once or not at all, and returns when it is on disk.
func (st state) save(dir string) error {
	b, err := json.MarshalIndent(st, "", "\t")
	if err != nil {
		return fmt.Errorf("write the routes: %w", err)
	}
	path := filepath.Join(dir, routesName)
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write the routes: %w", err)
	}
	_, err = f.Write(append(b, '\n'))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return fmt.Errorf("write the routes: %w", err)
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("write the routes: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("write the routes: %w", err)
	}
	return nil
}
