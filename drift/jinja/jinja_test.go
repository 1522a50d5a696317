package jinja

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"goodstate.dev/goodstate/core/py"
	"goodstate.dev/goodstate/core/vault"
	"goodstate.dev/goodstate/core/yaml11"
)

func TestHostileTemplatesEnd(t *testing.T) {
	env := New(Options{Steps: 200_000, Output: 1 << 20, Time: 5 * time.Second})
	for _, text := range []string{
		"{% for i in range(100000000) %}x{% endfor %}",
		"{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}",
		"{{ 'a' * 100000000 }}",
		"{{ range(1000000000) | list }}",
		"{{ [1] * 100000000 }}",
		"{{ 2 ** 100000000 }}",
		"{{ '%1000000000d' % 1 }}",
		"{{ '{:>1000000000}'.format(1) }}",
		"{{ 'a'.ljust(1000000000) }}",
		"{{ 'a'.zfill(1000000000) }}",
		"{{ 'x' | indent(100000000) }}",
		"{{ 'x' | center(100000000) }}",
		"{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
		"{% set l = [] %}{% for i in range(100) %}{% set _ = l.append(l) %}{% endfor %}{{ l | flatten }}",
		"{{ range(20) | permutations | list }}",
		"{{ range(99) | product(range(99), range(99), range(99)) | list }}",
		"{% set x = 'ab' %}{% for i in range(60) %}{% set x = x + x %}{{ x | length }}{% endfor %}{{ 'aaaaaaaaaaaa' * 99999 * 99999 }}",
		strings.Repeat("(", 10_000),
		"{{ " + strings.Repeat("(", 10_000) + " }}",
		"{{ " + strings.Repeat("-", 10_000) + "1 }}",
		"{{ " + strings.Repeat("not ", 10_000) + "1 }}",
		strings.Repeat("{% if 1 %}", 10_000),
		"{{ self_ref }}",
		"{{ ping }}",
	} {
		start := time.Now()
		v, err := env.Template(context.Background(), text, Vars{"self_ref": "{{ self_ref }}", "ping": "{{ pong }}", "pong": "{{ ping }}"})
		if err == nil && len(py.Str(v)) > 1<<20 {
			t.Errorf("%.60s gives %d bytes", text, len(py.Str(v)))
		}
		if took := time.Since(start); took > 6*time.Second {
			t.Errorf("%.60s takes %s", text, took)
		}
		if err == nil && strings.Contains(text, "{{ m() }}") {
			t.Errorf("%.60s gives %.60q", text, py.Str(v))
		}
	}
}

func TestASearchThatGoesBackAndForthEnds(t *testing.T) {
	env := New(Options{})
	start := time.Now()
	_, err := env.Template(context.Background(), "{{ ('a' * 40) is match('(a+)+$b') }}", Vars{})
	if err == nil || time.Since(start) > 20*time.Second {
		t.Errorf("after %s: %v", time.Since(start), err)
	}
}

func TestACancelledTemplateEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := New(Options{}).Template(ctx, "{% for i in range(1000000) %}{% endfor %}", Vars{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestTextFromHostsIsNotATemplateEvenInOtherTexts(t *testing.T) {
	env := New(Options{})
	vars := Vars{"out": py.Unsafe("{{ secret }}"), "secret": "s3cret", "via": "{{ out }}", "all": py.DictOf("k", py.Unsafe("{{ secret }}"))}
	for _, text := range []string{"{{ out }}", "{{ via }}", "{{ out ~ '' }}", "x{{ via | upper | lower }}", "{{ all.k }}", "{{ all | to_json }}", "{{ [out] | first }}", "{% set x = out %}{{ x }}", "{{ {'a': out}.a }}"} {
		v, err := env.Template(context.Background(), text, vars)
		if err != nil {
			t.Fatal(err)
		}
		again, err := env.Value(context.Background(), v, vars)
		if err != nil || strings.Contains(py.Str(again), "s3cret") {
			t.Errorf("%s: %v %v", text, again, err)
		}
		if !py.IsUnsafe(v) {
			t.Errorf("%s gives %T", text, v)
		}
	}
}

func TestAnEncryptedVariableIsDecryptedWhenItIsUsed(t *testing.T) {
	text, err := vault.String("token", []byte("t0ken {{ x }}"), vault.Secret{Password: []byte("p")})
	if err != nil {
		t.Fatal(err)
	}
	opened := 0
	keys := vault.Keys{{Password: []byte("p")}}
	v, err := yaml11.Load("v.yml", []byte(text+"\nother: 1\n"), yaml11.Options{Open: func(cipher string) (string, error) {
		opened++
		plain, _, err := keys.Decrypt([]byte(cipher))
		return string(plain), err
	}})
	if err != nil {
		t.Fatal(err)
	}
	vars := Vars{}
	for k, item := range v.(*py.Dict).All() {
		vars[k.(string)] = item
	}
	env := New(Options{})
	if got, err := env.Template(context.Background(), "{{ other }}", vars); got != int64(1) || err != nil || opened != 0 {
		t.Errorf("%v %v, opened %d times", got, err, opened)
	}
	for range 2 {
		if got, err := env.Template(context.Background(), "{{ token }}!", vars); got != "t0ken {{ x }}!" || err != nil {
			t.Errorf("%v %v", got, err)
		}
	}
	if opened != 1 {
		t.Errorf("opened %d times", opened)
	}
	if got, err := env.Template(context.Background(), "{{ token is vault_encrypted }} {{ token | length }}", vars); err != nil {
		t.Errorf("%v %v", got, err)
	}
}

func TestErrorsTellWhatIsWrong(t *testing.T) {
	env := New(Options{})
	vars := Vars{"d": py.DictOf("a", int64(1)), "broken": "{{ nope }}", "deep": "{{ broken }}"}
	for text, want := range map[string]string{
		"{{ nope }}":           "'nope' is undefined",
		"{{ d.x }}":            "'dict object' has no attribute 'x'",
		"{{ [][0] }}":          "list object has no element 0",
		"{{ broken }}":         "{{ nope }}: 'nope' is undefined",
		"{{ deep }}":           "{{ broken }}: {{ nope }}: 'nope' is undefined",
		"{{ 1 | nofilter }}":   `template error while templating string: Could not load "nofilter": 'nofilter'. String: {{ 1 | nofilter }}`,
		"{{ a b }}":            "template error while templating string: expected token 'end of print statement', got 'b'. String: {{ a b }}",
		"{% if x %}":           "template error while templating string: Unexpected end of template. Jinja was looking for the following tags: 'elif' or 'else' or 'endif'. The innermost block that needs to be closed is 'if'.. String: {% if x %}",
		"{{ 'a' + 1 }}":        "Unexpected templating type error occurred on ({{ 'a' + 1 }}): can only concatenate str (not \"int\") to str",
		"{{ 1 / 0 }}":          "division by zero",
		"{{ lookup('x', 1) }}": "lookup plugin (x) not found",
	} {
		if _, err := env.Template(context.Background(), text, vars); err == nil || err.Error() != want {
			t.Errorf("%s\n  %v\nwant\n  %s", text, err, want)
		}
	}
	_, err := env.Condition(context.Background(), "nope.x", vars)
	if want := "The conditional check 'nope.x' failed. The error was: error while evaluating conditional (nope.x): 'nope' is undefined"; err == nil || err.Error() != want || !IsUndefined(err) {
		t.Errorf("%v", err)
	}
}

func TestStrictConditionsMustBeBooleans(t *testing.T) {
	lenient, strict := New(Options{}), New(Options{Strict: true})
	vars := Vars{"name": "x", "num": int64(1), "yes": true}
	for expr, want := range map[string]bool{"yes": true, "num == 1": true, "name": false, "num": false, "name | length": false, "name is defined": true} {
		if ok, err := lenient.Condition(context.Background(), expr, vars); !ok || err != nil {
			t.Errorf("%s: %v %v", expr, ok, err)
		}
		ok, err := strict.Condition(context.Background(), expr, vars)
		if ok != want || (err == nil) != want {
			t.Errorf("strict %s: %v %v", expr, ok, err)
		}
	}
}

func TestPluginsOfTheCallerAreFound(t *testing.T) {
	env := New(Options{Plugin: func(kind, name string) (Function, bool) {
		if name != "my.own.thing" {
			return nil, false
		}
		return func(_ context.Context, args []any, named *py.Dict) (any, error) {
			n, _ := named.Get("times")
			if n == nil {
				n = int64(1)
			}
			if kind == "test" {
				return true, nil
			}
			return py.NewList(strings.Repeat(py.Str(args[0]), int(n.(int64)))), nil
		}, true
	}})
	for text, want := range map[string]string{
		"{{ 'ab' | my.own.thing(times=2) }}":        "['abab']",
		"{{ 1 is my.own.thing }}":                   "True",
		"{{ lookup('my.own.thing', 'x') }}":         "x",
		"{{ ['a'] | map('my.own.thing') | first }}": "['a']",
	} {
		v, err := env.Template(context.Background(), text, Vars{})
		if err != nil || py.Str(v) != want {
			t.Errorf("%s: %v %v", text, v, err)
		}
	}
}

func TestOneEnvServesManyAtOnce(t *testing.T) {
	env := New(Options{})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for n := range 200 {
				v, err := env.Template(context.Background(), "{{ x + 1 }}-{{ l | map('string') | join }}", Vars{"x": int64(n), "l": py.NewList(int64(i))})
				if err != nil || py.Str(v) != py.Str(int64(n+1))+"-"+py.Str(int64(i)) {
					t.Errorf("%v %v", v, err)
					return
				}
			}
		}()
	}
	wg.Wait()
}

