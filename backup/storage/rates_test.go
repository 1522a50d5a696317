package storage_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"goodstate.dev/goodstate/backup/storage"
	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/internal/real"
)

// watched says when something of it was read.
type watched struct {
	io.Reader
	read chan struct{}
}

func (w *watched) Read(p []byte) (int, error) {
	select {
	case w.read <- struct{}{}:
	default:
	}
	return w.Reader.Read(p)
}

// At a byte a second, a file would take days: who is told to stop does so at once, wherever it waits.
func TestAFileThatIsSavedAtARateEndsWhenItIsToldTo(t *testing.T) {
	server := real.StartS3(t)
	server.Bucket(t, "slow", false)
	for kind, settings := range map[string]any{
		"folder": "repo",
		"s3":     map[string]any{"endpoint": server.Endpoint, "bucket": "slow", "region": "us-east-1", "access_key": map[string]any{"secret": "id"}, "secret_key": map[string]any{"secret": "key"}},
	} {
		t.Run(kind, func(t *testing.T) {
			choice, err := config.Choose[storage.Place](kind, settings)
			if err != nil {
				t.Fatal(err)
			}
			p, err := choice.New()
			if err != nil {
				t.Fatal(err)
			}
			s, err := p.Open(t.Context(), storage.Env{Base: t.TempDir(), Rates: storage.NewRates(1, 0), Secret: func(_ context.Context, name string) (string, error) {
				return map[string]string{"id": server.ID, "key": server.Key}[name], nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			content := &watched{bytes.NewReader(make([]byte, 1<<20)), make(chan struct{}, 1)}
			ended := make(chan error, 1)
			go func() { ended <- s.Save(ctx, "data/00/slow", 1<<20, content) }()
			<-content.read
			stop()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want that it was cancelled", err)
			}
		})
	}
}
