package audit

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leodido/go-syslog/v4/rfc5424"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"goodstate.dev/goodstate/core/config"
	"goodstate.dev/goodstate/core/journal"
	"goodstate.dev/goodstate/core/store"
	"goodstate.dev/goodstate/internal/real"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a journal with an exporter to one sink.
type rig struct {
	t *testing.T
	s *store.Store
	j *journal.Journal
	x *Exporter
}

func newRig(t *testing.T, dir, kind string, settings map[string]any) *rig {
	t.Helper()
	s, err := store.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	to, err := config.Choose[Sink](kind, settings)
	if err != nil {
		t.Fatal(err)
	}
	j := journal.New(s)
	x, err := New(Options{DB: s.DB(), Journal: j, Rules: []Rule{{Name: "siem", To: to}}, Secrets: func(_ context.Context, name string) (string, error) { return "Bearer " + name + "-value", nil }})
	if err != nil {
		t.Fatal(err)
	}
	x.first = time.Millisecond
	return &rig{t, s, j, x}
}

// run hands on until the returned function is called, which also closes everything.
func (r *rig) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); r.x.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		<-done
		if err := errors.Join(r.x.Close(), r.s.Close()); err != nil {
			r.t.Error(err)
		}
	})
	r.t.Cleanup(stop)
	return stop
}

func (r *rig) write(from, to int) {
	r.t.Helper()
	for i := from; i <= to; i++ {
		_, err := r.j.Append(r.t.Context(), journal.Entry{
			Run: "run-1", Step: "judge-0", Event: "judge-0-decided", Target: "service/web", Actor: "ann",
			Text: fmt.Sprintf("entry %d says \"10%%\" of [v2]\nand more ☕", i), Data: json.RawMessage(fmt.Sprintf(`{"n":%d}`, i)),
		})
		if err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *rig) state() State {
	r.t.Helper()
	all, err := r.x.Status(r.t.Context())
	if err != nil || len(all) != 1 {
		r.t.Fatalf("%+v %v", all, err)
	}
	return all[0]
}

// inbox collects messages.
type inbox struct {
	mu  sync.Mutex
	all []string
}

func (b *inbox) put(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all = append(b.all, text)
}

func (b *inbox) get() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.all...)
}

// octets reads messages that are counted.
func octets(c net.Conn, b *inbox) {
	in := bufio.NewReader(c)
	for {
		count, err := in.ReadString(' ')
		n, bad := strconv.Atoi(strings.TrimSpace(count))
		if err != nil || bad != nil {
			return
		}
		text := make([]byte, n)
		if _, err := io.ReadFull(in, text); err != nil {
			return
		}
		b.put(string(text))
	}
}

func (r *rig) wellFormed(messages []string, n int) {
	r.t.Helper()
	seen := map[string]bool{}
	for _, text := range messages {
		m, err := rfc5424.NewParser().Parse([]byte(text))
		if err != nil {
			r.t.Fatalf("%v: %q", err, text)
		}
		msg, ok := m.(*rfc5424.SyslogMessage)
		if !ok || *msg.Facility != 13 || *msg.Appname != "goodstate" || *msg.MsgID != "judge-0-decided" {
			r.t.Fatalf("%+v", m)
		}
		data := (*msg.StructuredData)["goodstate@32473"]
		if data["run"] != "run-1" || data["target"] != "service/web" || len(data["hash"]) != 64 || !strings.Contains(*msg.Message, `says "10%" of [v2] and more ☕`) || data["data"] != fmt.Sprintf(`{"n":%s}`, data["seq"]) {
			r.t.Fatalf("%q of %v", *msg.Message, data)
		}
		seen[data["seq"]] = true
	}
	if len(seen) != n {
		r.t.Errorf("%d entries arrived, want %d", len(seen), n)
	}
}

