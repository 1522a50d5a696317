package haproxy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"

	"goodstate.dev/goodstate/rollout/traffic"
)

// memory is what the router has to know after a restart: the route, and whose the addresses are that it had lately.
type memory struct {
	Route  *traffic.Route   `json:"route,omitempty"`
	Owners map[string]owner `json:"owners"` // by address
	Order  []string         `json:"order"`  // addresses, the one that was used longest ago first
	path   string           // its file
}

// owner is the instance behind an address.
type owner struct {
	Release  string `json:"release"`
	Instance string `json:"instance"`
}

const mostOwners = 500

func recall(dir string) (*memory, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("folder of the router's memory: %w", err)
	}
	m := &memory{Owners: map[string]owner{}, path: filepath.Join(dir, "route.json")}
	text, err := os.ReadFile(m.path)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err == nil {
		err = json.Unmarshal(text, m)
	}
	if err != nil {
		return nil, fmt.Errorf("route as it was remembered: %w", err)
	}
	if m.Owners == nil {
		m.Owners = map[string]owner{}
	}
	return m, nil
}

// take makes the route the one that is wanted; it is on the disk before HAProxy is told.
func (m *memory) take(r traffic.Route) error {
	for _, b := range r.Backends {
		addr, err := addressOf(b)
		if err != nil {
			return err
		}
		if _, known := m.Owners[addr]; known {
			for i, a := range m.Order {
				if a == addr {
					m.Order = append(m.Order[:i], m.Order[i+1:]...)
					break
				}
			}
		}
		m.Owners[addr] = owner{b.Release, b.Instance}
		m.Order = append(m.Order, addr)
	}
	for len(m.Order) > mostOwners {
		delete(m.Owners, m.Order[0])
		m.Order = m.Order[1:]
	}
	m.Route = &r
	return m.save()
}

func (m *memory) save() error {
	text, err := json.Marshal(m)
	if err == nil {
		err = replace(m.path, text)
	}
	if err != nil {
		return fmt.Errorf("remember the route: %w", err)
	}
	return nil
}

// replace writes a file in one go: a reader sees the old one or the new one, also after a crash.
func replace(path string, text []byte) error {
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// addressOf is host:port of an instance.
func addressOf(b traffic.Backend) (string, error) {
	u, err := url.Parse(b.URL)
	if err != nil {
		return "", fmt.Errorf("instance %s: its address: %w", b.Instance, err)
	}
	at, err := netip.ParseAddrPort(u.Host)
	if err != nil {
		return "", fmt.Errorf("instance %s: its address %q is no IP address with a port, which HAProxy needs: %w", b.Instance, b.URL, err)
	}
	return at.String(), nil
}
