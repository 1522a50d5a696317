package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/rollout"
	"goodstate.dev/goodstate/rollout/analysis"
	"goodstate.dev/goodstate/rollout/prevent"
	"goodstate.dev/goodstate/rollout/source"
)

// Client asks the API. The command line uses nothing else, so that it can do no more than what is offered to everybody.
type Client struct {
	http *http.Client
	base string
}

// OverSocket is a client of the process that owns a data directory.
func OverSocket(path string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}
	return &Client{http: &http.Client{Transport: &http.Transport{DialContext: dial}}, base: "http://goodstate"}
}

// call sends a request; in is the body of a POST, out takes the answer. A refusal is a *Problem.
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("request %s: %w", path, err)
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+"/api"+path, body)
	if err != nil {
		return fmt.Errorf("request %s: %w", path, err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("ask goodstate: %w", err)
	}
	text, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return fmt.Errorf("answer to %s: %w", path, err)
	}
	if res.StatusCode/100 != 2 {
		return refusal(res.StatusCode, text)
	}
	if out == nil || len(text) == 0 {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("answer to %s: %w", path, err)
	}
	return nil
}

func refusal(status int, text []byte) error {
	p := &Problem{Status: status}
	if err := json.Unmarshal(text, p); err != nil || p.Detail == "" {
		p.Detail = fmt.Sprintf("status %d: %s", status, bytes.TrimSpace(text))
	}
	return p
}

func service(name, rest string) string { return "/services/" + url.PathEscape(name) + rest }

// Services tells how all services are.
func (c *Client) Services(ctx context.Context) (out []rollout.State, err error) {
	return out, c.call(ctx, http.MethodGet, "/services", nil, &out)
}

// Service tells how one service is.
func (c *Client) Service(ctx context.Context, name string) (out rollout.State, err error) {
	return out, c.call(ctx, http.MethodGet, service(name, ""), nil, &out)
}

// Points lists the known-good points of a service, newest first.
func (c *Client) Points(ctx context.Context, name string) (out []rollout.PointState, err error) {
	return out, c.call(ctx, http.MethodGet, service(name, "/points"), nil, &out)
}

// PlanDeploy says what a deployment would do.
func (c *Client) PlanDeploy(ctx context.Context, name, version string) (out rollout.Plan, err error) {
	return out, c.call(ctx, http.MethodGet, service(name, "/plan?version="+url.QueryEscape(version)), nil, &out)
}

// PlanRollback says what a rollback would do.
func (c *Client) PlanRollback(ctx context.Context, name, to string) (out rollout.Plan, err error) {
	return out, c.call(ctx, http.MethodGet, service(name, "/plan?back=true&to="+url.QueryEscape(to)), nil, &out)
}

// Check runs all checks of a service.
func (c *Client) Check(ctx context.Context, name string) (out []good.Finding, err error) {
	return out, c.call(ctx, http.MethodPost, service(name, "/check"), nil, &out)
}

// Deploy starts a rollout.
func (c *Client) Deploy(ctx context.Context, name, version, why string, force bool) (out run.Info, err error) {
	return out, c.call(ctx, http.MethodPost, service(name, "/deploy"), map[string]any{"version": version, "why": why, "force": force}, &out)
}

// Rollback starts the way back.
func (c *Client) Rollback(ctx context.Context, name, to, why string) (out run.Info, err error) {
	return out, c.call(ctx, http.MethodPost, service(name, "/rollback"), map[string]any{"to": to, "why": why}, &out)
}

// Tell sends a signal to the rollout under way.
func (c *Client) Tell(ctx context.Context, name, signal, why string) (out run.Info, err error) {
	return out, c.call(ctx, http.MethodPost, service(name, "/tell/"+signal), map[string]any{"why": why}, &out)
}

// Hold keeps a version from being released.
func (c *Client) Hold(ctx context.Context, name, version, why string) error {
	return c.call(ctx, http.MethodPost, service(name, "/hold"), map[string]any{"version": version, "why": why}, nil)
}

// Unhold lets a version go.
func (c *Client) Unhold(ctx context.Context, name, version, why string) error {
	return c.call(ctx, http.MethodPost, service(name, "/unhold"), map[string]any{"version": version, "why": why}, nil)
}

// Runs lists runs, newest first.
func (c *Client) Runs(ctx context.Context, target, state string, limit int) (out []Run, err error) {
	q := url.Values{"target": {target}, "state": {state}, "limit": {strconv.Itoa(limit)}}
	return out, c.call(ctx, http.MethodGet, "/runs?"+q.Encode(), nil, &out)
}