func TestEntriesGoToSyslogOnEveryWay(t *testing.T) {
	for _, way := range []string{"tcp", "udp", "unixgram", "unix"} {
		t.Run(way, func(t *testing.T) {
			var b inbox
			address := ""
			if way == "tcp" || way == "unix" {
				at := "127.0.0.1:0"
				if way == "unix" {
					at = filepath.Join(t.TempDir(), "log")
				}
				l, err := net.Listen(way, at)
				if err != nil {
					t.Fatal(err)
				}
				address = "tcp://" + l.Addr().String()
				if way == "unix" {
					address = "unix://" + at
				}
				var conns sync.WaitGroup
				conns.Go(func() {
					for {
						c, err := l.Accept()
						if err != nil {
							return
						}
						conns.Go(func() { defer c.Close(); octets(c, &b) })
					}
				})
				t.Cleanup(func() { _ = l.Close(); conns.Wait() })
			} else {
				at := "127.0.0.1:0"
				if way == "unixgram" {
					at = filepath.Join(t.TempDir(), "log")
				}
				c, err := net.ListenPacket(way, at)
				if err != nil {
					t.Fatal(err)
				}
				address = "udp://" + c.LocalAddr().String()
				if way == "unixgram" {
					address = "unix://" + at
				}
				var reading sync.WaitGroup
				reading.Go(func() {
					buf := make([]byte, 64<<10)
					for {
						n, _, err := c.ReadFrom(buf)
						if err != nil {
							return
						}
						b.put(string(buf[:n]))
					}
				})
				t.Cleanup(func() { _ = c.Close(); reading.Wait() })
			}
			r := newRig(t, t.TempDir(), "syslog", map[string]any{"address": address})
			r.write(1, 30)
			stop := r.run()
			real.Eventually(t, 20*time.Second, "30 messages", func() bool { return len(b.get()) >= 30 })
			r.wellFormed(b.get(), 30)
			stop()
		})
	}
}

func TestAReceiverThatComesBackGetsWhatCameMeanwhile(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, t.TempDir(), "syslog", map[string]any{"address": "tcp://" + address})
	stop := r.run()
	r.write(1, 50)
	real.Eventually(t, 20*time.Second, "the sink is said to fail", func() bool { s := r.state(); return s.Behind == 50 && s.Error != "" && !s.Since.IsZero() })
	if s := r.state(); s.Trouble(s.Since.Add(2*patience)) == "" || s.Trouble(s.Since) != "" {
		t.Errorf("after a while it is told as %q", s.Trouble(s.Since.Add(2*patience)))
	}
	if l, err = net.Listen("tcp", address); err != nil {
		t.Fatal(err)
	}
	var b inbox
	var serving sync.WaitGroup
	accept := func(l net.Listener) {
		serving.Go(func() {
			if c, err := l.Accept(); err == nil {
				octets(c, &b)
				_ = c.Close()
			}
		})
	}
	accept(l)
	real.Eventually(t, 20*time.Second, "all 50", func() bool { return len(b.get()) >= 50 })
	real.Eventually(t, 20*time.Second, "it works again", func() bool { s := r.state(); return s.Behind == 0 && s.Error == "" && s.Since.IsZero() })
	r.wellFormed(b.get(), 50)
	stop()
	_ = l.Close() // wakes the accept
	serving.Wait()
}

func TestTheCursorIsKeptAndNothingIsSentTwiceByAnOrdinaryRestart(t *testing.T) {
	dir, path := t.TempDir(), filepath.Join(t.TempDir(), "audit.jsonl")
	r := newRig(t, dir, "file", map[string]any{"path": path})
	stop := r.run()
	r.write(1, 10)
	real.Eventually(t, 20*time.Second, "10 are handed on", func() bool { return r.state().Behind == 0 })
	stop()
	// The machine stopped while a line was written.
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(whole, `{"seq":11,"te`...), 0o600); err != nil {
		t.Fatal(err)
	}
	r = newRig(t, dir, "file", map[string]any{"path": path})
	stop = r.run()
	r.write(11, 15)
	real.Eventually(t, 20*time.Second, "15 are handed on", func() bool { return r.state().Behind == 0 })
	stop()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var seqs []int64
	for line := range strings.Lines(string(text)) {
		var e journal.Entry
		if json.Unmarshal([]byte(line), &e) == nil {
			seqs = append(seqs, e.Seq)
		}
	}
	for i, s := range seqs {
		if s != int64(i+1) {
			t.Fatalf("the file has %v, want 1 to 15", seqs)
		}
	}
	if len(seqs) != 15 {
		t.Errorf("the file has %v, want 1 to 15", seqs)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info.Mode(), err)
	}
}

