package mover

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// door is where a session at work reports to the process that keeps the pod alive: a socket of the pod's own network, without a file.
var door = "@goodstate-mover"

// Wait keeps the pod alive for as long as sessions are at work, and for idle after the last one. A controller that died for good so leaves no pod that runs for ever.
func Wait(ctx context.Context, idle time.Duration) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", door)
	if err != nil {
		return fmt.Errorf("wait for work: %w", err)
	}
	var mu sync.Mutex
	working := 0
	timer := time.NewTimer(idle)
	defer timer.Stop()
	var sessions sync.WaitGroup
	defer sessions.Wait()
	change := func(by int) {
		mu.Lock()
		defer mu.Unlock()
		working += by
		timer.Stop()
		if working == 0 {
			timer.Reset(idle)
		}
	}
	sessions.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // it was closed
			}
			change(+1)
			sessions.Go(func() {
				_, _ = c.Read(make([]byte, 1)) // until the session ends, however
				_ = c.Close()
				change(-1)
			})
		}
	})
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
	return l.Close()
}

// opening is how long the process that waits may take to begin: a pod runs before its program does.
const opening = time.Minute

// attend tells the process that waits that there is work.
func attend(ctx context.Context) (func(), error) {
	ctx, stop := context.WithTimeout(ctx, opening)
	defer stop()
	for {
		c, err := (&net.Dialer{}).DialContext(ctx, "unix", door)
		if err == nil {
			return func() { _ = c.Close() }, nil // nothing is written to it
		}
		again := time.NewTimer(50 * time.Millisecond)
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return nil, fmt.Errorf("no mover waits here; goodstate mover runs in pods that goodstate makes: %w", err)
		}
	}
}
