// Package demo shows the main job on real processes with real traffic: a shop is released, its next release is bad, and
// goodstate takes it back. Every figure it prints was measured.
package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"goodstate.dev/goodstate/app"
	"goodstate.dev/goodstate/core/auth"
	"goodstate.dev/goodstate/core/good"
	"goodstate.dev/goodstate/core/run"
	"goodstate.dev/goodstate/rollout"
	"goodstate.dev/goodstate/web/api"
)

// Options say what to show.
type Options struct {
	Strategy string
	Good     bool // the second release is fine and is promoted
	Keep     bool // leave everything running afterwards
	Self     []string
	Say      func(line string) // the story, line by line
	Log      *slog.Logger
}

// Outcome is what happened, measured.
type Outcome struct {
	Strategy     string         `json:"strategy"`
	RolledBack   bool           `json:"rolled_back"`
	Promoted     bool           `json:"promoted"`
	Detected     float64        `json:"detected_after_seconds"` // from the first error that a visitor met to the trigger
	Requests     int            `json:"requests"`
	Failed       int            `json:"failed_requests"` // of visitors, on the bad release
	Lost         int            `json:"switch_lost_requests"`
	Revalidated  bool           `json:"revalidated"`
	Held         string         `json:"held,omitempty"`
	Why          string         `json:"why"`
	Run          string         `json:"run"`
	Seconds      float64        `json:"seconds"`
	Dir          string         `json:"dir,omitempty"`
	Problem      string         `json:"problem,omitempty"`
	ResultOutput rollout.Result `json:"-"`
}

// Strategies are the strategies that the demo can show.
func Strategies() []string { return []string{"canary", "bluegreen", "rolling"} }

// Run shows it. The error says why it did not come out as it should.
func Run(ctx context.Context, o Options) (out Outcome, err error) {
	began := time.Now()
	out.Strategy = o.Strategy
	dir, err := os.MkdirTemp("", "goodstate-demo-")
	if err != nil {
		return out, fmt.Errorf("folder of the demo: %w", err)
	}
	o.Say("a shop with two releases, v1 and v2, in a Git repository of its own")
	listen, err := freeAddress(ctx)
	if err != nil {
		return out, err
	}
	path := filepath.Join(dir, app.ConfigName)
	if err := errors.Join(repository(ctx, filepath.Join(dir, "shop"), o.Good), os.WriteFile(path, []byte(configuration(o.Strategy, listen)), 0o600)); err != nil {
		return out, errors.Join(err, os.RemoveAll(dir))
	}
	conf, err := app.Load(path)
	if err != nil {
		return out, err
	}
	a, err := app.Open(ctx, app.Options{Config: conf, Base: dir, Self: o.Self, Log: o.Log})
	if err != nil {
		return out, errors.Join(err, os.RemoveAll(dir))
	}
	if !o.Keep {
		defer func() { err = errors.Join(err, tidy(a, dir)) }()
	} else {
		out.Dir = dir
		defer func() { err = errors.Join(err, a.Close()) }()
	}
	if err := dashboard(ctx, a, o); err != nil {
		return out, err
	}
	err = show(ctx, a, o, "http://"+listen, &out)
	out.Seconds = time.Since(began).Seconds()
	return out, err
}

// dashboard offers the pages for as long as the demo runs, to a user with a password of its own.
func dashboard(ctx context.Context, a *app.App, o Options) error {
	password := rand.Text()[:16]
	if err := a.Auth.UserAdd(ctx, "demo", auth.Operator, password); err != nil {
		return err
	}
	address, err := a.Listen(ctx)
	if err != nil {
		return err
	}
	o.Say("watch it at " + address + " as user demo with the password " + password)
	return nil
}

func freeAddress(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("address of the shop: %w", err)
	}
	return l.Addr().String(), l.Close()
}

func show(ctx context.Context, a *app.App, o Options, address string, out *Outcome) error {
	c := a.Client()
	o.Say("release v1: build it, start three instances behind the proxy at " + address)
	loaded, leave := context.WithCancel(ctx)
	defer leave()
	var v *visitors
	_, first, err := deploy(ctx, c, o, "v1", func(step string) {
		if v == nil && strings.HasPrefix(step, "judge") {
			v = visit(loaded, address)
		}
	})
	if err != nil {
		return err
	}
	if first.Outcome != rollout.Promoted {
		return fmt.Errorf("v1 was not released: %s", first.Why)
	}
	o.Say(fmt.Sprintf("v1 is the known-good point; %d visitors use the shop now", people))
	if err := warm(ctx, v); err != nil {
		return err
	}
	o.Say("release v2 as " + o.Strategy)
	id, second, err := deploy(ctx, c, o, "v2", func(string) {})
	out.Run = id
	if err != nil {
		return err
	}
	leave()
	v.wait.Wait()
	out.Requests, out.Failed, out.Lost = v.count()
	fill(out, second, v)
	tell(o, *out)
	return judged(ctx, o, *out, address)
}