func TestAPasswordIsMadeOnceAndKeptForItsOwner(t *testing.T) {
	dir := t.TempDir()
	env := New(Options{Dir: dir})
	first, err := env.Template(context.Background(), "{{ lookup('password', 'sub/pw length=15 chars=ascii_letters') }}", Vars{})
	if err != nil {
		t.Fatal(err)
	}
	again, err := env.Template(context.Background(), "{{ lookup('password', 'sub/pw length=15') }}", Vars{})
	if err != nil || py.Str(first) != py.Str(again) || len(py.Str(first)) != 15 {
		t.Errorf("%v, then %v %v", first, again, err)
	}
	info, err := os.Stat(filepath.Join(dir, "sub", "pw"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	hashed, err := env.Template(context.Background(), "{{ lookup('password', 'sub/pw encrypt=sha512_crypt') }}", Vars{})
	if err != nil || !strings.HasPrefix(py.Str(hashed), "$6$rounds=656000$") {
		t.Errorf("%v %v", hashed, err)
	}
	if twice, err := env.Template(context.Background(), "{{ lookup('password', 'sub/pw encrypt=sha512_crypt') }}", Vars{}); err != nil || py.Str(twice) != py.Str(hashed) {
		t.Errorf("%v %v", twice, err)
	}
}

func TestATemplateDoesNotChangeVariables(t *testing.T) {
	list := py.NewList(int64(1))
	vars := Vars{"list": list, "dict": py.DictOf("l", list)}
	env := New(Options{})
	for _, text := range []string{"{% set _ = list.append(2) %}{{ list }}", "{% set _ = dict.l.append(3) %}{{ dict }}", "{% set _ = dict.update({'x': 1}) %}{{ dict }}", "{{ list.pop() }}", "{{ (dict | attr('pop'))('l') }}"} {
		if _, err := env.Template(context.Background(), text, vars); err != nil {
			t.Error(err)
		}
	}
	if got := py.Repr(vars["dict"]); got != "{'l': [1]}" {
		t.Error(got)
	}
}

func TestNativeTextOfAFactStaysText(t *testing.T) {
	env := New(Options{})
	vars := Vars{"data": py.NewList(int64(1), "a")}
	fact, err := env.Fact(context.Background(), "{{ data | to_json }}", vars)
	if err != nil {
		t.Fatal(err)
	}
	vars["fact"] = fact
	v, err := env.Template(context.Background(), "{{ fact }}", vars)
	if err != nil || v != `[1, "a"]` {
		t.Errorf("%T %v %v", v, v, err)
	}
}

var sink any

func BenchmarkTemplate(b *testing.B) {
	vars := sample(b)
	env := testEnv(b)
	ctx := context.Background()
	for _, text := range []string{
		"plain text", "{{ name }}", "/etc/{{ name }}/{{ num }}.conf", "{{ users | selectattr('active') | map(attribute='name') | list }}", "{{ tmpl_dict }}",
		"{{ greeting | upper | regex_replace('O', '0') }}",
	} {
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				v, err := env.Template(ctx, text, vars)
				if err != nil {
					b.Fatal(err)
				}
				sink = v
			}
		})
	}
}

