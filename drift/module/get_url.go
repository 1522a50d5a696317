package module

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

func init() {
	register(Kind{
		Name:    "get_url",
		Help:    "Fetch a file over HTTP",
		Example: "get_url: {url: 'https://example.com/app.tar.gz', dest: /srv/app.tar.gz, checksum: 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', mode: '0644'}",
		Options: withOptions(httpOptions,
			Option{Name: "dest", Type: Path, Required: true},
			Option{Name: "backup", Type: Bool, Default: false},
			Option{Name: "checksum", Default: ""},
			Option{Name: "timeout", Type: Int, Default: 10},
			Option{Name: "headers", Type: Dict},
			Option{Name: "tmp_dest", Type: Path},
			Option{Name: "url_username", Aliases: []string{"username"}},
			Option{Name: "url_password", NoLog: true, Aliases: []string{"password"}},
		),
		FileArgs: true,
		Check:    CheckFull,
		Diff:     true,
		Plan:     planGetURL,
	})
}

// fetch is one download on its way.
type fetch struct {
	*Task
	dest                string
	algorithm, checksum string
	started             time.Time
}

func planGetURL(ctx context.Context, t *Task) error {
	f := &fetch{Task: t, dest: t.abs(t.Str("dest")), started: time.Now()}
	if err := f.readChecksum(ctx); err != nil {
		return err
	}
	folder := isDir(f.dest)
	if !folder && exists(f.dest) && f.settled() {
		return f.same(ctx, "file already exists", t.Bool("force"))
	}
	tmp, resp, err := f.get(ctx, folder) //nolint:bodyclose // it is closed in there, and its headers are looked at
	if err != nil {
		return err
	}
	if resp.StatusCode == http.StatusNotModified {
		return f.same(ctx, "HTTP Error 304: Not Modified", false)
	}
	if folder {
		f.dest = filepath.Join(f.dest, nameOf(resp))
		f.say(f.dest)
	}
	return f.put(tmp, resp)
}

// readChecksum takes algorithm:sum, where the sum may be a URL of a list.
func (f *fetch) readChecksum(ctx context.Context) error {
	text := f.Str("checksum")
	if text == "" {
		return nil
	}
	algorithm, sum, ok := strings.Cut(text, ":")
	if !ok {
		return f.failed("The checksum parameter has to be in format <algorithm>:<checksum>")
	}
	f.algorithm = algorithm
	if strings.HasPrefix(sum, "http://") || strings.HasPrefix(sum, "https://") || strings.HasPrefix(sum, "ftp://") {
		var err error
		if sum, err = f.listed(ctx, sum); err != nil {
			return err
		}
	}
	f.checksum = strings.ToLower(regexp.MustCompile(`\W+`).ReplaceAllString(sum, ""))
	if strings.Trim(f.checksum, "0123456789abcdef") != "" {
		return f.failed("The checksum format is invalid")
	}
	return nil
}

// listed finds the sum of the file in a list of sums.
func (f *fetch) listed(ctx context.Context, address string) (string, error) {
	client, err := f.client(time.Duration(f.Int("timeout"))*time.Second, nil)
	if err != nil {
		return "", err
	}
	req, err := f.request(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", fail("Unable to retrieve checksum file: " + err.Error())
	}
	defer resp.Body.Close()
	list, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err != nil {
		return "", err
	}
	u, err := url.Parse(f.Str("url"))
	if err != nil {
		return "", err
	}
	name := filepath.Base(u.Path)
	var lone []string
	for line := range strings.SplitSeq(string(list), "\n") {
		words := strings.Fields(line)
		switch {
		case len(words) == 1:
			lone = append(lone, words[0])
		case len(words) >= 2 && strings.TrimPrefix(strings.TrimPrefix(words[len(words)-1], "*"), "./") == name:
			return words[0], nil
		}
	}
	if len(lone) == 1 {
		return lone[0], nil
	}
	return "", fail(fmt.Sprintf("Unable to find a checksum for file '%s' in '%s'", name, address))
}

// settled tells whether what is there need not be fetched.
func (f *fetch) settled() bool {
	if f.checksum != "" {
		sum, err := digest(f.dest, f.algorithm)
		return err == nil && sum == f.checksum
	}
	return false // the server tells by its time
}

// same says that the file stays, and plans its attributes.
func (f *fetch) same(_ context.Context, msg string, _ bool) error {
	f.Return("msg", msg)
	f.Return("dest", f.dest)
	f.Return("url", f.Str("url"))
	f.Return("elapsed", int64(time.Since(f.started).Seconds()))
	f.Return("checksum_src", nil)
	f.Return("checksum_dest", nil)
	if strings.HasPrefix(msg, "HTTP") {
		delete(f.result, "checksum_src")
		delete(f.result, "checksum_dest")
		f.Return("status_code", int64(304))
	}
	attrs, err := f.attributes()
	if err != nil {
		return err
	}
	d, err := attrs.plan(f.dest)
	if len(d.after) > 0 && msg == "file already exists" {
		f.Return("msg", "file already exists but file attributes changed")
	}
	return err
}

