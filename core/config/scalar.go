package config

import (
	"encoding"
	"errors"
	"reflect"
	"slices"
	"strconv"
)

const nothingHint = "give it a value, or remove the key"

// decodeText reads a type that is written as one word: a duration, a share, a size.
func (d *decoder) decodeText(n *node, into encoding.TextUnmarshaler, path string) {
	if n.kind != scalar {
		d.report(n.at(), path, "want a single value, not "+n.what(), "")
		return
	}
	if n.null() {
		d.report(n.place, path, "has no value", nothingHint)
		return
	}
	if err := into.UnmarshalText([]byte(n.text)); err != nil {
		d.reportError(n, path, err)
	}
}

func (d *decoder) decodeScalar(n *node, v reflect.Value, path string) {
	if n.null() {
		d.report(n.place, path, "has no value", nothingHint)
		return
	}
	switch v.Kind() {
	case reflect.String:
		if n.kind != scalar {
			d.report(n.at(), path, "want text, not "+n.what(), "")
			return
		}
		v.SetString(n.text)
	case reflect.Bool:
		d.decodeBool(n, v, path)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if d.wantNumber(n, "a whole number", path) {
			i, err := strconv.ParseInt(n.text, 10, v.Type().Bits())
			d.numberError(n, err, "a whole number", path)
			v.SetInt(i)
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if d.wantNumber(n, "a whole number", path) {
			i, err := strconv.ParseUint(n.text, 10, v.Type().Bits())
			d.numberError(n, err, "a whole number that is not negative", path)
			v.SetUint(i)
		}
	case reflect.Float32, reflect.Float64:
		if d.wantNumber(n, "a number", path) {
			f, err := strconv.ParseFloat(n.text, v.Type().Bits())
			d.numberError(n, err, "a number", path)
			v.SetFloat(f)
		}
	default:
		d.report(n.place, path, "cannot be decoded into "+v.Type().String(), "")
	}
}

func (d *decoder) decodeBool(n *node, v reflect.Value, path string) {
	if n.bool() {
		v.SetBool(n.text == "true")
		return
	}
	if n.kind != scalar {
		d.report(n.at(), path, "want true or false, not "+n.what(), "")
		return
	}
	hint := ""
	switch {
	case slices.Contains([]string{"yes", "Yes", "YES", "y", "Y", "on", "On", "ON", "True", "TRUE", "true", "1"}, n.text):
		hint = "say true"
	case slices.Contains([]string{"no", "No", "NO", "n", "N", "off", "Off", "OFF", "False", "FALSE", "false", "0"}, n.text):
		hint = "say false"
	}
	if n.quoted && (n.text == "true" || n.text == "false") {
		hint += " without quotes"
	}
	d.report(n.place, path, "want true or false, not "+quoted(n.text), hint)
}

// wantNumber says what is wrong with a number in another notation.
func (d *decoder) wantNumber(n *node, want, path string) bool {
	switch {
	case n.number():
		return true
	case n.kind != scalar:
		d.report(n.at(), path, "want "+want+", not "+n.what(), "")
	case n.quoted && isNumber(n.text):
		d.report(n.place, path, "want "+want+", not text", "remove the quotes")
	case !n.quoted && n.text[0] >= '0' && n.text[0] <= '9' && !hasLetters(n.text):
		d.report(n.place, path, "want "+want+", not "+quoted(n.text), "write it in plain decimal digits; quote it if it is text")
	default:
		d.report(n.place, path, "want "+want+", not "+quoted(n.text), "")
	}
	return false
}

func (d *decoder) numberError(n *node, err error, want, path string) {
	switch {
	case err == nil:
	case errors.Is(err, strconv.ErrRange):
		d.report(n.place, path, quoted(n.text)+" is too large", "")
	default:
		d.report(n.place, path, "want "+want+", not "+quoted(n.text), "")
	}
}

func hasLetters(text string) bool {
	for _, r := range text {
		if (r >= 'a' && r <= 'z' && r != 'x' && r != 'o' && r != 'b') || r > 127 {
			return true
		}
	}
	return false
}
