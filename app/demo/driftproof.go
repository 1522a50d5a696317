package demo

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"goodstate.dev/goodstate/core/remote"
	"goodstate.dev/goodstate/drift/engine"
	"goodstate.dev/goodstate/drift/record"
	"goodstate.dev/goodstate/drift/state"
)

// make carries the playbook out everywhere, as somebody does who sets hosts up.
func (y *driftYard) make(ctx context.Context) error {
	book := y.a.Drift.Book
	r, err := book.Begin(ctx, record.Start{ID: "demo-setup", Playbook: driftName, Mode: record.Correct, Who: driftWho, Why: "set up", Root: y.dir})
	if err != nil {
		return err
	}
	set := engine.DefaultSettings()
	dialer := &engine.Dialer{Settings: set, Keys: &remote.Keys{}}
	code, _, failure := engine.Run(ctx, engine.Options{
		Playbooks: []string{filepath.Join(y.dir, "site.yml")}, Inventory: []string{filepath.Join(y.dir, "hosts.ini")}, Settings: set, Connect: dialer.Connect,
		Report: r, Forks: 6, Timeout: 30, Diff: true, Fingerprint: book.Fingerprint, Opened: r.Opened,
	})
	err = errors.Join(failure, r.Close(failure))
	if err == nil && code != engine.Good {
		err = fmt.Errorf("the playbook could not be carried out on all hosts: %s", troubles(ctx, book))
	}
	return err
}

// troubles are why hosts were not gone through, for a message.
func troubles(ctx context.Context, book *record.Book) string {
	all, err := book.Troubles(ctx, driftName)
	if err != nil {
		return err.Error()
	}
	var words []string
	for _, host := range slices.Sorted(maps.Keys(all)) {
		words = append(words, host+": "+all[host])
	}
	return strings.Join(words, "; ")
}

// compare holds what the record says of each task on each host against what was planted.
func (y *driftYard) compare(ctx context.Context, entries int, out *DriftOutcome) error {
	out.Entries = entries
	for _, h := range y.names {
		resources, err := y.a.Drift.Book.Resources(ctx, h, driftName, "", 0)
		if err != nil {
			return err
		}
		drifted := map[string]bool{}
		for _, r := range resources {
			// Anything but drift with a known last good look is another claim than what was done.
			if drifted[r.Task] = r.State == state.Drifted && !r.GoodAt.IsZero() && r.GoodAt.Before(r.DiffersAt); !drifted[r.Task] && r.State != state.Good && r.State != state.Uncheckable {
				out.Wrong = append(out.Wrong, h+": "+r.Task+" is "+r.State.Word())
			}
		}
		for _, p := range y.plants {
			if !slices.Contains(p.hosts, h) {
				continue
			}
			out.Planted++
			if drifted[p.task] {
				out.Found++
			} else {
				out.Missed = append(out.Missed, h+": "+p.task)
			}
			delete(drifted, p.task)
		}
		for task, is := range drifted {
			if is {
				out.Wrong = append(out.Wrong, h+": "+task)
			}
		}
	}
	slices.Sort(out.Wrong)
	out.Claimed = len(out.Wrong)
	if entries != len(y.plants) {
		return fmt.Errorf("equal differences are %d entries, want %d: one for each thing that was done", entries, len(y.plants))
	}
	return nil
}

// page asks for the page of drift as a browser does, and wants every difference on it once, folded, with its hosts and since when. It returns the page's size.
func (y *driftYard) page(ctx context.Context, found []record.Cause) (int, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return 0, err
	}
	client := &http.Client{Jar: jar, Timeout: 30 * time.Second}
	form := url.Values{"name": {driftWho}, "password": {y.word}, "next": {"/drift"}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, y.address+"/login", strings.NewReader(form.Encode()))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := client.Do(r)
	if err != nil {
		return 0, fmt.Errorf("page of drift: %w", err)
	}
	defer func() { _ = res.Body.Close() }() // it was read
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, fmt.Errorf("page of drift: %w", err)
	}
	shown := html.UnescapeString(string(text))
	for _, c := range found {
		if title := c.Hosts + ": " + c.Task; strings.Count(shown, title) != 1 || !strings.Contains(shown, "since after") {
			return 0, fmt.Errorf("the page of drift has %q %d times, want it once with since when", title, strings.Count(shown, title))
		}
	}
	return len(text), nil
}

