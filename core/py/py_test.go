package py

import (
	"math/big"
	"slices"
	"testing"
)

func TestADictKeepsTheOrderOfItsKeys(t *testing.T) {
	d := DictOf("b", 1, "a", 2)
	d.Set("b", 3)
	if got := d.Keys(); !slices.Equal(got, []any{"b", "a"}) {
		t.Errorf("keys %v", got)
	}
	for i := range int64(100) {
		d.Set(i, i)
	}
	for i := range int64(90) {
		if !d.Delete(i) {
			t.Fatalf("%d was not there", i)
		}
	}
	d.Set(int64(3), "again")
	keys := d.Keys()
	if d.Len() != 13 || keys[0] != "b" || keys[2] != int64(90) || keys[12] != int64(3) {
		t.Errorf("%d keys %v", d.Len(), keys)
	}
	if v, ok := d.Get(int64(99)); !ok || v != int64(99) {
		t.Errorf("99 is %v", v)
	}
}

func TestKeysAreEqualAsInPython(t *testing.T) {
	d := DictOf(int64(1), "one")
	for _, same := range []any{1.0, true, 1} {
		if !d.Has(same) {
			t.Errorf("%T %v is not 1", same, same)
		}
	}
	for _, other := range []any{"1", 1.5, nil, int64(2), Tuple{int64(1)}} {
		if d.Has(other) {
			t.Errorf("%T %v is 1", other, other)
		}
	}
	d.Set(Tuple{"a", int64(2)}, "pair")
	if !d.Has(Tuple{Unsafe("a"), int64(2)}) {
		t.Error("an equal tuple is not found")
	}
}

func TestJSONKeepsOrderNumbersAndText(t *testing.T) {
	text := `{"z":1,"a":[1.5,-0.25,true,null,"<&>\n"],"big":123456789012345678901234567890,"f":2.0,"n":{"1":{}}}`
	v, err := FromJSON([]byte(text), false)
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := v.(*Dict).Get("big"); b.(*big.Int).BitLen() < 64 {
		t.Errorf("big is %v", b)
	}
	again, err := ToJSON(v)
	if err != nil || string(again) != text {
		t.Errorf("%s, %v", again, err)
	}
	for _, bad := range []string{"", "{", "[1,]", "1 2", `{"a":1]`} {
		if v, err := FromJSON([]byte(bad), false); err == nil {
			t.Errorf("%q is %v", bad, v)
		}
	}
}

func TestTextFromHostsIsNeverATemplate(t *testing.T) {
	v, err := FromJSON([]byte(`{"out":"{{ 1 }}"}`), true)
	if err != nil {
		t.Fatal(err)
	}
	if out, _ := v.(*Dict).Get("out"); out != Unsafe("{{ 1 }}") {
		t.Errorf("%T", out)
	}
}

func TestAListThatContainsItselfIsAnError(t *testing.T) {
	l := NewList()
	l.Items = append(l.Items, l)
	if _, err := ToJSON(l); err == nil {
		t.Error("no error")
	}
}

func TestADictFromAHostKnowsIt(t *testing.T) {
	v, err := FromJSON([]byte(`{"a":{"b":["x"]},"n":1}`), true)
	if err != nil {
		t.Fatal(err)
	}
	d, _ := v.(*Dict)
	if !FromHost(d) || !FromHost(d.Copy()) || !IsUnsafe(d) {
		t.Error("it does not")
	}
	d.Set("m", int64(2))
	if !FromHost(d) {
		t.Error("a number changes it")
	}
	d.Set("t", "{{ x }}")
	if FromHost(d) {
		t.Error("trusted text does not change it")
	}
	if !FromHost(MarkUnsafe(d)) {
		t.Error("what was marked is not known")
	}
}
