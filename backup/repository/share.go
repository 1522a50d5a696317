package repository

import (
	"encoding/json"
	"errors"
	"fmt"

	"goodstate.dev/goodstate/backup/storage"
)

// shared is what a process needs beside the storage to read and add to a repository. It is as secret as the password.
type shared struct {
	Config config    `json:"config"`
	KeyID  ID        `json:"key_id"`
	Key    masterKey `json:"key"`
}

// Share returns what JoinShared needs, to be handed to a process that works for this one: over a stream, never through a file, an argument or an environment. With it goes
// no password, so that what it opens ends when the repository gets a new key.
func (r *Repository) Share() ([]byte, error) {
	s := shared{Config: r.config, KeyID: r.keyID}
	s.Key.MAC.K, s.Key.MAC.R, s.Key.Encrypt = r.key.macK[:], r.key.macR[:], r.key.encrypt[:]
	return json.Marshal(s)
}

// JoinShared opens the repository that Share was asked of, without its index.
func JoinShared(s storage.Storage, text []byte) (*Repository, error) {
	var from shared
	if err := json.Unmarshal(text, &from); err != nil {
		return nil, errors.New("what was shared of the repository cannot be read") // without the text, which is secret
	}
	k, err := from.Key.secret()
	if err != nil {
		return nil, fmt.Errorf("what was shared of the repository: %w", err)
	}
	r := &Repository{storage: s, config: from.Config, key: k, keyID: from.KeyID}
	return r, r.ready()
}