func BenchmarkCondition(b *testing.B) {
	vars := sample(b)
	env := testEnv(b)
	for _, text := range []string{"num == 5", "result is changed", "nope is defined and nope.x", "name is match('web') and num in [1, 5]"} {
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := env.Condition(context.Background(), text, vars); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// hostsOf is like the engine's hostvars: an object of objects.
type hostsOf map[string]Vars

func (h hostsOf) Get(key any) (any, bool, error) {
	vars, ok := h[py.Str(key)]
	return varsOf{vars}, ok, nil
}

func (h hostsOf) Keys() []any {
	keys := []any{}
	for _, name := range []string{"a", "b"} {
		if _, ok := h[name]; ok {
			keys = append(keys, name)
		}
	}
	return keys
}

func (hostsOf) TypeName() string { return "ansible.vars.hostvars.HostVars" }

func (hostsOf) Missing(key any) string {
	return py.Repr("hostvars["+py.Repr(key)+"]") + " is undefined"
}

type varsOf struct{ vars Vars }

func (v varsOf) Get(key any) (any, bool, error) {
	value, ok := v.vars[py.Str(key)]
	return value, ok, nil
}
func (v varsOf) Scope() Scope { return v.vars }
func (v varsOf) Soft() bool   { return true }
func (v varsOf) Keys() []any {
	keys := []any{}
	for _, name := range v.vars.Names() {
		keys = append(keys, name)
	}
	return keys
}

func TestVariablesOfOtherHostsAreEvaluatedThere(t *testing.T) {
	hosts := hostsOf{
		"a": {"name": "A", "hello": "hello {{ name }}", "out": py.Unsafe("{{ name }}"), "bad": "{{ nope }}"},
		"b": {"name": "B", "hello": "hello {{ name }}"},
	}
	env := New(Options{})
	vars := Vars{"hostvars": hosts, "name": "mine", "all": py.NewList("a", "b"), "loop_": "{{ hostvars.c.loop_ }}"}
	hosts["c"] = vars
	for text, want := range map[string]string{
		"{{ hostvars['a'].hello }} {{ hostvars.b.hello }} {{ name }}":           "'hello A hello B mine'",
		"{{ all | map('extract', hostvars, 'hello') | list }}":                  "['hello A', 'hello B']",
		"{{ hostvars['nope'] is defined }} {{ 'a' in hostvars }}":               "'False True'",
		"{{ hostvars.keys() | list }} {{ hostvars | length }}":                  "\"['a', 'b'] 2\"",
		"{{ hostvars.b | to_json }}":                                            `'{"hello": "hello B", "name": "B"}'`,
		"{{ hostvars['b'] }}":                                                   "{'hello': 'hello B', 'name': 'B'}",
		"{{ hostvars['b'] | dict2items | map(attribute='key') | list }}":        "['hello', 'name']",
		"{{ hostvars.a.bad }}":                                                  "'{{ nope }}'",
		"{{ hostvars.a.get('zip', 1) }}{{ hostvars.a.missing | default('d') }}": "'1d'",
	} {
		v, err := env.Template(context.Background(), text, vars)
		if err != nil || py.Repr(v) != want {
			t.Errorf("%s: %s %v\nwant %s", text, py.Repr(v), err, want)
		}
	}
	if v, err := env.Template(context.Background(), "{{ hostvars.a.out ~ '' }}", vars); err != nil || v != py.Unsafe("{{ name }}") {
		t.Errorf("%T %v %v", v, v, err)
	}
	for text, want := range map[string]string{
		"{{ hostvars['nope'].x }}": `"hostvars['nope']" is undefined`,
		"{{ hostvars.a.nope }}":    "'dict object' has no attribute 'nope'",
	} {
		if _, err := env.Template(context.Background(), text, vars); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	if _, err := env.Template(context.Background(), "{{ loop_ }}", vars); err == nil {
		t.Error("what refers to itself over another host has no end")
	}
}

func TestNativeTypesStayWhatTheyAre(t *testing.T) {
	env := New(Options{Native: true})
	vars := Vars{"n": int64(5), "text": "007", "none": nil, "t": py.Tuple{int64(1)}, "list": py.NewList(int64(1))}
	for text, want := range map[string]string{
		"{{ n }}": "5", "{{ n + 1 }}": "6", "{{ n }}{{ n }}": "55", "{{ '5' }}": "5", "{{ text }}": "'007'", "{{ none }}": "None", "{{ t }}": "(1,)",
		"{{ list }}": "[1]", "a{{ n }}": "'a5'", "{{ n | string }}": "'5'", "{{ 1.50 }}": "1.5", "{{ [n] | to_json }}": "'[5]'", "{{ true }}": "True", "{{ 'x' }}": "'x'",
	} {
		v, err := env.Template(context.Background(), text, vars)
		if err != nil || py.Repr(v) != want {
			t.Errorf("%s: %s %v, want %s", text, py.Repr(v), err, want)
		}
	}
}
