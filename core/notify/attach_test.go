package notify

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"strings"
	"testing"
	"time"
)

func TestAMailHasItsFilesWithIt(t *testing.T) {
	m := &email{From: "goodstate <g@example.org>", To: []string{"ops@example.org"}}
	page := bytes.Repeat([]byte("<p>Größe</p>\n"), 1000)
	n := Notice{Event: Event{ID: "r", Type: "drift.report.weekly", Title: "weekly", Text: "all well", At: time.Unix(1_700_000_000, 0), Files: []File{
		{Name: "drift-weekly.html", Type: "text/html; charset=utf-8", Data: page}, {Name: "größe.json", Type: "application/json", Data: []byte("{}")},
	}}, Key: "r/mail"}
	text := m.message(n)
	if !bytes.Equal(text, m.message(n)) {
		t.Error("the mail is another one at the second attempt")
	}
	got, err := mail.ReadMessage(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(got.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/mixed" {
		t.Fatalf("%q %v", kind, err)
	}
	parts := multipart.NewReader(got.Body, params["boundary"])
	var names []string
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, part.FileName())
		if part.FileName() == "drift-weekly.html" {
			if part.Header.Get("Content-Transfer-Encoding") != "base64" {
				t.Errorf("%v", part.Header)
			}
			if lines := strings.Split(string(body), "\r\n"); len(lines[0]) != 76 {
				t.Errorf("lines of %d letters, want 76", len(lines[0]))
			}
		}
	}
	if strings.Join(names, " ") != " drift-weekly.html größe.json" {
		t.Errorf("parts %q", names)
	}
	for _, bad := range []Event{
		{ID: "r", Type: "t", Title: "x", Files: []File{{Name: "../x"}}}, {ID: "r", Type: "t", Title: "x", Files: []File{{Name: "x", Data: make([]byte, filesMost+1)}}},
	} {
		if bad.check() == nil {
			t.Errorf("a file %q of %d bytes is taken", bad.Files[0].Name, len(bad.Files[0].Data))
		}
	}
}