// Run tells about one run; with wait it answers when the run has ended, or after that time.
func (c *Client) Run(ctx context.Context, id string, wait time.Duration) (out Run, err error) {
	return out, c.call(ctx, http.MethodGet, "/runs/"+url.PathEscape(id)+"?wait="+strconv.FormatInt(int64(wait), 10), nil, &out)
}

// Report is the analysis of a rollback.
func (c *Client) Report(ctx context.Context, id string) (out analysis.Report, err error) {
	return out, c.call(ctx, http.MethodGet, "/runs/"+url.PathEscape(id)+"/report", nil, &out)
}

// Approve agrees to what a rollout waits for.
func (c *Client) Approve(ctx context.Context, id, step, why string) (out run.Info, err error) {
	return out, c.call(ctx, http.MethodPost, "/runs/"+url.PathEscape(id)+"/approve", map[string]any{"step": step, "why": why}, &out)
}

// Revert makes a branch on which a release that was rolled back is taken back.
func (c *Client) Revert(ctx context.Context, id string, push bool) (out source.Reverted, err error) {
	return out, c.call(ctx, http.MethodPost, "/runs/"+url.PathEscape(id)+"/revert", map[string]any{"push": push}, &out)
}

// Prevent proposes what would have found the incident of a rollout earlier.
func (c *Client) Prevent(ctx context.Context, id string) (out prevent.Proposal, err error) {
	return out, c.call(ctx, http.MethodGet, "/runs/"+url.PathEscape(id)+"/prevent", nil, &out)
}

// Journal reads entries, newest first.
func (c *Client) Journal(ctx context.Context, target, runID string, limit int) (out []journal.Entry, err error) {
	q := url.Values{"target": {target}, "run": {runID}, "limit": {strconv.Itoa(limit)}}
	return out, c.call(ctx, http.MethodGet, "/journal?"+q.Encode(), nil, &out)
}

// VerifyJournal says whether the journal is what was written.
func (c *Client) VerifyJournal(ctx context.Context) (out journal.Report, err error) {
	return out, c.call(ctx, http.MethodGet, "/journal/verify", nil, &out)
}

// Users lists who may log in.
func (c *Client) Users(ctx context.Context) (out []User, err error) {
	return out, c.call(ctx, http.MethodGet, "/users", nil, &out)
}

// UserAdd lets somebody log in.
func (c *Client) UserAdd(ctx context.Context, name, role, password string) error {
	return c.call(ctx, http.MethodPost, "/users", map[string]string{"name": name, "role": role, "password": password}, nil)
}

// UserRemove lets somebody log in no more.
func (c *Client) UserRemove(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodDelete, "/users/"+url.PathEscape(name), nil, nil)
}

// ExportJournal writes the journal as JSON lines.
func (c *Client) ExportJournal(ctx context.Context, w io.Writer, target, runID string) error {
	q := url.Values{"target": {target}, "run": {runID}}
	body, err := c.stream(ctx, "/journal/export?"+q.Encode())
	if err != nil {
		return err
	}
	_, err = io.Copy(w, body)
	return errors.Join(err, body.Close())
}

// Follow returns the journal entries of a run as they come, until the run ends.
func (c *Client) Follow(ctx context.Context, runID string, after int64) iter.Seq2[journal.Entry, error] {
	return func(yield func(journal.Entry, error) bool) {
		q := url.Values{"run": {runID}, "after": {strconv.FormatInt(after, 10)}}
		body, err := c.stream(ctx, "/journal/follow?"+q.Encode())
		if err != nil {
			yield(journal.Entry{}, err)
			return
		}
		defer func() { _ = body.Close() }() // read to its end, or left by the caller
		lines := bufio.NewScanner(body)
		lines.Buffer(nil, 16<<20)
		for lines.Scan() {
			var e journal.Entry
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
				yield(e, fmt.Errorf("journal of run %s: %w", runID, err))
				return
			}
			if !yield(e, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil && ctx.Err() == nil {
			yield(journal.Entry{}, fmt.Errorf("journal of run %s: %w", runID, err))
		}
	}
}

func (c *Client) stream(ctx context.Context, path string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/api"+path, nil)
	if err != nil {
		return nil, fmt.Errorf("request %s: %w", path, err)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask goodstate: %w", err)
	}
	if res.StatusCode/100 != 2 {
		text, err := io.ReadAll(res.Body)
		return nil, errors.Join(refusal(res.StatusCode, text), err, res.Body.Close())
	}
	return res.Body, nil
}
