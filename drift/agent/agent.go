// Package agent runs modules on hosts: it sends the agent there, keeps one for each account that tasks are run as, talks to it, and tells a host
// that does not answer from a module that failed. It never puts a secret into a command line, and what it started ends when its channel does.
package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"goodstate.dev/goodstate/core/remote"
)

// Login says how a host is reached.
type Login struct {
	Local   bool // this machine
	Target  remote.Target
	Options remote.Options
	Folders []string // where to put the agent, before the usual places (ansible_remote_tmp)
}

// Become is the account that a task is run as, when it is not the one that logs in.
type Become struct {
	Method   string // sudo, su, doas; empty is sudo
	User     string // empty is root
	Exe      string
	Flags    string
	Password string
}

// Call is one module for a host. The arguments are a JSON object.
type Call struct {
	Module    string            `json:"module"`
	Args      json.RawMessage   `json:"args,omitempty"`
	Check     bool              `json:"check,omitempty"`
	Diff      bool              `json:"diff,omitempty"`
	NoLog     bool              `json:"no_log,omitempty"`
	Verbosity int               `json:"verbosity,omitempty"`
	Env       map[string]string `json:"env,omitempty"`
	Dir       string            `json:"dir,omitempty"`
	Tmp       string            `json:"tmp,omitempty"`
	Umask     *int              `json:"umask,omitempty"`
	MaxOutput int64             `json:"max_output,omitempty"`
	Chained   bool              `json:"chained,omitempty"` // not if the call before it failed: its result is {"not_run": true}
	Python    *Python           `json:"python,omitempty"`
	Async     *Async            `json:"async,omitempty"`
	Become    *Become           `json:"-"`
	Blobs     []Blob            `json:"-"` // what the arguments name by hash
}

// Python is a module that is run by an interpreter of the host; see package fallback.
type Python struct {
	Interpreters []string `json:"interpreters"`
	Base         string   `json:"base,omitempty"`
	Payload      string   `json:"payload"`
	Main         string   `json:"main,omitempty"`
	Style        string   `json:"style"`
	Version      string   `json:"version,omitempty"`
}

// Async lets a module run on after the call; async_status asks for it by ID.
type Async struct {
	ID      string `json:"id"`
	Seconds int    `json:"seconds"`
	Dir     string `json:"dir,omitempty"`
}

// Blob is content that a call may need. It goes to a host at most once, and only when the host has not got it.
type Blob struct {
	Hash string // SHA-256, hex
	Path string // on the controller, or
	Data []byte
}

// BecomeError says that an account could not be changed to. The host is there.
type BecomeError struct {
	Method, User string
	Msg          string // in Ansible's words where it has some
}

func (e *BecomeError) Error() string { return e.Msg }

// InstallError says that the agent cannot run on a host.
type InstallError struct {
	Target remote.Target
	Err    error
}

func (e *InstallError) Error() string {
	return fmt.Sprintf("the agent cannot run on %s: %v", e.Target, e.Err)
}
func (e *InstallError) Unwrap() error { return e.Err }

// Host is one host with its connection and its agents, made when they are needed. It may be used by several goroutines.
type Host struct {
	login Login

	mu       sync.Mutex
	client   *remote.Client
	sessions map[string]*session
	opening  map[string]*opening
	path     string // the login account's copy of the agent
}

// opening is a session that is being made; those that want it too wait.
type opening struct {
	done chan struct{}
	err  error
	s    *session
}

// NewHost makes a host; nothing is connected to before the first call.
func NewHost(login Login) *Host {
	if login.Options.Keys == nil {
		login.Options.Keys = &remote.Keys{}
	}
	return &Host{login: login, sessions: map[string]*session{}, opening: map[string]*opening{}}
}

// Do carries out one call and returns the module's result. An error is no result: a *BecomeError or *InstallError, or the host does not answer
// (*remote.UnreachableError and its like), or ctx has ended.
func (h *Host) Do(ctx context.Context, call Call) (json.RawMessage, error) {
	p, err := h.Send(ctx, call)
	if err != nil {
		return nil, err
	}
	return p.Wait(ctx)
}

// Send sends a call ahead; calls for one account are carried out in the order in which they are sent.
func (h *Host) Send(ctx context.Context, call Call) (*Pending, error) {
	s, err := h.session(ctx, call.Become)
	if err != nil {
		return nil, err
	}
	return s.send(call)
}

// Client is the connection to the host, for what needs no agent.
func (h *Host) Client(ctx context.Context) (*remote.Client, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.connected(ctx)
}

func (h *Host) connected(ctx context.Context) (*remote.Client, error) {
	if h.client != nil {
		select {
		case <-h.client.Done():
			_ = h.client.Close() // it has ended
			h.client = nil
		default:
			return h.client, nil
		}
	}
	if h.login.Local {
		h.client = remote.Local()
		return h.client, nil
	}
	client, err := remote.Dial(ctx, h.login.Target, h.login.Options)
	if err != nil {
		return nil, err
	}
	h.client = client
	return client, nil
}

// session finds or starts the agent for an account.
func (h *Host) session(ctx context.Context, as *Become) (*session, error) {
	key := as.key()
	h.mu.Lock()
	if s := h.sessions[key]; s != nil {
		if !s.ended() {
			h.mu.Unlock()
			return s, nil
		}
		delete(h.sessions, key)
	}
	if o := h.opening[key]; o != nil {
		h.mu.Unlock()
		select {
		case <-o.done:
			return o.s, o.err
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	o := &opening{done: make(chan struct{})}
	h.opening[key] = o
	kept, path := h.client, h.path
	client, err := h.connected(ctx)
	h.mu.Unlock()
	if err == nil {
		o.s, path, err = start(ctx, client, h.login, as, path)
	}
	var lost *remote.UnreachableError
	if errors.As(err, &lost) && lost.Lost && client == kept && ctx.Err() == nil { // it had broken before, and nobody had noticed
		h.drop(client)
		h.mu.Lock()
		client, err = h.connected(ctx)
		h.mu.Unlock()
		if err == nil {
			o.s, path, err = start(ctx, client, h.login, as, path)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.opening, key)
	if err == nil {
		h.sessions[key] = o.s
		if as == nil && path != "" {
			h.path = path
		}
	}
	o.err = err
	close(o.done)
	return o.s, err
}

// drop forgets a connection that has broken.
func (h *Host) drop(client *remote.Client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.client == client {
		_ = client.Close() // it is broken
		h.client = nil
	}
}

// Close ends the agents and the connection. A later call makes them anew.
func (h *Host) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []error
	for key, s := range h.sessions {
		all = append(all, s.close())
		delete(h.sessions, key)
	}
	if h.client != nil {
		all = append(all, h.client.Close())
		h.client = nil
	}
	return errors.Join(all...)
}

func (b *Become) key() string {
	if b == nil {
		return ""
	}
	return b.method() + "\x00" + b.user() + "\x00" + b.Exe + "\x00" + b.Flags + "\x00" + sum([]byte(b.Password))
}
