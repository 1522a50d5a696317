// Package prometheus asks a Prometheus, or what speaks its query API, for one number. What it could not learn is an error and
// never a number: no series, several series, stale samples, a server that is slow or gone.
package prometheus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/config"
)

// Server says where a Prometheus is and how it is asked. It is part of the settings of everything that asks one.
type Server struct {
	URL      string          `yaml:"url" json:"url" required:"true" help:"address of the Prometheus" example:"http://127.0.0.1:9090"`
	Token    config.Secret   `yaml:"token" json:"token,omitzero" help:"bearer token; as {secret: name}"`
	User     string          `yaml:"user" json:"user,omitempty" help:"user name of basic authentication"`
	Password config.Secret   `yaml:"password" json:"password,omitzero" help:"password of basic authentication; as {secret: name}"`
	Stale    config.Duration `yaml:"stale" json:"stale,omitempty" default:"1m" help:"samples that are older count as missing; set it to two scrapes or more"`
}

// Check says what is wrong with the settings.
func (s *Server) Check() error {
	u, err := url.Parse(s.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("url %q, want the address of a Prometheus, such as http://127.0.0.1:9090", s.URL)
	}
	if u.User != nil {
		return errors.New("url has a password in it; say user and password: {secret: name}")
	}
	if s.Stale < config.Duration(time.Second) {
		return fmt.Errorf("stale %s, want 1s or more", s.Stale)
	}
	if (s.User == "") != s.Password.IsZero() {
		return errors.New("user and password go together")
	}
	return nil
}

// most bounds an answer: one number needs no more.
const most = 1 << 20

// client does not follow redirects: the token is meant for the server that was named.
var client = &http.Client{
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute},
}

// ErrNoData says that the query gave no series.
var ErrNoData = errors.New("no data: the query gave no series")

// Secrets finds the value of a secret.
type Secrets func(ctx context.Context, name string) (string, error)

// Ask evaluates the query at a moment, zero being now, and returns its one number. It is an error if a sample that the query
// looks at is stale.
func (s *Server) Ask(ctx context.Context, query string, at time.Time, secret Secrets) (float64, error) {
	if at.IsZero() {
		at = time.Now()
	}
	v, err := s.one(ctx, query, at, secret)
	if err != nil {
		return 0, err
	}
	for _, sel := range instants(query) {
		taken, err := s.one(ctx, "max(timestamp("+sel+"))", at, secret)
		if errors.Is(err, ErrNoData) {
			continue // the query has said what it makes of that
		}
		if err != nil {
			return 0, fmt.Errorf("age of the samples of %s: %w", sel, err)
		}
		if age := at.Sub(time.UnixMilli(int64(taken * 1000))); age > time.Duration(s.Stale) {
			return 0, fmt.Errorf("the newest sample of %s is %s old, and older than %s counts as missing", sel, age.Round(time.Second), s.Stale)
		}
	}
	return v, nil
}

// one is one evaluation, whatever the age of the samples.
func (s *Server) one(ctx context.Context, query string, at time.Time, secret Secrets) (float64, error) {
	form := url.Values{"query": {query}, "time": {strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', 3, 64)}}
	if limit, ok := ctx.Deadline(); ok {
		form.Set("timeout", strconv.FormatInt(max(1, time.Until(limit).Milliseconds()), 10)+"ms")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(s.URL, "/")+"/api/v1/query", strings.NewReader(form.Encode()))
	if err != nil {
		return 0, fmt.Errorf("ask Prometheus: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if err := s.authorize(ctx, req, secret); err != nil {
		return 0, err
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("prometheus does not answer: %w", reason(ctx, err))
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, most+1))
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return 0, fmt.Errorf("prometheus broke off its answer: %w", reason(ctx, err))
	}
	if len(text) > most {
		return 0, fmt.Errorf("prometheus answered more than %d bytes, want one number: aggregate the query, as in sum(...)", most)
	}
	return read(res.StatusCode, text)
}

// reason is the deadline's own words where it was the deadline; a client's error would repeat the address.
func reason(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	var of *url.Error
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}

func (s *Server) authorize(ctx context.Context, req *http.Request, secret Secrets) error {
	named := s.Token
	if named.IsZero() && s.User != "" {
		named = s.Password
	}
	if named.IsZero() {
		return nil
	}
	if secret == nil {
		return fmt.Errorf("secret %s of Prometheus cannot be had here", named.Name())
	}
	value, err := secret(ctx, named.Name())
	if err != nil {
		return fmt.Errorf("ask Prometheus: %w", err)
	}
	if s.Token.IsZero() {
		req.SetBasicAuth(s.User, value)
	} else {
		req.Header.Set("Authorization", "Bearer "+value)
	}
	return nil
}

// answer is what the query API says: https://prometheus.io/docs/prometheus/latest/querying/api/
type answer struct {
	Status string `json:"status"`
	Error  string `json:"error"`
	Data   struct {
		Type   string          `json:"resultType"`
		Result json.RawMessage `json:"result"`
	} `json:"data"`
}

func read(status int, text []byte) (float64, error) {
	var a answer
	if err := json.Unmarshal(text, &a); err != nil {
		return 0, fmt.Errorf("status %d and no answer of a Prometheus; is url right?", status)
	}
	if a.Status != "success" {
		return 0, fmt.Errorf("prometheus refused the query with status %d: %.300s", status, a.Error)
	}
	var sample [2]any
	switch a.Data.Type {
	case "scalar":
		if err := json.Unmarshal(a.Data.Result, &sample); err != nil {
			return 0, fmt.Errorf("answer of Prometheus: %w", err)
		}
	case "vector":
		var series []struct {
			Value [2]any `json:"value"`
		}
		if err := json.Unmarshal(a.Data.Result, &series); err != nil {
			return 0, fmt.Errorf("answer of Prometheus: %w", err)
		}
		switch len(series) {
		case 0:
			return 0, ErrNoData
		case 1:
			sample = series[0].Value
		default:
			return 0, fmt.Errorf("the query gave %d series, want one number: aggregate it, as in sum(...)", len(series))
		}
	default:
		return 0, fmt.Errorf("the query gave a %s, want one number: an instant vector of one series, or a scalar", a.Data.Type)
	}
	word, ok := sample[1].(string)
	v, err := strconv.ParseFloat(word, 64)
	switch {
	case !ok || err != nil:
		return 0, fmt.Errorf("answer of Prometheus: %v is no number", sample[1])
	case math.IsNaN(v) || math.IsInf(v, 0):
		return 0, fmt.Errorf("the query gave %s: there was nothing to divide by", word)
	}
	return v, nil
}
