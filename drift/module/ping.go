package module

import (
	"context"
)

func init() {
	register(Kind{
		Name:    "ping",
		Help:    "Answer, to show that tasks can run on the host",
		Example: "ping: {}",
		Options: []Option{{Name: "data", Default: "pong"}},
		Check:   CheckFull,
		Plan: func(_ context.Context, t *Task) error {
			if t.Str("data") == "crash" {
				return fail("boom")
			}
			t.Return("ping", t.Str("data"))
			return nil
		},
	})
}
