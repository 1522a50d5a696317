package config

import (
	"encoding"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestWordsAreReadAndWritten(t *testing.T) {
	for _, c := range []struct {
		text, written string
		is, want      any
	}{
		{"300ms", "300ms", new(Duration), Duration(300 * time.Millisecond)},
		{"1.5h", "1h30m", new(Duration), Duration(90 * time.Minute)},
		{"2h", "2h", new(Duration), Duration(2 * time.Hour)},
		{"90s", "1m30s", new(Duration), Duration(90 * time.Second)},
		{"7d", "7d", new(Duration), Duration(168 * time.Hour)},
		{"1w", "7d", new(Duration), Duration(168 * time.Hour)},
		{"1d12h", "36h", new(Duration), Duration(36 * time.Hour)},
		{"0", "0s", new(Duration), Duration(0)},
		{"5%", "5%", new(Percent), Percent(500)},
		{"0.5%", "0.5%", new(Percent), Percent(50)},
		{"0.01%", "0.01%", new(Percent), Percent(1)},
		{"33.30 %", "33.3%", new(Percent), Percent(3330)},
		{"100%", "100%", new(Percent), Percent(10000)},
		{"256MiB", "256MiB", new(Size), Size(256 << 20)},
		{"1GB", "1GB", new(Size), Size(1e9)},
		{"1.5 KiB", "1536B", new(Size), Size(1536)},
		{"512b", "512B", new(Size), Size(512)},
		{"0", "0B", new(Size), Size(0)},
	} {
		err := c.is.(encoding.TextUnmarshaler).UnmarshalText([]byte(c.text))
		if got := reflect.ValueOf(c.is).Elem().Interface(); err != nil || got != c.want || fmt.Sprint(got) != c.written {
			t.Errorf("%s is %v, %v, want %v written %s", c.text, got, err, c.want, c.written)
		}
	}
}

func TestWordsThatCouldMeanTwoThingsAreRefused(t *testing.T) {
	for _, c := range []struct {
		into interface{ UnmarshalText([]byte) error }
		text string
		want string
	}{
		{new(Duration), "30", "say 30s"},
		{new(Duration), "5 m", "is not a duration"},
		{new(Duration), "9999999999d", "longer than a duration can be"},
		{new(Percent), "0.5", "say 0.5%"},
		{new(Percent), "101%", "not between"},
		{new(Percent), "-1%", "not between"},
		{new(Percent), "1e2%", "is not a share"},
		{new(Percent), "0.001%", "finer than"},
		{new(Percent), "many", "is not a share"},
		{new(Size), "256", "say 256MiB"},
		{new(Size), "1 Mio", "unknown unit"},
		{new(Size), "99999999TiB", "larger than a size can be"},
		{new(Size), "MiB", "is not a size"},
	} {
		if err := c.into.UnmarshalText([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%T of %q: %v, want %q", c.into, c.text, err, c.want)
		}
	}
}

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := Duration(rapid.Int64Range(-1<<61, 1<<61).Draw(t, "duration"))
		p := Percent(rapid.IntRange(0, int(Whole)).Draw(t, "share"))
		s := Size(rapid.Int64Range(0, 1<<62).Draw(t, "size"))
		var d2 Duration
		var p2 Percent
		var s2 Size
		if err := d2.UnmarshalText([]byte(d.String())); err != nil || d2 != d {
			t.Errorf("%s: %v, %v", d, d2, err)
		}
		if err := p2.UnmarshalText([]byte(p.String())); err != nil || p2 != p {
			t.Errorf("%s: %v, %v", p, p2, err)
		}
		if err := s2.UnmarshalText([]byte(s.String())); err != nil || s2 != s {
			t.Errorf("%s: %v, %v", s, s2, err)
		}
	})
}

