package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// Losses are what can happen to etcd.
func (s *etcdSource) Losses() []string { return []string{LostControlPlane} }

// Census counts the keys of the scratch member.
func (s *etcdSource) Census(ctx context.Context, to Place) (all map[string]int64, err error) {
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{to.URL}, DialTimeout: 10 * time.Second, Context: ctx, Logger: zap.NewNop()})
	if err != nil {
		return nil, fmt.Errorf("scratch etcd: %w", err)
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	got, err := c.Get(ctx, "", clientv3.WithPrefix(), clientv3.WithCountOnly())
	if err != nil {
		return nil, fmt.Errorf("count the keys of the scratch etcd: %w", err)
	}
	return map[string]int64{"keys": got.Count}, nil
}

// Lose kills the scratch member and removes its data folder.
func (s *etcdSource) Lose(ctx context.Context, _ Job, _ string, to Place) (Loss, error) {
	if err := errors.Join(s.drill.stop(ctx), os.RemoveAll(to.Folder)); err != nil {
		return Loss{}, fmt.Errorf("lose the scratch etcd: %w", err)
	}
	return Loss{"etcd's member was killed and its data folder removed", to}, nil
}