func TestACollectorGetsLogRecordsAndARefusalIsTriedAgain(t *testing.T) {
	for _, encoding := range []string{"protobuf", "json"} {
		t.Run(encoding, func(t *testing.T) {
			var mu sync.Mutex
			var got []*logs.LogRecord
			attempts := 0
			collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				attempts++
				if attempts <= 2 {
					http.Error(w, "try later", http.StatusServiceUnavailable)
					return
				}
				body, err := io.ReadAll(req.Body)
				var d logs.LogsData
				if encoding == "json" {
					err = errors.Join(err, protojson.Unmarshal(body, &d))
				} else {
					err = errors.Join(err, proto.Unmarshal(body, &d))
				}
				if err != nil || req.URL.Path != "/v1/logs" || req.Header.Get("Authorization") != "Bearer otlp-value" {
					http.Error(w, "wrong", http.StatusBadRequest)
					return
				}
				for _, rl := range d.ResourceLogs {
					if rl.Resource.Attributes[0].Value.GetStringValue() != "goodstate" {
						t.Error("the resource is not named")
					}
					for _, sl := range rl.ScopeLogs {
						got = append(got, sl.LogRecords...)
					}
				}
			}))
			defer collector.Close()
			r := newRig(t, t.TempDir(), "otlp", map[string]any{"url": collector.URL + "/v1/logs", "encoding": encoding, "headers": map[string]any{"Authorization": map[string]any{"secret": "otlp"}}})
			r.write(1, 450)
			stop := r.run()
			real.Eventually(t, 20*time.Second, "all are taken", func() bool { return r.state().Behind == 0 })
			stop()
			if len(got) != 450 {
				t.Fatalf("%d records arrived, want 450", len(got))
			}
			for i, rec := range got {
				a := map[string]string{}
				seq := int64(0)
				for _, kv := range rec.Attributes {
					a[kv.Key] = kv.Value.GetStringValue()
					if kv.Key == "goodstate.seq" {
						seq = kv.Value.GetIntValue()
					}
				}
				if seq != int64(i+1) || a["goodstate.actor"] != "ann" || rec.EventName != "goodstate.judge-0-decided" || rec.SeverityNumber != logs.SeverityNumber_SEVERITY_NUMBER_INFO || !strings.Contains(rec.Body.GetStringValue(), fmt.Sprintf("entry %d says", i+1)) {
					t.Fatalf("record %d is %v", i, rec)
				}
			}
		})
	}
}

func TestRsyslogUnderstandsUs(t *testing.T) {
	daemon := real.Need(t, "rsyslogd")
	if daemon == "" {
		return
	}
	dir := t.TempDir()
	port, out := real.FreePort(t), filepath.Join(dir, "out")
	conf := fmt.Sprintf(`global(workDirectory=%q maxMessageSize="64k")
module(load="imtcp")
input(type="imtcp" port="%d" address="127.0.0.1")
template(name="t" type="string" string="%%msgid%% %%structured-data%% %%msg%%\n")
*.* action(type="omfile" file=%q template="t")
`, dir, port, out)
	if err := os.WriteFile(filepath.Join(dir, "conf"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(daemon, "-n", "-f", filepath.Join(dir, "conf"), "-i", filepath.Join(dir, "pid"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	r := newRig(t, dir, "syslog", map[string]any{"address": fmt.Sprintf("tcp://127.0.0.1:%d", port)})
	r.write(1, 20)
	stop := r.run()
	var text []byte
	real.Eventually(t, 20*time.Second, "20 lines of rsyslog", func() bool {
		text, _ = os.ReadFile(out) // not there at first
		return strings.Count(string(text), "judge-0-decided [goodstate@32473") == 20
	})
	if !strings.Contains(string(text), `seq="20"`) || !strings.Contains(string(text), `entry 20 says "10%" of [v2] and more`) {
		t.Errorf("rsyslog wrote\n%s", text)
	}
	stop()
}

func TestASinkThatCannotBeReachedIsRefusedWhenItIsLoaded(t *testing.T) {
	for kind, all := range map[string][]map[string]any{
		"syslog": {{"address": "logs.example.org:514"}, {"address": "tcp://logs.example.org"}, {"address": "unix://"}, {"address": "udp://h:1", "facility": 99}, {"address": "udp://h:1", "app": "good state"}},
		"otlp":   {{"url": "collector:4318"}, {"url": "https://user:pass@collector/v1/logs"}},
		"file":   {{"path": "audit.jsonl"}},
	} {
		for _, settings := range all {
			to, err := config.Choose[Sink](kind, settings)
			if err == nil {
				_, err = New(Options{Rules: []Rule{{To: to}}})
			}
			if err == nil {
				t.Errorf("%s %v is taken", kind, settings)
			}
		}
	}
}
