package mover

import (
	"context"
	"crypto/rand"
	"testing"
	"time"
)

// A pod runs before its program has begun: the work may come first.
func TestWorkThatComesBeforeThePodIsReadyWaitsForItAndKeepsItAlive(t *testing.T) {
	door = "@goodstate-mover-" + rand.Text()
	t.Cleanup(func() { door = "@goodstate-mover" })
	attended := make(chan func(), 1)
	go func() {
		done, err := attend(context.WithoutCancel(t.Context()))
		if err != nil {
			t.Error(err)
		}
		attended <- done
	}()
	ctx, stop := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer stop()
	<-ctx.Done() // the work has knocked in vain by now
	waited := make(chan error, 1)
	go func() { waited <- Wait(context.WithoutCancel(t.Context()), 5*time.Second) }()
	done := <-attended
	if done == nil {
		t.FailNow()
	}
	done()
	if err := <-waited; err != nil { // it ends by itself when there is no work any more
		t.Error(err)
	}
}

func TestWorkWithoutAPodEndsWithItsController(t *testing.T) {
	door = "@goodstate-mover-" + rand.Text()
	t.Cleanup(func() { door = "@goodstate-mover" })
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := attend(ctx); err == nil {
		t.Error("it works where nothing waits")
	}
}
