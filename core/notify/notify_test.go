package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/store"
)

func hook(t *testing.T, name, url string) Rule {
	t.Helper()
	return rule(t, name, "webhook", map[string]any{"url": url})
}

func ids(all []received) (ids []string) {
	for _, r := range all {
		var e struct{ ID string }
		if err := json.Unmarshal(r.body, &e); err != nil {
			return append(ids, err.Error())
		}
		ids = append(ids, e.ID)
	}
	return ids
}

func TestANoticeArrivesOnceHoweverOftenItIsSent(t *testing.T) {
	r := receive(t, nil)
	n := hurried(t, openDB(t, t.TempDir()), hook(t, "ops", r.URL))
	running(t, n)
	send(t, n, rolledBack("1"), rolledBack("1"))
	eventually(t, "the notice arrives", func() bool { return len(r.all()) > 0 && len(status(t, n)) == 0 })
	send(t, n, rolledBack("1"), rolledBack("2"))
	eventually(t, "the second one arrives", func() bool { return len(r.all()) > 1 && len(status(t, n)) == 0 })
	if got := ids(r.all()); fmt.Sprint(got) != "[1 2]" {
		t.Errorf("arrived: %v", got)
	}
}

func TestNoticesWaitInOrderForAReceiverThatIsAway(t *testing.T) {
	r := receive(t, func(w http.ResponseWriter, attempt int) {
		if attempt <= 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	n := hurried(t, openDB(t, t.TempDir()), hook(t, "ops", r.URL))
	send(t, n, rolledBack("1"), rolledBack("2"), rolledBack("3"))
	running(t, n)
	eventually(t, "all arrive", func() bool { return len(r.all()) == 6 && len(status(t, n)) == 0 })
	if got := ids(r.all()); fmt.Sprint(got) != "[1 1 1 1 2 3]" {
		t.Errorf("tried: %v", got)
	}
}

func TestAChannelThatHangsDoesNotHoldUpTheOthersNorTheSender(t *testing.T) {
	release := make(chan struct{})
	slow := receive(t, func(http.ResponseWriter, int) { <-release })
	fast := receive(t, nil)
	n := hurried(t, openDB(t, t.TempDir()), hook(t, "slow", slow.URL), hook(t, "fast", fast.URL))
	stop := running(t, n)
	for i := range 20 {
		send(t, n, rolledBack(fmt.Sprint(i)))
	}
	eventually(t, "the fast channel has all, and it is recorded", func() bool {
		waits := slices.ContainsFunc(status(t, n), func(u Undelivered) bool { return u.Channel == "fast" })
		return len(fast.all()) == 20 && !waits
	})
	if got := len(slow.all()); got > 1 {
		t.Errorf("the slow one got %d at once", got)
	}
	stop()
	close(release)
	for _, u := range status(t, n) {
		if u.Channel != "slow" || u.Attempts != 0 {
			t.Errorf("left: %+v; an attempt that the end of the process cut off is no failure", u)
		}
	}
}

func TestAFailedNoticeSaysWhyAndWhenItIsTriedAgain(t *testing.T) {
	r := receive(t, func(w http.ResponseWriter, _ int) {
		w.Header().Set("Retry-After", "3600")
		http.Error(w, "too many\nrequests", http.StatusTooManyRequests)
	})
	n := hurried(t, openDB(t, t.TempDir()), hook(t, "ops", r.URL))
	n.pace = time.Second
	send(t, n, rolledBack("1"))
	if err := n.Flush(t.Context()); err != nil {
		t.Errorf("a notice that did not arrive is an error: %v", err)
	}
	left := status(t, n)
	if len(left) != 1 || left[0].Attempts != 1 || left[0].Dead || left[0].Title != rolledBack("1").Title || !strings.Contains(left[0].Error, "answered 429 (too many requests)") {
		t.Fatalf("left: %+v", left)
	}
	if wait := time.Until(left[0].Next); wait < 59*time.Minute || wait > time.Hour {
		t.Errorf("it is tried again in %s, want an hour as the receiver asked", wait)
	}
	if err := n.Flush(t.Context()); err != nil || len(r.all()) != 1 {
		t.Errorf("what is not due was tried: %v, %d requests", err, len(r.all()))
	}
}

func TestANoticeThatCanNeverArriveDoesNotBlockThoseBehindIt(t *testing.T) {
	r := receive(t, func(w http.ResponseWriter, attempt int) {
		if attempt == 1 {
			http.Error(w, "I do not like this one", http.StatusUnprocessableEntity)
		}
	})
	n := hurried(t, openDB(t, t.TempDir()), hook(t, "ops", r.URL))
	send(t, n, rolledBack("1"), rolledBack("2"))
	if err := n.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	left := status(t, n)
	if got := ids(r.all()); fmt.Sprint(got) != "[1 2]" || len(left) != 1 || !left[0].Dead || !strings.Contains(left[0].Error, "trying again cannot help: POST http://127.0.0.1") {
		t.Errorf("tried %v, left %+v", got, left)
	}
}

func TestANoticeIsGivenUpAfterADayButTriedOnceMore(t *testing.T) {
	r := receive(t, func(w http.ResponseWriter, _ int) { w.WriteHeader(http.StatusBadGateway) })
	n := hurried(t, openDB(t, t.TempDir()), hook(t, "ops", r.URL))
	send(t, n, rolledBack("1"))
	n.now = func() time.Time { return time.Now().Add(25 * time.Hour) }
	if err := n.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	left := status(t, n)
	if len(r.all()) != 1 || len(left) != 1 || !left[0].Dead || !strings.HasPrefix(left[0].Error, "given up after 24h") {
		t.Errorf("%d requests, left: %+v", len(r.all()), left)
	}
	n.now = func() time.Time { return time.Now().Add(9 * 24 * time.Hour) }
	if err := n.Flush(t.Context()); err != nil || len(status(t, n)) != 0 {
		t.Errorf("after a week it is still there: %+v, %v", status(t, n), err)
	}
}

func TestNoticesToAChannelThatWasRemovedAreGivenUpAfterADay(t *testing.T) {
	db := openDB(t, t.TempDir())
	send(t, hurried(t, db, hook(t, "old", "http://127.0.0.1:1")), rolledBack("1"))
	n := hurried(t, db)
	if err := n.Flush(t.Context()); err != nil || status(t, n)[0].Dead {
		t.Errorf("given up at once, the channel may come back: %v", err)
	}
	n.now = func() time.Time { return time.Now().Add(25 * time.Hour) }
	if err := n.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := status(t, n); len(left) != 1 || !left[0].Dead || left[0].Error != "the channel old is not in the configuration any more" {
		t.Errorf("left: %+v", left)
	}
}

func TestFlushEndsWithItsContext(t *testing.T) {
	release := make(chan struct{})
	r := receive(t, func(http.ResponseWriter, int) { <-release })
	defer close(release)
	n := hurried(t, openDB(t, t.TempDir()), hook(t, "ops", r.URL))
	send(t, n, rolledBack("1"))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begin := time.Now()
	if err := n.Flush(ctx); err != nil || time.Since(begin) > 5*time.Second {
		t.Errorf("flush says %v after %s", err, time.Since(begin))
	}
	if left := status(t, n); len(left) != 1 || left[0].Attempts != 0 || left[0].Dead {
		t.Errorf("left: %+v", left)
	}
}

func TestSecretsAreNeitherStoredNorSent(t *testing.T) {
	r := receive(t, nil)
	db := openDB(t, t.TempDir())
	n, err := New(Options{DB: db, Rules: []Rule{hook(t, "ops", r.URL)}, Redact: func(text string) string { return strings.ReplaceAll(text, "hunter22", "(secret db)") }})
	if err != nil {
		t.Fatal(err)
	}
	e := rolledBack("1")
	e.Title, e.Text, e.URL = "password hunter22", "dsn: user:hunter22@db", "https://x/?p=hunter22"
	e.Data = map[string]any{"log": []string{"login with hunter22", "ok"}, "n": json.Number("12345678901234567890")}
	send(t, n, e)
	var stored string
	if err := db.QueryRow(`SELECT payload FROM notices`).Scan(&stored); err != nil || strings.Contains(stored, "hunter22") || strings.Count(stored, "(secret db)") != 4 {
		t.Errorf("stored is %s, %v", stored, err)
	}
	if err := n.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if body := string(r.only(t).body); strings.Contains(body, "hunter22") || !strings.Contains(body, "12345678901234567890") {
		t.Errorf("sent is %s", body)
	}
}

func TestEventsThatCannotBeToldAreRefused(t *testing.T) {
	n := hurried(t, openDB(t, t.TempDir()), hook(t, "ops", "http://127.0.0.1:1"))
	for want, change := range map[string]func(*Event){
		"has no id":              func(e *Event) { e.ID = "" },
		"has no type":            func(e *Event) { e.Type = "" },
		"has no title":           func(e *Event) { e.Title = " " },
		"cannot be written as":   func(e *Event) { e.Data = make(chan int) },
		"store the notice 1: co": nil,
	} {
		e, ctx := rolledBack("1"), t.Context()
		if change != nil {
			change(&e)
		} else {
			ended, cancel := context.WithCancel(ctx)
			cancel()
			ctx = ended
		}
		if err := n.Send(ctx, e); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want one with %q", err, want)
		}
	}
	if left := status(t, n); len(left) != 0 {
		t.Errorf("stored all the same: %+v", left)
	}
}

func TestAChannelCanBeTried(t *testing.T) {
	r := receive(t, func(w http.ResponseWriter, attempt int) {
		if attempt > 1 {
			w.WriteHeader(http.StatusNotFound)
		}
	})
	n := hurried(t, openDB(t, t.TempDir()), hook(t, "ops", r.URL), hook(t, "pager", r.URL))
	defer n.client.CloseIdleConnections()
	if err := n.Test(t.Context(), "ops"); err != nil {
		t.Error(err)
	}
	if err := n.Test(t.Context(), "ops"); err == nil || !strings.Contains(err.Error(), "channel ops: POST http://127.0.0.1") || !strings.Contains(err.Error(), "answered 404") {
		t.Errorf("error is %v", err)
	}
	if err := n.Test(t.Context(), "opps"); err == nil || err.Error() != `channel "opps" is not in the configuration (did you mean ops?); there is ops, pager` {
		t.Errorf("error is %v", err)
	}
	if left := status(t, n); len(left) != 0 {
		t.Errorf("tests are in the queue: %+v", left)
	}
}

// sendAndRun is the child process of the next test.
func sendAndRun(dir, url string) {
	ctx := context.Background()
	s, err := store.Open(ctx, dir)
	if err != nil {
		panic(err)
	}
	var r Rule
	if err := json.Unmarshal(fmt.Appendf(nil, `{"name": "ops", "to": {"kind": "webhook", "settings": {"url": %q}}}`, url), &r); err != nil {
		panic(err)
	}
	n, err := New(Options{DB: s.DB(), Rules: []Rule{r}})
	if err != nil {
		panic(err)
	}
	if err := n.Send(ctx, rolledBack("1")); err != nil {
		panic(err)
	}
	n.Run(ctx)
}

func TestANoticeOfAProcessThatWasKilledInTheMiddleArrivesAgainUnderTheSameID(t *testing.T) {
	came, answer := make(chan struct{}), make(chan struct{})
	r := receive(t, func(_ http.ResponseWriter, attempt int) {
		if attempt == 1 {
			close(came)
			<-answer
		}
	})
	dir := t.TempDir()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), "NOTIFY_TEST_DIR="+dir, "NOTIFY_TEST_URL="+r.URL)
	child.Stderr = os.Stderr
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-came:
	case <-time.After(20 * time.Second):
		t.Error("the child did not send")
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed, so it says so
	close(answer)
	n := hurried(t, openDB(t, dir), hook(t, "ops", r.URL))
	running(t, n)
	eventually(t, "it arrives again", func() bool { return len(r.all()) == 2 && len(status(t, n)) == 0 })
	if got := ids(r.all()); fmt.Sprint(got) != "[1 1]" {
		t.Errorf("arrived: %v", got)
	}
}