// settle lets one difference stay, corrects what the policy allows by itself, agrees to what it asks, and looks again.
func (y *driftYard) settle(ctx context.Context, found []record.Cause, out *DriftOutcome) error {
	var left []record.Cause
	for _, c := range found {
		for _, p := range y.plants {
			if p.task == c.Task && p.fate == stays {
				left = append(left, c)
			}
		}
	}
	if len(left) != 1 {
		return fmt.Errorf("%d of the differences are those that may stay, want 1", len(left))
	}
	if _, err := y.a.Drift.Accept(ctx, driftName, left[0].Cause, driftReason, driftWho, time.Now().Add(24*time.Hour)); err != nil {
		return err
	}
	y.o.Say(fmt.Sprintf("%s: %s may stay for a day: %s", left[0].Hosts, left[0].Task, driftReason))
	r, err := y.run(ctx, record.Correct)
	if err != nil {
		return err
	}
	out.Automatic = r.Corrected
	y.o.Say(fmt.Sprintf("%d are corrected by themselves, on no more than 35%% of the hosts and 2 at once; proven by another look", r.Corrected))
	if err := y.agree(ctx, out); err != nil {
		return err
	}
	if _, err = y.run(ctx, record.Detect); err != nil {
		return err
	}
	rest, err := y.causes(ctx)
	if err != nil {
		return err
	}
	return y.verdict(rest, left[0], out)
}

// agree is the approver: what the policy asks about is corrected.
func (y *driftYard) agree(ctx context.Context, out *DriftOutcome) error {
	asks, err := y.a.Drift.Book.Asks(ctx, driftName, time.Now())
	if err != nil {
		return err
	}
	if len(asks) != 1 {
		return fmt.Errorf("an approver is asked about %d differences, want 1", len(asks))
	}
	info, err := y.a.Drift.Approve(ctx, asks[0].ID, driftWho, "it was Bo, by mistake")
	if err != nil {
		return err
	}
	r, err := y.ended(ctx, info)
	if err != nil {
		return err
	}
	out.Approved = r.Corrected
	y.o.Say(fmt.Sprintf("%s on %s waited for an approver, who agrees: %d are corrected", asks[0].Task, state.Fold(asks[0].Hosts), r.Corrected))
	return nil
}

// verdict says whether everything was put right but what may stay.
func (y *driftYard) verdict(rest []record.Cause, stay record.Cause, out *DriftOutcome) error {
	if len(rest) != 1 || rest[0].Cause != stay.Cause || rest[0].Ignored != driftReason {
		return fmt.Errorf("%s, want only what may stay: %s: %s", remaining(rest), stay.Hosts, stay.Task)
	}
	out.Ignored = rest[0].Ignored
	want := map[fate]int{}
	for _, p := range y.plants {
		want[p.fate] += len(p.hosts)
	}
	if out.Automatic != want[corrected] || out.Approved != want[asked] {
		return fmt.Errorf("%d differences were corrected by themselves and %d when approved, want %d and %d", out.Automatic, out.Approved, want[corrected], want[asked])
	}
	y.o.Say(fmt.Sprintf("%d planted on %d hosts, %d found in %d entries, %d falsely claimed, %d tasks cannot be checked and are not counted as good; %d corrected, %d when approved, %d ignored; the look took %.1fs",
		out.Planted, out.Hosts, out.Found, out.Entries, out.Claimed, out.Unchecked, out.Automatic, out.Approved, stay.Count, out.Detect))
	return nil
}

func remaining(left []record.Cause) string {
	var words []string
	for _, c := range left {
		words = append(words, c.Hosts+": "+c.Task)
	}
	if len(words) == 0 {
		return "nothing is left"
	}
	return "left is " + strings.Join(words, ", ")
}
