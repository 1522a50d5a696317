package logs

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

var now = time.Unix(1700000000, 0)

func TestLinesOfOneKindAreOnePattern(t *testing.T) {
	m := NewMiner()
	for i := range 500 {
		m.Add(fmt.Sprintf("2026-01-02T03:04:%02dZ INFO order %d of user-%d paid in %dms via %s", i%60, i, i%7, i*3, []string{"card", "cash", "bank"}[i%3]), now)
		m.Add(fmt.Sprintf("connection from 10.0.%d.%d:%d closed", i%256, i%9, 1000+i), now)
		m.Add(`level=error msg="no stock of `+strings.Repeat("x", i%5)+`" code=E12`, now)
	}
	var got []string
	for _, p := range m.Patterns() {
		got = append(got, fmt.Sprintf("%d %s", p.Count, p.Text))
	}
	slices.Sort(got)
	want := []string{
		"500 <time> INFO order <*> of <*> paid in <*> via <*>",
		"500 connection from <address> closed",
		"500 level=error msg=<text> code=<*>",
	}
	if !slices.Equal(got, want) {
		t.Errorf("patterns are\n%s", strings.Join(got, "\n"))
	}
}

func TestNoLogMakesTheTreeGrowWithoutBound(t *testing.T) {
	m := NewMiner()
	r := rand.New(rand.NewPCG(1, 2))
	word := func() string {
		b := make([]byte, 3+r.IntN(6))
		for i := range b {
			b[i] = byte('a' + r.IntN(26))
		}
		return string(b)
	}
	for range 2_500 {
		words := make([]string, 1+r.IntN(90))
		for i := range words {
			words[i] = word()
		}
		m.Add(strings.Join(words, " "), now)
	}
	m.Add(strings.Repeat("long ", 1_000_000), now)
	if len(m.Patterns()) > mostPattern {
		t.Errorf("%d patterns are kept, at most %d are", len(m.Patterns()), mostPattern)
	}
	nodes, kept := 0, 0
	var count func(n *node)
	count = func(n *node) {
		nodes++
		if n.leaf != nil {
			kept += len(n.leaf.patterns)
		}
		if len(n.children) > children {
			t.Errorf("a node has %d children", len(n.children))
		}
		for _, c := range n.children {
			count(c)
		}
	}
	for _, n := range m.root {
		count(n)
	}
	if kept != len(m.Patterns()) || nodes > mostWords*(1+children+children*children) {
		t.Errorf("the tree has %d nodes and %d patterns, %d are known", nodes, kept, len(m.Patterns()))
	}
}

func TestOnlyKindsThatTheOldReleaseNeverWroteAreNew(t *testing.T) {
	f := NewFresh()
	for i := range 50 {
		f.Old(fmt.Sprintf("ERROR cache miss for item %d", i), now)
		f.Old(fmt.Sprintf("order %d taken", i), now)
	}
	for i := range 30 {
		f.New(fmt.Sprintf("ERROR cache miss for item %d", 1000+i), now)
		f.New(fmt.Sprintf("order %d taken", i), now)
		f.New(fmt.Sprintf("order %d wrapped as a gift", i), now)
		if i%3 == 0 {
			f.New(fmt.Sprintf("ERROR ledger refused order %d: password=hunter2%d", i, i), now)
		}
	}
	found := f.Found(10)
	if len(found) != 2 || !found[0].Error || found[0].Count != 10 || found[1].Error || found[1].Count != 30 {
		t.Fatalf("found are %+v", found)
	}
	if strings.Contains(found[0].Example, "hunter2") || !strings.Contains(found[0].Example, "ledger refused order") {
		t.Errorf("the example is %s", found[0].Example)
	}
	f.Old("ERROR ledger refused order 77: password=x", now)
	if found = f.Found(10); len(found) != 1 {
		t.Errorf("what the old release writes too is still new: %+v", found)
	}
}

