package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"goodstate.dev/goodstate/core/config"
)

// receiver is what a sink posts to over HTTP.
type receiver struct {
	name    string // of the sink's kind, for messages
	url     string
	headers map[string]config.Value
	ca      string // file with certificates to trust besides the system's
	most    int64  // bytes of an answer that are read
}

// poster posts to one receiver; it keeps connections.
type poster struct{ client *http.Client }

// post returns the answer of 2xx; every other one is an error with its beginning.
func (p *poster) post(ctx context.Context, s Secrets, to receiver, path, kind string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", to.name, err)
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("User-Agent", "goodstate")
	for name, v := range to.headers {
		text, err := s.reveal(ctx, v)
		if err != nil {
			return nil, fmt.Errorf("%s: header %s: %w", to.name, name, err)
		}
		req.Header.Set(name, text)
	}
	if p.client == nil {
		if p.client, err = newClient(to.ca); err != nil {
			return nil, fmt.Errorf("%s: %w", to.name, err)
		}
	}
	res, err := p.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", to.name, err)
	}
	answer, err := io.ReadAll(io.LimitReader(res.Body, to.most))
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return nil, fmt.Errorf("%s %s: %w", to.name, to.url, err)
	}
	if res.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s %s: answered %d, want 200: %s", to.name, to.url, res.StatusCode, cut(string(bytes.ToValidUTF8(answer, []byte("?"))), 200))
	}
	return answer, nil
}
