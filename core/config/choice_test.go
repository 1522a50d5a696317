package config

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestAMemberIsRegisteredOnce(t *testing.T) {
	var names []string
	for _, k := range Kinds[Strategy]() {
		names = append(names, k.Name)
	}
	if want := []string{"at-once", "canary", "rolling"}; !reflect.DeepEqual(names, want) {
		t.Errorf("kinds %v, want %v", names, want)
	}
	defer func() {
		if recover() == nil {
			t.Error("a second canary was registered")
		}
	}()
	Register(Kinds[Strategy]()[1])
}

func TestAChoiceMadeInAProgramIsBuiltLikeOneInTheFile(t *testing.T) {
	c, err := Choose[Strategy]("canary", map[string]any{"steps": []string{"10%"}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.New()
	if err != nil || s.Plan() != "canary [10%] hold 1m" {
		t.Errorf("%v, %v", s, err)
	}
	plain, err := Choose[Strategy]("at-once", nil)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := plain.New(); err != nil || s.Plan() != "at once" {
		t.Errorf("%v, %v", s, err)
	}
}

func TestAChoiceThatCannotBeBuiltSaysWhy(t *testing.T) {
	for _, c := range []struct {
		choice Choice[Strategy]
		want   string
	}{
		{Choice[Strategy]{}, "no strategy was chosen: one of at-once, canary, rolling"},
		{Choice[Strategy]{Kind: "canery"}, `unknown strategy "canery" (did you mean canary?)`},
		{Choice[Strategy]{Kind: "canary", Settings: json.RawMessage(`{"hodl": "1m"}`)}, `canary.hodl: unknown key "hodl" (did you mean hold?)`},
		{Choice[Strategy]{Kind: "canary", Settings: json.RawMessage(`{"hold"`)}, "strategy canary: settings: "},
		{Choice[Strategy]{Kind: "canary", Settings: json.RawMessage(`{} {}`)}, "more than one JSON value"},
		{Choice[Strategy]{Kind: "rolling", Settings: json.RawMessage(`{"batch": 0}`)}, "strategy rolling: batch must be at least 1"},
		{Choice[Strategy]{Kind: "at-once", Settings: json.RawMessage(`{"x": 1}`)}, "has no settings"},
	} {
		if _, err := c.choice.New(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", c.choice.Kind, err, c.want)
		}
	}
	if !(Choice[Strategy]{}).IsZero() {
		t.Error("an empty choice is not zero")
	}
}

func TestEveryExampleOfAFamilyIsRight(t *testing.T) {
	for _, k := range Kinds[Probe]() {
		var in struct {
			Probe spec `yaml:"probe"`
		}
		if err := Parse(k.Name, []byte("probe:\n  "+k.Example+"\n"), &in); err != nil {
			t.Error(err)
		}
	}
}

type hop struct {
	Host string `yaml:"host"`
	Via  *hop   `yaml:"via"`
}

// UnmarshalText reads "host" or "host via other".
func (h *hop) UnmarshalText(text []byte) error {
	host, via, more := strings.Cut(string(text), " via ")
	if host == "" {
		return errors.New("names no host")
	}
	if h.Host = host; more {
		h.Via = &hop{}
		return h.Via.UnmarshalText([]byte(via))
	}
	return nil
}

type base struct {
	Listen string `yaml:"listen" default:":80"`
}

func (b *base) Validate() error {
	if b.Listen == ":0" {
		return errors.New("wants a port")
	}
	return nil
}

type wide struct {
	base `yaml:",inline"`

	Hops    []hop            `yaml:"hops"`
	Small   uint8            `yaml:"small"`
	Shares  map[string]int   `yaml:"shares"`
	Any     any              `yaml:"any"`
	Hidden  chan int         `yaml:"-"`
	Unnamed float32          // its key is its name in lower case
	Deep    map[string]*wide `yaml:"deep"`
}

func TestShortFormsAndEmbeddedStructs(t *testing.T) {
	var w wide
	text := "listen: :81\nunnamed: -0.5\nhops: [a via b, {host: c, via: d}]\nany: {x: [1, 2.5, ~, no, 0x1F]}\ndeep: {a: {listen: :9}, b: ~}\n"
	if err := Parse("wide.yaml", []byte(text), &w); err != nil {
		t.Fatal(err)
	}
	if w.Listen != ":81" || w.Hops[0].Via.Host != "b" || w.Hops[1].Via.Host != "d" || w.Unnamed != -0.5 {
		t.Errorf("got %+v", w)
	}
	if want := map[string]any{"x": []any{int64(1), 2.5, nil, "no", "0x1F"}}; !reflect.DeepEqual(w.Any, want) {
		t.Errorf("any is %#v", w.Any)
	}
	if w.Deep["a"].Listen != ":9" || w.Deep["b"] != nil {
		t.Errorf("deep is %+v", w.Deep)
	}
	for text, want := range map[string]string{
		"listen: :0\n":            "wants a port",
		"hops: [{hots: a}]\n":     `hops[0].hots: unknown key "hots" (did you mean host?)`,
		"hops: ['']\n":            "hops[0]: names no host",
		"small: 256\n":            "small: \"256\" is too large",
		"small: -1\n":             "want a whole number that is not negative",
		"shares: {a: x, b: y}\n":  "shares.a: want a whole number",
		"shares: {'a.b c': x}\n":  `shares."a.b c": want a whole number`,
		"hidden: 1\n":             `unknown key "hidden"`,
		"deep: {a: {lsten: x}}\n": "deep.a.lsten",
	} {
		if err := Parse("wide.yaml", []byte(text), &wide{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}
