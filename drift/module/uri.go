package module

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func init() {
	register(Kind{
		Name:    "uri",
		Help:    "Ask a web service",
		Example: "uri: {url: 'https://example.com/api', method: POST, body_format: json, body: {a: 1}, status_code: [200, 201]}",
		Options: withOptions(httpOptions,
			Option{Name: "dest", Type: Path},
			Option{Name: "url_username", Aliases: []string{"user"}},
			Option{Name: "url_password", NoLog: true, Aliases: []string{"password"}},
			Option{Name: "body", Type: Raw},
			Option{Name: "body_format", Default: "raw", Choices: words("form-urlencoded", "json", "raw", "form-multipart")},
			Option{Name: "src", Type: Path},
			Option{Name: "method", Default: "GET"},
			Option{Name: "return_content", Type: Bool, Default: false},
			Option{Name: "follow_redirects", Default: "safe", Choices: words("all", "no", "none", "safe", "urllib2", "yes")},
			Option{Name: "creates", Type: Path},
			Option{Name: "removes", Type: Path},
			Option{Name: "status_code", Type: List, Elements: Int, Default: []any{200}},
			Option{Name: "timeout", Type: Int, Default: 30},
			Option{Name: "headers", Type: Dict, Default: map[string]any{}},
			Option{Name: "unix_socket", Type: Path},
			Option{Name: "remote_src", Type: Bool, Default: false},
			Option{Name: "ca_path", Type: Path},
		),
		FileArgs:          true,
		MutuallyExclusive: [][]string{{"body", "src"}},
		Own:               true,
		Plan:              planURI,
	})
}

const maxContent = 64 << 20

func planURI(_ context.Context, t *Task) error {
	for option, want := range map[string]bool{"creates": true, "removes": false} {
		if path := t.Str(option); path != "" && matches(t.cwd(), path) == want {
			word := map[bool]string{true: "exists", false: "does not exist"}[want]
			t.Return("stdout", fmt.Sprintf("skipped, since '%s' %s", path, word))
			t.Return("changed", false)
			return nil
		}
	}
	method := strings.ToUpper(t.Str("method"))
	if method == "" || strings.Trim(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return fail("Parameter 'method' needs to be a single word in uppercase, like GET or POST.")
	}
	body, kind, err := t.requestBody()
	if err != nil {
		return err
	}
	t.Act(func(ctx context.Context) error { return t.askURI(ctx, method, body, kind) })
	return nil
}

// requestBody makes bytes of the body and says their type.
func (t *Task) requestBody() (body []byte, kind string, err error) {
	if src := t.Str("src"); src != "" {
		body, err = readText(t.abs(src))
		if err != nil {
			err = fail(fmt.Sprintf("Unable to open source file %s", src))
		}
		return body, "", err
	}
	value := t.args["body"]
	if value == nil {
		return nil, "", nil
	}
	text, isText := value.(string)
	switch format := t.Str("body_format"); {
	case format == "json":
		if !isText {
			body, err = json.Marshal(value)
			return body, "application/json", err
		}
		return []byte(text), "application/json", nil
	case format == "form-urlencoded" && !isText:
		form, err := formOf(value)
		return []byte(form), "application/x-www-form-urlencoded", err
	case format == "form-urlencoded":
		return []byte(text), "application/x-www-form-urlencoded", nil
	case format == "form-multipart":
		return nil, "", notNative("bodies of several parts")
	}
	return []byte(pyStr(value)), "", nil
}

// formOf encodes a dict, or a list of pairs, in the order of the names.
func formOf(value any) (string, error) {
	form := url.Values{}
	switch v := value.(type) {
	case map[string]any:
		for name, item := range v {
			list, ok := item.([]any)
			if !ok {
				list = []any{item}
			}
			for _, one := range list {
				form.Add(name, pyStr(one))
			}
		}
	case []any:
		var parts []string
		for _, item := range v {
			pair, ok := item.([]any)
			if !ok || len(pair) != 2 {
				return "", fail("failed to parse body as form_urlencoded: a list of pairs is wanted")
			}
			parts = append(parts, url.QueryEscape(pyStr(pair[0]))+"="+url.QueryEscape(pyStr(pair[1])))
		}
		return strings.Join(parts, "&"), nil
	}
	return form.Encode(), nil
}

// follows judges a redirect as follow_redirects says.
func (t *Task) follows(method string) func(*http.Request, []*http.Request) error {
	return func(_ *http.Request, via []*http.Request) error {
		if len(via) > 10 {
			return errors.New("more than 10 redirects")
		}
		switch t.Str("follow_redirects") {
		case "all", "yes", "urllib2":
			return nil
		case "safe":
			if method == http.MethodGet || method == http.MethodHead {
				return nil
			}
		}
		return http.ErrUseLastResponse
	}
}

