package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/hooks/server"
	"goodstate.dev/goodstate/hooks/webhook"
	"goodstate.dev/goodstate/rollout"
)

// webhooks answers what Git hosts send to /hooks/NAME. A push whose sender is proven is put into the same inbox as those of post-receive hooks.
type webhooks struct {
	*App
	secret func(ctx context.Context, name string) (string, error)

	mu      sync.Mutex
	refused map[string]*refusals // by webhook: not every knock gets a line in the journal
}

type refusals struct {
	told  time.Time
	since int
}

const (
	tellEvery = time.Minute
	readMost  = 30 * time.Second
)

// validateWebhooks reports names and services that cannot be.
func (c *Config) validateWebhooks(report func(path, message string)) {
	for name, w := range c.Webhooks.All() {
		if !validName(name) {
			report("webhooks."+name, fmt.Sprintf("webhook name %q, want letters, digits, dot, dash and underscore, at most 63", name))
		}
		for i, s := range w.Services {
			conf, ok := c.Services.Get(s)
			switch {
			case !ok:
				report(fmt.Sprintf("webhooks.%s.services[%d]", name, i), fmt.Sprintf("there is no service %q", s))
			case conf.OnPush == "":
				report(fmt.Sprintf("webhooks.%s.services[%d]", name, i), fmt.Sprintf("%s has no on_push, so no push releases it", s))
			}
		}
	}
}

func (h *webhooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	conf, ok := h.Config.Webhooks.Get(name)
	if !ok {
		http.Error(w, "there is no such webhook", http.StatusNotFound)
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(readMost)) // best effort: the size is bounded anyway
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, webhook.Most))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		http.Error(w, fmt.Sprintf("the request is larger than %d bytes", webhook.Most), http.StatusRequestEntityTooLarge)
		return
	case err != nil:
		http.Error(w, "the request broke off", http.StatusBadRequest)
		return
	}
	secret, err := h.secret(r.Context(), conf.Secret.Name())
	if err != nil {
		h.log.ErrorContext(r.Context(), "webhook without its secret", slog.String("webhook", name), slog.Any("error", err))
		http.Error(w, "not ready; goodstate's log says why", http.StatusServiceUnavailable)
		return
	}
	push, err := conf.Read(secret, r.Header, body, time.Now())
	switch {
	case errors.Is(err, webhook.ErrRefused):
		h.refuse(r.Context(), name, r.RemoteAddr)
		http.Error(w, err.Error(), http.StatusUnauthorized)
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
	default:
		h.take(w, name, conf, push)
	}
}

// take puts the push into the inbox, when it is one that releases something.
func (h *webhooks) take(w http.ResponseWriter, name string, conf webhook.Config, push webhook.Push) {
	services := h.released(conf, push)
	if len(services) == 0 {
		_, _ = fmt.Fprintln(w, "taken; it releases nothing here") // a sender that is gone needs no answer
		return
	}
	err := Inbox(h.Config.Data).Put(server.Landed{
		ID: push.ID, At: time.Now(), Who: push.Who, Repository: "webhook " + name, Services: services,
		Updates: []server.Update{{Old: "", New: push.Commit, Ref: "refs/heads/" + push.Branch}},
	})
	if err != nil {
		h.log.Error("push of a webhook not kept", slog.String("webhook", name), slog.Any("error", err))
		http.Error(w, "not kept; goodstate's log says why", http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusAccepted)
	_, _ = fmt.Fprintf(w, "taken for %v\n", services)
}

// released are the services that a push to this branch of this repository releases.
func (h *webhooks) released(conf webhook.Config, push webhook.Push) []string {
	if push.Branch == "" || push.Commit == "" {
		return nil
	}
	var out []string
	for name, s := range h.Config.Services.All() {
		wanted := slices.Contains(conf.Services, name)
		if len(conf.Services) == 0 {
			wanted = slices.ContainsFunc(push.Repository, func(address string) bool { return webhook.Same(address, s.Source.Git) })
		}
		if wanted && s.OnPush == push.Branch {
			out = append(out, name)
		}
	}
	return out
}

// refuse records a request that is not from the Git host; of many in a row it says only how many.
func (h *webhooks) refuse(ctx context.Context, name, from string) {
	h.mu.Lock()
	r := h.refused[name]
	if r == nil {
		r = &refusals{}
		h.refused[name] = r
	}
	r.since++
	n := r.since
	tell := time.Since(r.told) >= tellEvery
	if tell {
		r.told, r.since = time.Now(), 0
	}
	h.mu.Unlock()
	if !tell {
		return
	}
	text := fmt.Sprintf("webhook %s: a request from %s has no signature that holds, nothing was done", name, from)
	if n > 1 {
		text += fmt.Sprintf("; %d such requests since the last time it was said", n)
	}
	h.log.WarnContext(ctx, text)
	if _, err := h.Journal.Append(ctx, journal.Entry{Event: "webhook-refused", Actor: "webhook " + name, Text: text}); err != nil {
		h.log.ErrorContext(ctx, "not journaled", slog.Any("error", err))
	}
}

// stillNewest says whether a commit that a webhook told of is what the branch has now: who sends an old request again releases nothing old. Hosts may tell of a
// commit a moment before they give it out.
func (a *App) stillNewest(ctx context.Context, name string, s rollout.Service, commit string) (newest string, err error) {
	r, err := a.Rollouts.Source(name, s).Resolve(ctx, s.OnPush)
	if err != nil {
		return "", err
	}
	if r.Commit != commit {
		return r.Commit, nil
	}
	return "", nil
}