// warm lets the visitors make a past that v2 can be compared with.
func warm(ctx context.Context, v *visitors) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < 6*time.Second; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	if n, _, _ := v.count(); n == 0 {
		return errors.New("no visitor got an answer in 6s")
	}
	return nil
}

// deploy releases a version and tells what the journal says meanwhile.
func deploy(ctx context.Context, c *api.Client, o Options, version string, at func(step string)) (id string, res rollout.Result, err error) {
	info, err := c.Deploy(ctx, "shop", version, "demo", false)
	if err != nil {
		return "", res, err
	}
	for e, err := range c.Follow(ctx, info.ID, 0) {
		if err != nil {
			return info.ID, res, err
		}
		at(e.Step)
		if e.Event != "started" && e.Event != "finding" || e.Event == "finding" && e.Step == "revalidate" {
			o.Say(e.At.Local().Format("15:04:05") + "  " + e.Text)
		}
	}
	r, err := c.Run(ctx, info.ID, time.Minute)
	if err != nil {
		return info.ID, res, err
	}
	if r.State != run.Succeeded {
		return info.ID, res, fmt.Errorf("run %s %s: %s", r.ID, r.State, r.Error)
	}
	res, err = rollout.ResultOf(r.Info)
	if err == nil && res.Outcome == rollout.RolledBack {
		report, err := c.Report(ctx, info.ID)
		if err != nil {
			return info.ID, res, err
		}
		o.Say("analysis: " + report.Summary)
	}
	return info.ID, res, err
}

func fill(out *Outcome, res rollout.Result, v *visitors) {
	out.ResultOutput, out.Why, out.Held = res, res.Why, res.Held
	out.RolledBack = res.Outcome == rollout.RolledBack
	out.Promoted = res.Outcome == rollout.Promoted
	out.Revalidated = res.Revalidated == good.Pass
	if v == nil {
		return
	}
	if first := v.firstFailure("v2"); res.Trigger != nil && !first.IsZero() {
		out.Detected = max(0, res.Trigger.At.Sub(first).Seconds())
	}
}

func tell(o Options, out Outcome) {
	if out.RolledBack {
		o.Say(fmt.Sprintf("found %.1fs after the first error that a visitor met; %d of %d requests failed, %d were lost by switching", out.Detected, out.Failed, out.Requests, out.Lost))
		return
	}
	o.Say(fmt.Sprintf("%d requests, %d failed, %d were lost by switching", out.Requests, out.Failed, out.Lost))
}

// judged says whether it came out as it should, looking at the shop itself once more.
func judged(ctx context.Context, o Options, out Outcome, address string) error {
	want := "v1"
	if o.Good {
		want = "v2"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("look at the shop: %w", err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("look at the shop: %w", err)
	}
	_, err = io.Copy(io.Discard, res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return fmt.Errorf("look at the shop: %w", err)
	}
	switch serves := res.Header.Get("X-Shop"); {
	case serves != want:
		return fmt.Errorf("shop %s serves, want %s: %s", serves, want, out.Why)
	case o.Good && !out.Promoted, !o.Good && !(out.RolledBack && out.Revalidated && out.Held == "v2"):
		return fmt.Errorf("it did not come out as it should: %s", out.Why)
	case out.Lost > 0:
		return fmt.Errorf("%d requests were lost by switching, want 0", out.Lost)
	}
	return nil
}

// tidy leaves nothing behind: no instance, no proxy, no folder.
func tidy(a *app.App, dir string) error {
	ctx, stop := context.WithTimeout(context.Background(), 30*time.Second)
	defer stop()
	var errs []error
	instances, err := a.Rollouts.Runtime.List(ctx, "shop")
	errs = append(errs, err)
	for _, in := range instances {
		errs = append(errs, a.Rollouts.Runtime.Stop(ctx, in.ID))
	}
	errs = append(errs, a.StopProxy(ctx), a.Close(), os.RemoveAll(dir))
	return errors.Join(errs...)
}
