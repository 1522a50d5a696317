package notify

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// chat speaks the part of Slack's Web API that a bot needs: it keeps messages, gives them numbers, and edits them.
type chat struct {
	*httptest.Server
	mu       sync.Mutex
	messages []slackMessage // as they read now
	edits    int
	refuse   string // error that updates are answered with
}

func newChat(t *testing.T) *chat {
	c := &chat{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		var m slackMessage
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil || r.Header.Get("Authorization") != "Bearer "+secrets["token"] {
			fmt.Fprint(w, `{"ok":false,"error":"invalid_auth"}`)
			return
		}
		switch r.URL.Path {
		case "/api/chat.postMessage":
			m.TS, m.Channel = fmt.Sprintf("1700000000.%06d", len(c.messages)), "C042"
			c.messages = append(c.messages, m)
		case "/api/chat.update":
			if c.refuse != "" {
				fmt.Fprintf(w, `{"ok":false,"error":%q}`, c.refuse)
				return
			}
			if m.Channel != "C042" { // a name is not taken here
				fmt.Fprint(w, `{"ok":false,"error":"channel_not_found"}`)
				return
			}
			c.edits++
			for i := range c.messages {
				if c.messages[i].TS == m.TS {
					c.messages[i] = m
				}
			}
		default:
			http.NotFound(w, r)
			return
		}
		fmt.Fprintf(w, `{"ok":true,"channel":"C042","ts":%q}`, m.TS)
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *chat) seen() []slackMessage {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]slackMessage(nil), c.messages...)
}

func TestABotWritesARunIntoOneThreadWhoseFirstMessageShowsHowItStands(t *testing.T) {
	c := newChat(t)
	n := hurried(t, openDB(t, t.TempDir()), rule(t, "ops", "slack", map[string]any{"token": map[string]any{"secret": "token"}, "channel": "#ops", "api": c.URL + "/api"}))
	running(t, n)
	tell := func(run, id, title string, s Severity) {
		t.Helper()
		if err := n.Send(t.Context(), Event{ID: id, Type: "rollout.triggered", Run: run, Service: "web", Title: title, Severity: s, At: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	tell("run-1", "1", "web: release of v2 started", Info)
	tell("run-1", "2", "web: v2 is being rolled back", Critical)
	tell("run-2", "3", "api: release of v7 started", Info)
	tell("", "4", "something is to be done", Warning)
	tell("run-1", "5", "web: back on v1", Warning)
	eventually(t, "five messages", func() bool { return len(c.seen()) == 5 })
	all := c.seen()
	first := all[0]
	if first.Thread != "" || first.Text != "web: back on v1" || first.Attachments[0].Color != colours[Warning] {
		t.Errorf("the first message reads %+v", first)
	}
	for i, want := range []string{"", first.TS, "", "", first.TS} {
		if all[i].Thread != want {
			t.Errorf("message %d (%s) is under %q, want %q", i, all[i].Text, all[i].Thread, want)
		}
	}
	if all[1].Text != "web: v2 is being rolled back" {
		t.Errorf("the second message reads %q", all[1].Text)
	}
	// Somebody deleted the first message: the next notice stands by itself.
	c.mu.Lock()
	c.refuse = "message_not_found"
	c.mu.Unlock()
	tell("run-1", "6", "web: after that", Info)
	eventually(t, "the sixth message", func() bool { return len(c.seen()) == 6 })
	if last := c.seen()[5]; last.Thread != "" || last.Text != "web: after that" {
		t.Errorf("it reads %+v", last)
	}
}

func TestTemplatesSayANoticeInTheUsersWordsAndAWrongOneIsFoundWhenItIsLoaded(t *testing.T) {
	r := receive(t, func(w http.ResponseWriter, _ int) { fmt.Fprint(w, "ok") })
	secrets["slack"] = r.URL + "/x"
	told := rule(t, "ops", "slack", map[string]any{"url": map[string]any{"secret": "slack"}})
	told.Template = &Template{Title: "[{{.Service | upper}}] {{.Title}}", Text: "{{cut 12 .Text}}\nrunbook: https://wiki.example.org/{{.Service}}{{with .Data.owner}} owner {{.}}{{end}}"}
	n := hurried(t, nil, told)
	defer n.client.CloseIdleConnections()
	e := rolledBack("1")
	e.Data = map[string]any{"owner": "ann"}
	if _, err := n.deliver(t.Context(), n.lanes[0], e, "1/ops"); err != nil {
		t.Fatal(err)
	}
	got := r.only(t)
	if title := at(t, got.body, "text"); !strings.Contains(fmt.Sprint(title), "[SHOP] shop: v2") {
		t.Errorf("the title is %v", title)
	}
	wantAt(t, got.body, "errors 24…\nrunbook: https://wiki.example.org/shop owner ann", "attachments", 0, "text")
	for name, text := range map[string]string{
		"a field that is not there": "{{.Servce}}",
		"no end":                    "{{if .Text}}",
		"an unknown word":           "{{shout .Title}}",
		"without end":               `{{range $i := "aaaaaaaaaaaaaaaaaaaaaaaaaaaa" | printf "%0100000s"}}{{$i}}{{end}}`,
	} {
		wrong := told
		wrong.Template = &Template{Text: text}
		if _, err := New(Options{Rules: []Rule{wrong}}); err == nil {
			t.Errorf("%s is taken: %s", name, text)
		}
	}
}

func TestATemplateThatFailsOnAnEventLeavesItsOwnWords(t *testing.T) {
	if _, err := (&Template{Text: "{{index .Data.list 3}}{{.Text}}"}).compile(); err == nil {
		t.Fatal("an index that the sample does not have is taken")
	}
	c, err := (&Template{Text: "{{if .Data.list}}{{index .Data.list 3}}{{end}}new words", Title: "{{.Title}}\n{{.Service}}"}).compile()
	if err != nil {
		t.Fatal(err)
	}
	e := rolledBack("1")
	e.Data = map[string]any{"list": []any{"one"}}
	said, err := c.apply(e)
	if err == nil || said.Text != e.Text || strings.Contains(said.Title, "\n") || !strings.Contains(said.Title, "shop") {
		t.Errorf("it says %q / %q: %v", said.Title, said.Text, err)
	}
}
