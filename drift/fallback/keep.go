package fallback

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
)

// kept is a payload in the user's cache: what it was made of says whether it is still right.
type kept struct {
	Hash  string           `json:"hash"`
	Names []string         `json:"names"`
	Files map[string]state `json:"files"`
}

// state tells one version of a file from another.
type state struct {
	Size int64 `json:"size"`
	Time int64 `json:"time"`
}

func stateOf(path string) (state, bool) {
	info, err := os.Stat(path)
	if err != nil {
		return state{}, false
	}
	return state{info.Size(), info.ModTime().UnixNano()}, true
}

// shelf is the folder of payloads; "" where there is none, or where the playbooks have module_utils of their own: a new file there changes what is packed
// without changing a file that was.
func (a *Ansible) shelf() string {
	for _, dir := range a.utilFolders() {
		if _, err := os.Stat(dir); err == nil {
			return ""
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	dir := filepath.Join(cache, "goodstate", "payloads")
	if os.MkdirAll(dir, 0o700) != nil {
		return ""
	}
	return dir
}

// recall gives a payload that was packed before, if nothing that it was made of has changed.
func (a *Ansible) recall(what string) *payload {
	dir := a.shelf()
	if dir == "" {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(dir, name(what)+".json"))
	var k kept
	if err != nil || json.Unmarshal(text, &k) != nil || len(k.Files) == 0 {
		return nil
	}
	for path, was := range k.Files {
		if now, ok := stateOf(path); !ok || now != was {
			return nil
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, name(what)+".zip"))
	if err != nil {
		return nil
	}
	sum := sha256.Sum256(data)
	if hex.EncodeToString(sum[:]) != k.Hash {
		return nil
	}
	p := &payload{hash: k.Hash, data: data, names: map[string]string{}}
	for _, n := range k.Names {
		p.names[n] = ""
	}
	return p
}

// remember keeps a payload for later runs; where that fails it is packed again.
func (a *Ansible) remember(what string, p *payload, files []string) {
	dir := a.shelf()
	if dir == "" {
		return
	}
	k := kept{Hash: p.hash, Files: map[string]state{}}
	for n := range p.names {
		k.Names = append(k.Names, n)
	}
	for _, path := range files {
		now, ok := stateOf(path)
		if !ok {
			return
		}
		k.Files[path] = now
	}
	text, err := json.Marshal(k)
	if err != nil || replace(filepath.Join(dir, name(what)+".zip"), p.data) != nil {
		return
	}
	_ = replace(filepath.Join(dir, name(what)+".json"), text) // it is packed again then
}

func name(what string) string {
	sum := sha256.Sum256([]byte(what))
	return hex.EncodeToString(sum[:16])
}

func replace(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the first error counts
	}
	return err
}
