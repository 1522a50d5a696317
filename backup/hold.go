package backup

import (
	"context"
	"fmt"
	"sync"
	"time"

	"goodstate.dev/goodstate/backup/repository"
	"goodstate.dev/goodstate/backup/storage"
)

// holds remembers when each repository's retentions were extended last. A new process begins with none, and extends them once more.
type holds struct {
	mu   sync.Mutex
	last map[string]time.Time
}

// hold extends retentions, where the storage has them and it is time.
func (b *Backups) hold(ctx context.Context, name string, repo *repository.Repository) error {
	l := storage.LockerOf(repo.Storage())
	if l == nil {
		return nil
	}
	now := time.Now()
	b.holds.mu.Lock()
	due := now.Sub(b.holds.last[name]) >= l.Retention()/4
	b.holds.mu.Unlock()
	if !due {
		return nil
	}
	if _, err := repo.Hold(ctx, now); err != nil {
		return fmt.Errorf("repository %s: %w", name, err)
	}
	b.holds.mu.Lock()
	defer b.holds.mu.Unlock()
	if b.holds.last == nil {
		b.holds.last = map[string]time.Time{}
	}
	b.holds.last[name] = now
	return nil
}
