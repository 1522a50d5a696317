package moduletest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

const served = "served by the test\n"

// webServer answers what get_url and uri are tried with.
func webServer(t *testing.T) string {
	mux := http.NewServeMux()
	mux.HandleFunc("/file.txt", func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC), sections(served))
	})
	mux.HandleFunc("/sums", func(w http.ResponseWriter, _ *http.Request) {
		sum := sha256.Sum256([]byte(served))
		fmt.Fprintf(w, "%s  other\n%s  file.txt\n", hex.EncodeToString(make([]byte, 32)), hex.EncodeToString(sum[:]))
	})
	mux.HandleFunc("/named", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Disposition", `attachment; filename="given.txt"`)
		fmt.Fprint(w, served)
	})
	mux.HandleFunc("/missing", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no such thing", http.StatusNotFound) })
	mux.HandleFunc("/json", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		http.SetCookie(w, &http.Cookie{Name: "c", Value: "1"})
		body, _ := io.ReadAll(r.Body)
		user, pass, _ := r.BasicAuth()
		fmt.Fprintf(w, `{"method": %q, "type": %q, "x": %q, "user": %q, "secret": %t, "body": %q}`, r.Method, r.Header.Get("Content-Type"), r.Header.Get("X-Y"), user, pass == "secret9", body)
	})
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/json", http.StatusFound) })
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

func init() {
	const files = "mkdir /x; cd /x; echo old > f; mkdir src; echo 1 > src/a; mkdir src/d; echo 2 > src/d/b; ln -s a src/l; chmod 640 src/a; touch -d 2019-01-01 f; find src -exec touch -h -d 2020-01-02 {} +; tar -C src -czf t.tgz .; tar -C src -cf t.tar a d; mkdir out; (cd src && python3 -c 'import shutil; shutil.make_archive(\"/x/z\", \"zip\", \".\")')"
	get := func(name string, a args, more ...string) {
		add(Scenario{
			Module: "get_url", Name: name, Setup: files, Args: a, Paths: "~$",
			Ignore: append([]string{"diff", "elapsed", "src"}, more...), IgnoreCheck: []string{"msg", "checksum_src", "status_code", "checksum_dest", "size", "md5sum"},
		})
	}
	get("a new file", args{"url": "http://SERVER/file.txt", "dest": "/x/new", "mode": "0600"})
	get("into a folder", args{"url": "http://SERVER/file.txt?a=b", "dest": "/x"})
	get("a name of the server", args{"url": "http://SERVER/named", "dest": "/x"}, "msg")
	get("there already", args{"url": "http://SERVER/file.txt", "dest": "/x/f"}, "msg", "status_code", "url", "dest")
	get("forced", args{"url": "http://SERVER/file.txt", "dest": "/x/f", "force": true, "backup": true})
	get("by its checksum", args{"url": "http://SERVER/file.txt", "dest": "/x/f", "checksum": "sha256:http://SERVER/sums"}, "url", "dest", "msg")
	add(Scenario{
		Module: "get_url", Name: "a wrong checksum", Setup: files, Args: args{"url": "http://SERVER/file.txt", "dest": "/x/f", "checksum": "sha1:00"},
		Only: true, Why: "Ansible removes the file that was there",
	})
	get("a bad checksum", args{"url": "http://SERVER/file.txt", "dest": "/x/f", "checksum": "00"})
	get("nothing there", args{"url": "http://SERVER/missing", "dest": "/x/f", "force": true})
	get("no folder", args{"url": "http://SERVER/file.txt", "dest": "/none/f"}, "msg", "checksum_src", "checksum_dest", "status_code", "size", "md5sum")
	uri := func(name string, a args, more ...string) {
		add(Scenario{Module: "uri", Name: name, Setup: files, Args: a, Again: true, Blind: true, Ignore: append([]string{"elapsed", "date"}, more...)})
	}
	uri("asked", args{"url": "http://SERVER/json", "return_content": true})
	uri("posted", args{"url": "http://SERVER/json", "method": "POST", "body": args{"a": []any{1, "x"}}, "body_format": "json", "headers": args{"X-Y": "z"}}, "json.body", "content_length", "msg")
	uri("a form", args{"url": "http://SERVER/json", "method": "PUT", "body": args{"a": "b c", "d": "&"}, "body_format": "form-urlencoded"})
	uri("with a password", args{"url": "http://SERVER/json", "user": "me", "password": "secret9", "force_basic_auth": true, "return_content": true})
	uri("not found", args{"url": "http://SERVER/missing"}, "content")
	uri("not found, expected", args{"url": "http://SERVER/missing", "status_code": []any{404}})
	uri("moved", args{"url": "http://SERVER/moved"})
	uri("not followed", args{"url": "http://SERVER/moved", "follow_redirects": "none", "status_code": 302}, "content_type", "content_length")
	add(Scenario{
		Module: "uri", Name: "kept", Setup: files, Args: args{"url": "http://SERVER/file.txt", "dest": "/x/f", "mode": "0600"}, Blind: true,
		Only: true, Why: "Ansible's second run fails: it asks for newer content only and takes 304 for an error",
	})
	uri("created before", args{"url": "http://SERVER/file.txt", "creates": "/x/f"})
	un := func(name string, a args, more ...string) {
		a["dest"], a["remote_src"] = "/x/out", true
		add(Scenario{Module: "unarchive", Name: name, Setup: files, Args: a, Ignore: append([]string{"extract_results", "diff", "size"}, more...), Verify: "stat -c '%n %Y' /x/out/a 2>&1 || :", ChecksMore: a["src"] != "/x/z.zip"})
	}
	un("a tar.gz", args{"src": "/x/t.tgz"})
	un("a tar", args{"src": "/x/t.tar", "list_files": true, "owner": "nobody", "mode": "u=rwX,go="}, "mode", "owner", "uid")
	un("a zip", args{"src": "/x/z.zip"})
	un("without some", args{"src": "/x/t.tgz", "exclude": []any{"./d"}})
	un("created before", args{"src": "/x/t.tgz", "creates": "/x/f"})
	scenarios[len(scenarios)-1].Only = true // the controller looks
	un("no archive", args{"src": "/x/f"}, "msg")
	un("nothing there", args{"src": "/x/none"})
}

// sections is content that can be read again from its beginning.
func sections(text string) io.ReadSeeker {
	return io.NewSectionReader(readerAt(text), 0, int64(len(text)))
}

type readerAt string

func (r readerAt) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(r)) {
		return 0, io.EOF
	}
	n := copy(p, r[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
