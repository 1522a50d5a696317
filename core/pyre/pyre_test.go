package pyre

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"reflect"
	"testing"
	"time"
)

// script does with Python's re what a case asks for.
const script = `
import json, re, sys
out = []
for c in json.load(sys.stdin):
    try:
        p = re.compile(c["pattern"], c["flags"])
        def all(m):
            return None if m is None else [[m.start(i), m.end(i), m.group(i) or ""] for i in range(p.groups + 1)]
        out.append({"search": all(p.search(c["text"])), "match": all(p.match(c["text"])), "full": all(p.fullmatch(c["text"])),
                    "sub": p.sub(c["to"], c["text"]), "split": [s or "" for s in p.split(c["text"])], "escape": re.escape(c["text"])})
    except (re.error, IndexError) as e:
        out.append({"error": str(e)})
json.dump(out, sys.stdout)
`

type question struct {
	Pattern string `json:"pattern"`
	Text    string `json:"text"`
	To      string `json:"to"`
	Flags   int    `json:"flags"`
}

type answer struct {
	Search, Match, Full [][3]any
	Sub, Escape, Error  string
	Split               []string
}

func flat(m *Match) [][3]any {
	if m == nil {
		return nil
	}
	var groups [][3]any
	for _, g := range m.Groups {
		groups = append(groups, [3]any{float64(g.Start), float64(g.End), g.Text})
	}
	return groups
}

func ours(t *testing.T, q question) (a answer) {
	t.Helper()
	p, err := Compile(q.Pattern, Flags(q.Flags))
	if err != nil {
		return answer{Error: err.Error()}
	}
	for to, find := range map[*[][3]any]func(string) (*Match, error){&a.Search: p.Search, &a.Match: p.Match, &a.Full: p.FullMatch} {
		m, err := find(q.Text)
		if err != nil {
			t.Fatal(err)
		}
		*to = flat(m)
	}
	if a.Sub, _, err = p.Sub(q.To, q.Text, 0); err != nil {
		return answer{Error: err.Error()}
	}
	parts, err := p.Split(q.Text, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range parts {
		a.Split = append(a.Split, part.Text)
	}
	a.Escape = Escape(q.Text)
	return a
}

func TestPatternsDoWhatPythonDoes(t *testing.T) {
	var questions []question
	texts := []string{"", "abc", "foo=1; bar=22\nbaz", "äöü ☃ x", "a.b*c", "aaa bbb\n", "Listen 80\n#Listen 81\nlisten 82\n"}
	for _, p := range []struct {
		pattern, to string
		flags       int
	}{
		{"a", "x", 0},
		{"", "-", 0},
		{"a*", "-", 0},
		{`(\w+)=(\d+)`, `\2:\1`, 0},
		{`(?P<k>\w+)=(?P<v>\d+)`, `\g<v>-\g<k>-\g<0>`, 0},
		{`(a)(?P<n>b)(c)`, `\3\2\1`, 0},
		{`^\w+`, "X", 8},
		{`\w+$`, "X", 0},
		{`\w+\Z`, "X", 0},
		{`b$`, "X", 8},
		{`.`, "_", 16},
		{`LISTEN (\d+)`, `\1`, 2},
		{`^#?listen`, "L", 10},
		{`(?i)foo`, "X", 0},
		{`(?<=o)=`, "E", 0},
		{`a(?!b)`, "X", 0},
		{`(a)|(b)`, `[\1\2]`, 0},
		{`(?P<q>.)(?P=q)`, "D", 0},
		{`(.)\1`, "D", 0},
		{`[[]`, "x", 0},
		{`[a-c&&b]`, "x", 0},
		{`[^\W\d]+`, "w", 0},
		{`[\s\S]+`, "a", 0},
		{`[\W_]+`, "p", 0},
		{`[^\W]`, "v", 0},
		{`[\W\D]`, "u", 0},
		{`[^\S\n]`, "s", 0},
		{`[\Sb]`, "t", 0},
		{`a{2}`, "2", 0},
		{`a{,2}`, "2", 0},
		{`a{x}`, "2", 0},
		{`(?x) f o o  # three letters`, "X", 0},
		{`(?:a|b)+?`, "X", 0},
		{`\x61\u0062`, "X", 0},
		{`\.`, `\\`, 0},
		{`\s+`, `\n`, 0},
		{`(`, "", 0},
		{`)`, "", 0},
		{`[a`, "", 0},
		{`a**`, "", 0},
		{`\q`, "", 0},
		{`(?P<1a>x)`, "", 0},
		{`a`, `\9`, 0},
		{`(a)`, `\g<nope>`, 0},
		{`a`, `\q`, 0},
		{`(?P=nope)`, "", 0},
		{`(a)?b`, `<\1>`, 0},
		{`\d+|\w`, "n", 0},
		{`(?s:.)b`, "X", 0},
		{`a(?#comment)b`, "X", 0},
		{`(x)?(?(1)y|b)`, "C", 0},
		{`\b\w`, "B", 0},
		{`[\]\-a]`, "c", 0},
		{`☃`, "S", 0},
		{`[ä-ü]`, "U", 0},
	} {
		for _, text := range texts {
			questions = append(questions, question{p.pattern, text, p.to, p.flags})
		}
	}
	in, err := json.Marshal(questions)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/usr/bin/python3", "-W", "ignore", "-c", script)
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("python3: %v", err)
	}
	var want []answer
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	for i, q := range questions {
		got := ours(t, q)
		if (got.Error != "") != (want[i].Error != "") {
			t.Errorf("%q on %q to %q: %q, Python %q", q.Pattern, q.Text, q.To, got.Error, want[i].Error)
			continue
		}
		got.Error, want[i].Error = "", ""
		if !reflect.DeepEqual(got, want[i]) {
			t.Errorf("%q on %q to %q\n  %v\nPython\n  %v", q.Pattern, q.Text, q.To, got, want[i])
		}
	}
}

func TestASearchHasATimeLimit(t *testing.T) {
	p, err := Compile(`(a+)+$`, 0)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	_, err = p.Search(string(bytes.Repeat([]byte("a"), 60)) + "b")
	if err == nil || time.Since(start) > 3*longest {
		t.Errorf("%v after %s", err, time.Since(start))
	}
}