func (f *fetch) say(dest string) {
	f.Return("url", f.Str("url"))
	f.Return("dest", dest)
	f.Return("checksum_src", nil)
	f.Return("checksum_dest", nil)
}

func (f *fetch) failed(format string, args ...any) error {
	f.say(f.Str("dest"))
	return fail(fmt.Sprintf(format, args...), f.result, Result{"changed": false, "elapsed": int64(time.Since(f.started).Seconds())})
}

// get fetches into a temporary file; in check mode too, since only the content tells whether it differs.
func (f *fetch) get(ctx context.Context, folder bool) (string, *http.Response, error) {
	client, err := f.client(0, nil)
	if err != nil {
		return "", nil, err
	}
	client.Transport.(*http.Transport).ResponseHeaderTimeout = time.Duration(f.Int("timeout")) * time.Second
	req, err := f.request(ctx, http.MethodGet, f.Str("url"), nil)
	if err != nil {
		return "", nil, f.failed("%v", err)
	}
	if info, err := os.Stat(f.dest); err == nil && !folder && !f.Bool("force") && f.checksum == "" {
		req.Header.Set("If-Modified-Since", info.ModTime().UTC().Format(http.TimeFormat))
	}
	f.say(f.dest)
	resp, err := client.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return "", nil, fail("Request failed: <urlopen error "+err.Error()+">", Result{
			"url": f.Str("url"), "dest": f.Str("dest"), "elapsed": int64(time.Since(f.started).Seconds()), "status_code": int64(-1), "response": "Request failed: " + err.Error(),
		})
	}
	defer resp.Body.Close()
	f.Return("status_code", int64(resp.StatusCode))
	if resp.StatusCode == http.StatusNotModified {
		return "", resp, nil
	}
	if resp.StatusCode != http.StatusOK {
		return "", nil, fail("Request failed", Result{
			"url": f.Str("url"), "dest": f.Str("dest"), "elapsed": int64(time.Since(f.started).Seconds()),
			"status_code": int64(resp.StatusCode), "response": httpMessage(resp),
		})
	}
	dir := f.tmp()
	if f.Has("tmp_dest") {
		dir = f.abs(f.Str("tmp_dest"))
		if !isDir(dir) {
			return "", nil, f.failed("%s is a file but should be a directory.", dir)
		}
	}
	tmp, err := os.CreateTemp(dir, "ansible-get-")
	if err != nil {
		return "", nil, err
	}
	f.Cleanup(func() { _ = os.Remove(tmp.Name()) }) // a temporary file
	_, err = io.Copy(tmp, io.LimitReader(resp.Body, maxDownload))
	return tmp.Name(), resp, errors.Join(err, tmp.Close())
}

// nameOf is the name of a file in a folder: what the server says, or the end of the URL.
func nameOf(resp *http.Response) string {
	if _, params, err := mime.ParseMediaType(resp.Header.Get("Content-Disposition")); err == nil && params["filename"] != "" {
		return filepath.Base(params["filename"])
	}
	name := filepath.Base(resp.Request.URL.Path)
	if name == "/" || name == "." {
		return "index.html"
	}
	return name
}

// put plans the file where its content differs.
func (f *fetch) put(tmp string, resp *http.Response) error {
	src := sha1File(tmp)
	f.Return("checksum_src", src)
	f.Return("src", tmp)
	f.Return("md5sum", nil)
	f.Return("elapsed", int64(time.Since(f.started).Seconds()))
	f.Return("size", int64(0))
	if info, err := os.Stat(tmp); err == nil {
		f.Return("size", info.Size())
	}
	if sum, err := digest(tmp, "md5"); err == nil {
		f.Return("md5sum", sum)
	}
	if f.checksum != "" {
		sum, err := digest(tmp, f.algorithm)
		if err != nil {
			return err
		}
		if sum != f.checksum {
			return f.failed("The checksum for %s did not match %s; it was %s.", f.dest, f.checksum, sum)
		}
	}
	there := exists(f.dest)
	if dir := filepath.Dir(f.dest); !there && !exists(dir) {
		return f.failed("Destination %s does not exist", dir)
	}
	f.Return("msg", httpMessage(resp))
	if there {
		f.Return("checksum_dest", sha1File(f.dest))
	}
	attrs, err := f.attributes()
	if err != nil {
		return err
	}
	if f.result["checksum_dest"] == src {
		_, err := attrs.plan(f.dest)
		return err
	}
	c := fileContent(tmp)
	if err := f.diffWith(f.dest, f.dest, f.Str("url"), c); err != nil {
		return err
	}
	f.Change(func(ctx context.Context) error {
		if f.Bool("backup") && there {
			name, err := f.backup(f.dest)
			if err != nil {
				return err
			}
			f.Return("backup_file", name)
		}
		in, err := os.Open(tmp)
		if err != nil {
			return err
		}
		defer in.Close()
		if err := f.writeFile(ctx, f.dest, in, ""); err != nil {
			return err
		}
		_, err = attrs.apply(f.dest)
		return err
	})
	return nil
}
