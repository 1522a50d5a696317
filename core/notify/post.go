package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// newClient returns the client of one notifier. A redirect is not followed: it would turn a POST into a GET and send a signed body elsewhere.
func newClient() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: 10 * time.Second, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

const (
	answerMost  = 64 << 10 // bytes read of an answer
	excerptMost = 200      // bytes of an answer in an error
)

// postJSON sends body as JSON and returns what was answered with a status of 200 to 299. Errors name scheme and host of the URL only, because paths are often secret.
func postJSON(ctx context.Context, client *http.Client, to string, header http.Header, body any) ([]byte, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, &Refusal{Err: fmt.Errorf("the notice cannot be written as JSON: %w", err), Final: true}
	}
	h := header.Clone()
	if h == nil {
		h = http.Header{}
	}
	h.Set("Content-Type", "application/json")
	return post(ctx, client, to, h, raw)
}

func post(ctx context.Context, client *http.Client, to string, header http.Header, body []byte) ([]byte, error) {
	where, err := origin(to)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("POST %s: the request cannot be made; is the URL right?", where) // the cause repeats the URL
	}
	request.Header = header
	request.Header.Set("User-Agent", "goodstate")
	response, err := client.Do(request)
	if err != nil {
		var wrapped *url.Error // repeats the URL
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return nil, fmt.Errorf("POST %s: %w", where, err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, answerMost))
	if response.StatusCode >= 200 && response.StatusCode < 300 {
		return answer, err
	}
	said := ""
	if text := strings.TrimSpace(oneLine(string(answer))); text != "" {
		said = " (" + cut(text, excerptMost) + ")"
	}
	if response.StatusCode >= 300 && response.StatusCode < 400 {
		said += "; redirects are not followed, set the URL that it leads to"
	}
	return nil, &Refusal{
		Err:   fmt.Errorf("POST %s: answered %d%s, want 200 to 299", where, response.StatusCode, said),
		Final: final(response.StatusCode),
		After: retryAfter(response.Header.Get("Retry-After"), time.Now()),
	}
}

// origin is the part of a URL that can be shown.
func origin(to string) (string, error) {
	u, err := url.Parse(to)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", errors.New("the URL of the channel is no web address; want https://host/path")
	}
	return u.Scheme + "://" + u.Host, nil
}

// final says whether a status speaks about this very notice, so that sending it again cannot help. A wrong address or credential does not:
// an operator can set that right while the notice waits.
func final(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusGone, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return true
	}
	return false
}

// retryAfter reads the header of RFC 9110: seconds or a date; zero if there is none.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil && at.After(now) {
		return at.Sub(now)
	}
	return 0
}