func TestASecretIsOnlyItsName(t *testing.T) {
	s := SecretNamed("db")
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "password", s)
	raw, err := json.Marshal(map[string]any{"password": s})
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range []string{s.String(), fmt.Sprint(s), fmt.Sprintf("%v %+v %s %#v", s, s, s, s), log.String(), string(raw)} {
		if !strings.Contains(got, "(secret db)") {
			t.Errorf("got %s", got)
		}
	}
	for text, want := range map[string]string{`"(secret db)"`: "db", `{"secret":"db"}`: "db", `""`: ""} {
		var again Secret
		if err := json.Unmarshal([]byte(text), &again); err != nil || again.Name() != want {
			t.Errorf("%s: %q, %v", text, again.Name(), err)
		}
	}
	for _, text := range []string{`"hunter2"`, `{"value":"hunter2"}`, `5`} {
		var again Secret
		if err := json.Unmarshal([]byte(text), &again); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestAValueIsPlainOrSecret(t *testing.T) {
	for _, v := range []Value{PlainValue("${HOME}"), PlainValue(""), PlainValue("(secret db)"), SecretValue("db")} {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var again Value
		if err := json.Unmarshal(raw, &again); err != nil || again != v {
			t.Errorf("%s: %#v, %v", raw, again, err)
		}
	}
	if _, plain := SecretValue("db").Plain(); plain {
		t.Error("a secret was given as plain")
	}
}

func TestNoExcerptShowsASecret(t *testing.T) {
	const value = "hunter2-very-long"
	for _, text := range []string{
		"services:\n  w:\n    port: 1\n    password: " + value + "\n",
		"services:\n  w:\n    port: 1\n    password: '" + value + "'\n",
		"services:\n  w: {prt: x, password: \"" + value + "\", zebra: 1, port: x}\n",
		"services:\n  w: {port: 1, password: {value: " + value + "}}\n",
		"services:\n  w: {port: 1, password: [" + value + "]}\n",
		"services:\n  w: {port: 1, pasword: " + value + "}\n",
		"services:\n  w:\n    port: 1\n    password: \"hunter2-\\u0076ery-long\"\n",
		"services:\n  w:\n    port: 1\n    password: hunter2-very-long\n      and more of it\n",
	} {
		var r root
		err := Parse("goodstate.yaml", []byte(text), &r)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("got %v", err)
		}
	}
}

func TestAMapKeepsItsOrder(t *testing.T) {
	var m Map[int]
	for i, k := range []string{"z", "a", "m"} {
		m.Set(k, i)
	}
	m.Set("z", 7)
	raw, err := json.Marshal(m)
	if err != nil || string(raw) != `{"z":7,"a":1,"m":2}` {
		t.Fatalf("%s, %v", raw, err)
	}
	var again Map[int]
	if err := json.Unmarshal(raw, &again); err != nil || !reflect.DeepEqual(again, m) {
		t.Errorf("%v, %v", again, err)
	}
	for k := range m.All() {
		if k != "z" {
			t.Errorf("first is %s", k)
		}
		break
	}
	for _, text := range []string{`[]`, `{"a":"x"}`, `{"a":`} {
		if err := json.Unmarshal([]byte(text), &again); err == nil {
			t.Errorf("%s was taken", text)
		}
	}
	if err := json.Unmarshal([]byte(`null`), &again); err != nil || again.Len() != 0 {
		t.Errorf("null: %v", err)
	}
}

func TestTheDigestSeesContentAndNotLayout(t *testing.T) {
	one := parsed(t, "services:\n  a: {port: 1, env: {X: {secret: s}, Y: '2'}}\n  b: {port: 2}\n")
	same := parsed(t, "# a comment\nservices:\n  b:\n    port: 2\n  a:\n    env:\n      Y: 2\n      X:\n        secret: s\n    port: 1\n")
	other := parsed(t, "services: {a: {port: 1, env: {X: {secret: t}, Y: '2'}}, b: {port: 2}}\n")
	if Digest(one) != Digest(same) {
		t.Error("the same content has two digests")
	}
	if Digest(one) == Digest(other) {
		t.Error("another secret has the same digest")
	}
	if len(Digest(one)) != 64 {
		t.Errorf("digest %s", Digest(one))
	}
}

func TestTheNearestNameIsTheOneThatWasMeant(t *testing.T) {
	for _, c := range []struct{ typed, want string }{
		{"canery", "canary"},
		{"Canary", "canary"},
		{"rollnig", "rolling"},
		{"roll", "rolling"},
		{"bluegreens", "bluegreen"},
		{"zebra", ""},
		{"x", ""},
		{"", ""},
		{strings.Repeat("c", 100), ""},
	} {
		if got := Nearest(c.typed, []string{"bluegreen", "canary", "rolling"}); got != c.want {
			t.Errorf("%q: got %q, want %q", c.typed, got, c.want)
		}
	}
}
