package haproxy

import (
	"fmt"
	"math"
	"net"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"goodstate.dev/goodstate/rollout/traffic"
)

// pretend carries commands out as HAProxy does, on a backend in memory.
func (b *backend) pretend(t *rapid.T, commands []string) {
	for _, line := range commands {
		words := strings.Fields(line)
		_, name, _ := strings.Cut(words[2], "/")
		if words[0] == "add" {
			if b.has(name) {
				t.Fatalf("%s: the server is there", line)
			}
			b.servers = append(b.servers, server{name: name, addr: words[3], maint: true, weight: int(number(words[5]))})
			continue
		}
		for i := range b.servers {
			s := &b.servers[i]
			if s.name != name {
				continue
			}
			switch words[3] {
			case "weight":
				s.weight = int(number(words[4]))
			case "addr":
				if s.busy > 0 || !s.maint {
					t.Fatalf("%s: the server is in use", line)
				}
				s.addr = net.JoinHostPort(words[4], words[6])
			case "state":
				s.maint, s.drain = words[4] == "maint", words[4] == "drain"
			}
		}
	}
}

func TestAnyBackendComesToWhatIsWishedAndThenNothingIsLeftToDo(t *testing.T) {
	conf := &Config{Backend: "web", Servers: "goodstate"}
	addr := rapid.Custom(func(t *rapid.T) string { return fmt.Sprintf("10.0.0.%d:80", rapid.IntRange(1, 6).Draw(t, "host")) })
	rapid.Check(t, func(t *rapid.T) {
		b := backend{cookie: rapid.Bool().Draw(t, "cookie")}
		for i := range rapid.IntRange(0, 6).Draw(t, "servers") {
			s := server{name: fmt.Sprintf("goodstate%d", i), addr: addr.Draw(t, "addr"), weight: rapid.IntRange(0, 256).Draw(t, "weight"), busy: int64(rapid.IntRange(0, 1).Draw(t, "busy"))}
			switch rapid.IntRange(0, 2).Draw(t, "state") {
			case 1:
				s.maint = true
			case 2:
				s.drain = true
			}
			b.servers = append(b.servers, s)
		}
		b.servers = append(b.servers, server{name: "theirs", addr: "10.0.0.1:80", backup: true, weight: 1})
		var wished []wish
		for _, a := range rapid.SliceOfNDistinct(addr, 0, 6, rapid.ID[string]).Draw(t, "wished") {
			wished = append(wished, wish{a, rapid.IntRange(1, 256).Draw(t, "its weight")})
		}
		todo := b.changes(conf, wished)
		b.pretend(t, todo.enter)
		b.pretend(t, todo.leave)
		if lacking := b.lacks(conf, wished, false); lacking != "" {
			t.Fatal(lacking)
		}
		used := 0
		for _, s := range b.servers {
			if s.ours(conf) && !s.maint && !s.drain {
				used++
			}
		}
		if used != len(wished) {
			t.Fatalf("%d servers are in use, %d are wished", used, len(wished))
		}
		if again := b.changes(conf, wished); len(again.enter)+len(again.leave) > 0 {
			t.Fatalf("a second time it wants %v", again)
		}
	})
}

func TestWeightsComeNearToTheShares(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		share := rapid.IntRange(500, traffic.Full-500).Draw(t, "share")
		servers := map[string]int{"old": rapid.IntRange(1, 10).Draw(t, "old"), "new": rapid.IntRange(1, 10).Draw(t, "new")}
		w := weigh(map[string]int{"old": traffic.Full - share, "new": share}, servers)
		for _, one := range w {
			if one < 1 || one > heaviest {
				t.Fatalf("weights %v are not between 1 and 256", w)
			}
		}
		got := float64(w["new"]*servers["new"]) / float64(w["new"]*servers["new"]+w["old"]*servers["old"])
		if want := float64(share) / traffic.Full; math.Abs(got-want) > 0.01+want*0.1 {
			t.Fatalf("weights %v of %v give %.4f, want %.4f", w, servers, got, want)
		}
	})
	if w := weigh(map[string]int{"old": traffic.Full, "new": 0}, map[string]int{"old": 2, "new": 1}); w["new"] != 0 || w["old"] == 0 {
		t.Errorf("weights %v: a release without a share gets nothing", w)
	}
}

func FuzzLinesOfTheRing(f *testing.F) {
	f.Add(`127.0.0.1:59622 [24/Nov/2026:18:37:53.339] f web/goodstate1 0/0/0/1/1 200 526 - - ---- 1/1/0/0/0 0/0 "GET / HTTP/1.1"`)
	f.Add(`<134>Nov 24 18:37:53 h haproxy[1]: [::1]:5 [24/Nov/2026:18:37:53.339] f~ web/<NOSRV> -1/-1/-1/-1/0 503 1 - - SC-- 1/1/0/0/0 0/0 "GET / HTTP/1.1"`)
	f.Fuzz(func(t *testing.T, line string) {
		if e, ok := parse(line); ok {
			if e.failed() && e.aborted() {
				t.Errorf("%+v is an error and the client's", e)
			}
			if e.client == "" || e.server == "" && !strings.Contains(line, "/") {
				t.Errorf("%+v", e)
			}
		}
	})
}
