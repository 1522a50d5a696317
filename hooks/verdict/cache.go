package verdict

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

const (
	keySize   = len(Key{})
	perBucket = 4096   // keys in a file; beyond, the older half is forgotten
	maxFresh  = 50_000 // keys that wait to be written; more are not kept
)

// Cache is a folder of good verdicts. It is used from many goroutines, and by many processes.
type Cache struct {
	dir     string
	mu      sync.Mutex
	buckets map[byte]map[Key]struct{} // that have been read
	fresh   map[byte][]Key
	waiting int
}

// Open opens the cache in a folder, which is made when something is kept. Nothing is read before somebody asks.
func Open(dir string) *Cache {
	return &Cache{dir: dir, buckets: map[byte]map[Key]struct{}{}, fresh: map[byte][]Key{}}
}

// Has tells whether something is known to be good. A nil cache knows nothing.
func (c *Cache) Has(k Key) bool {
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_, known := c.bucket(k[0])[k]
	return known
}

// Add remembers that something is good, once Flush has written it.
func (c *Cache) Add(k Key) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.bucket(k[0])
	if _, known := b[k]; known || c.waiting >= maxFresh {
		return
	}
	b[k] = struct{}{}
	c.fresh[k[0]] = append(c.fresh[k[0]], k)
	c.waiting++
}

// Full is true when nothing more is kept before the next Flush, so that nobody needs to make a key.
func (c *Cache) Full() bool {
	if c == nil {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waiting >= maxFresh
}

func (c *Cache) path(n byte) string { return filepath.Join(c.dir, fmt.Sprintf("%02x", n)) }

func (c *Cache) bucket(n byte) map[Key]struct{} {
	if b, ok := c.buckets[n]; ok {
		return b
	}
	b := map[Key]struct{}{}
	if data, err := os.ReadFile(c.path(n)); err == nil { // what cannot be read is not known
		for ; len(data) >= keySize; data = data[keySize:] {
			b[Key(data[:keySize])] = struct{}{}
		}
	}
	c.buckets[n] = b
	return b
}

// Flush writes what was added. A cache that cannot be written is an error, and no reason to refuse anything.
func (c *Cache) Flush() error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting == 0 {
		return nil
	}
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return fmt.Errorf("cache of verdicts: %w", err)
	}
	var all error
	for n, keys := range c.fresh {
		all = errors.Join(all, appendKeys(c.path(n), keys))
	}
	c.fresh, c.waiting = map[byte][]Key{}, 0
	return all
}

// appendKeys adds keys to a file. A key that was written in part, by somebody who was killed, is cut off first.
func appendKeys(path string, keys []Key) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return fmt.Errorf("cache of verdicts: %w", err)
	}
	defer func() {
		if closed := f.Close(); err == nil && closed != nil {
			err = fmt.Errorf("cache of verdicts %s: %w", path, closed)
		}
	}()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", path, err)
	}
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("cache of verdicts: %w", err)
	}
	keep := info.Size() / int64(keySize) * int64(keySize)
	var data []byte
	if keep/int64(keySize)+int64(len(keys)) > perBucket {
		if data, err = newest(f, keep); err != nil {
			return err
		}
		keep = 0
	}
	for _, k := range keys[max(0, len(keys)-perBucket):] {
		data = append(data, k[:]...)
	}
	if err := f.Truncate(keep); err != nil {
		return fmt.Errorf("cache of verdicts: %w", err)
	}
	if _, err := f.WriteAt(data, keep); err != nil {
		return errors.Join(fmt.Errorf("cache of verdicts: %w", err), f.Truncate(keep))
	}
	return nil
}

// newest reads the younger half of a file's keys.
func newest(f *os.File, size int64) ([]byte, error) {
	half := size / int64(keySize) / 2 * int64(keySize)
	data := make([]byte, size-half)
	if _, err := f.ReadAt(data, half); err != nil {
		return nil, fmt.Errorf("cache of verdicts: %w", err)
	}
	return data, nil
}