func (t *Task) askURI(ctx context.Context, method string, body []byte, kind string) error {
	start := time.Now()
	redirected := false
	judge := t.follows(method)
	client, err := t.client(time.Duration(t.Int("timeout"))*time.Second, func(r *http.Request, via []*http.Request) error {
		err := judge(r, via)
		redirected = redirected || err == nil
		return err
	})
	if err != nil {
		return err
	}
	client.Transport.(*http.Transport).DisableKeepAlives = true
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	req, err := t.request(ctx, method, t.Str("url"), reader)
	if err != nil {
		return err
	}
	if kind != "" && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", kind)
	}
	resp, err := client.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		msg := "Request failed: <urlopen error " + err.Error() + ">"
		return fail("Status code was -1 and not "+pyRepr(t.args["status_code"])+": "+msg, Result{
			"url": t.Str("url"), "status": int64(-1), "redirected": false, "elapsed": int64(time.Since(start).Seconds()),
		})
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(io.LimitReader(resp.Body, maxContent))
	if err != nil {
		return err
	}
	out := t.answer(resp, content)
	out["redirected"], out["elapsed"] = redirected, int64(time.Since(start).Seconds())
	if dest := t.Str("dest"); dest != "" && resp.StatusCode != http.StatusNotModified {
		if err := t.keepAnswer(ctx, t.abs(dest), content, out); err != nil {
			return err
		}
	}
	if !slices.Contains(t.args["status_code"].([]any), any(int64(resp.StatusCode))) {
		msg := fmt.Sprintf("Status code was %d and not %s: %s", resp.StatusCode, pyRepr(t.args["status_code"]), out["msg"])
		delete(out, "msg")
		out["changed"] = false
		delete(out, "body")
		if _, said := out["content"]; !said {
			out["content"] = text(content)
		}
		return fail(msg, out)
	}
	for k, v := range out {
		t.Return(k, v)
	}
	return nil
}

// answer is what is told of a response: its headers in small letters, and its content where that was asked for.
func (t *Task) answer(resp *http.Response, content []byte) Result {
	out := Result{"status": int64(resp.StatusCode), "url": resp.Request.URL.String(), "msg": httpMessage(resp)}
	for name, values := range resp.Header {
		out[strings.ReplaceAll(strings.ToLower(name), "-", "_")] = strings.Join(values, ", ")
	}
	if resp.ContentLength >= 0 && resp.Header.Get("Content-Length") != "" {
		out["msg"] = httpMessage(resp)
	}
	if resp.Close {
		out["connection"] = "close"
	}
	if resp.StatusCode >= 300 { // what Python takes for an error
		out["body"] = text(content)
		if location := resp.Header.Get("Location"); location != "" {
			if u, err := resp.Request.URL.Parse(location); err == nil {
				out["location"] = u.String()
			}
		}
		return t.readJSON(resp, content, out)
	}
	cookies, pairs := map[string]any{}, []string{}
	for _, c := range resp.Cookies() {
		cookies[c.Name] = c.Value
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	out["cookies"], out["cookies_string"] = cookies, strings.Join(pairs, "; ")
	return t.readJSON(resp, content, out)
}

// readJSON adds the content as it is read.
func (t *Task) readJSON(resp *http.Response, content []byte, out Result) Result {
	if strings.Contains(resp.Header.Get("Content-Type"), "json") {
		dec := json.NewDecoder(bytes.NewReader(content))
		dec.UseNumber()
		var value any
		if dec.Decode(&value) == nil {
			out["json"] = normal(value)
		}
	}
	if t.Bool("return_content") {
		out["content"] = text(content)
	}
	return out
}

// keepAnswer writes the content to a file where it differs.
func (t *Task) keepAnswer(ctx context.Context, dest string, content []byte, out Result) error {
	if isDir(dest) {
		dest = filepath.Join(dest, filepath.Base(t.Str("url")))
	}
	out["path"] = dest
	before, err := os.ReadFile(dest)
	attrs, aerr := t.attributes()
	if aerr != nil {
		return aerr
	}
	if err != nil || !bytes.Equal(before, content) {
		t.changed = true
		if err := t.replaceText(ctx, dest, content, nil); err != nil {
			return err
		}
	}
	changed, err := attrs.apply(dest)
	t.changed = t.changed || changed
	out["changed"] = t.changed
	return err
}