func TestErrorsAreToldFromLinesThatAreNone(t *testing.T) {
	for line, want := range map[string]bool{
		`ERROR no price`: true, `[error] no price`: true, `2026-01-02 03:04:05 FATAL gone`: true, `level=error msg="x"`: true, `{"level":"error","msg":"x"}`: true,
		`{"severity": "CRITICAL"}`: true, `panic: runtime error: index out of range`: true, `Traceback (most recent call last):`: true, `java.lang.NullPointerException: x`: true,
		`ValueError: bad`: true, `dial tcp: connection refused`: true, `payment failed`: true, `{"level":50,"msg":"x"}`: true, `E: could not open`: true,
		`INFO order taken`: false, `level=info msg="retry after error"`: false, `{"level":"info","error":null}`: false, `0 errors, 12 passed`: false, `order 500 taken`: false,
		`GET /errors 200`: false, `DEBUG failed lookup is normal`: false, ``: false,
	} {
		if got := ErrorLike(line); got != want {
			t.Errorf("%q: %v, want %v", line, got, want)
		}
	}
}

func TestSecretsAreTakenOutOfExamples(t *testing.T) {
	for line, secret := range map[string]string{
		`login with password=hunter22 ok`:           "hunter22",
		`{"password": "hunter22", "user": "ann"}`:   "hunter22",
		`DB_PASSWORD='hun ter22'`:                   "ter22",
		`Authorization: Bearer abcdef0123456789`:    "abcdef0123456789",
		`authorization=Basic YW5uOmh1bnRlcjIy`:      "YW5uOmh1bnRlcjIy",
		`postgres://ann:hunter22@db/shop`:           "hunter22",
		`jwt eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJ`:    "SflKxwRJ",
		`key AKIAIOSFODNN7EXAMPLE used`:             "AKIAIOSFODNN7EXAMPLE",
		`token: ghp_0123456789abcdefghij0123456789`: "ghp_0123",
		`card 4111 1111 1111 1111 refused`:          "1111 1111",
		`mail to ann@example.org bounced`:           "ann@example",
		`api_key=sk_live_0123456789abcdef&x=1`:      "sk_live",
		`-----BEGIN RSA PRIVATE KEY-----MIIE`:       "MIIE",
		`Cookie: session_id=abcdef; theme=dark`:     "abcdef",
	} {
		if got := Redact(line); strings.Contains(got, secret) {
			t.Errorf("%s became %s", line, got)
		}
	}
	for _, line := range []string{"order 1234 of 10.0.0.1 took 12ms", "no secretary found", "GET /tokens 200"} {
		if got := Redact(line); got != line {
			t.Errorf("%s became %s", line, got)
		}
	}
}

func TestNewLinesAreFoundInTheLastLinesOfALog(t *testing.T) {
	var tail Tail
	for i, c := range []struct{ lines, want []string }{
		{[]string{"a", "b", "a", "b"}, []string{"a", "b", "a", "b"}},
		{[]string{"a", "b", "a", "b"}, []string{}},
		{[]string{"b", "a", "b", "c"}, []string{"c"}},
		{[]string{"b", "c", "b", "c"}, []string{"b", "c"}},
		{[]string{"x", "y"}, []string{"x", "y"}},
		{nil, nil},
		{[]string{"z"}, []string{"z"}},
	} {
		if got := tail.Next(c.lines); !slices.Equal(got, c.want) {
			t.Errorf("%d: got %q, want %q", i, got, c.want)
		}
	}
}

func BenchmarkALineIsLearned(b *testing.B) {
	m := NewMiner()
	lines := make([]string, 1000)
	for i := range lines {
		lines[i] = fmt.Sprintf("2026-01-02T03:04:05Z INFO order %d of user-%d paid in %dms kind %d", i, i%7, i*3, i%40)
	}
	for i := 0; b.Loop(); i++ {
		m.Add(lines[i%len(lines)], now)
	}
}
