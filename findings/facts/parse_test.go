package facts

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

// FuzzParseJSON: what is parsed here, encoding/json takes too and reads the same.
func FuzzParseJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,-2,true,false,null,{"b":"é"}]}`, `[]`, `[,1]`, `{"a":1,}`, `01`, `1.5`, `"\u00e9"`, ` "x" `, `{"a":1,"a":2}`, `1 2`, `-`, `[1 2]`, `{"a" 1}`, "\"\n\""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var p jsonParser
		_, _ = p.parse([]byte(`{"before":[1,{"a":["b"]}]}`)) // a parser reads one value after the other
		_, _ = p.parse(raw)
		got, ok := p.parse(raw)
		if !ok {
			return
		}
		var want any
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber()
		if err := dec.Decode(&want); err != nil || !json.Valid(raw) || !reflect.DeepEqual(plain(got), want) {
			t.Fatalf("%s: %#v, by encoding/json %#v, %v", raw, got, want, err)
		}
	})
}

// plain makes maps of objects.
func plain(x any) any {
	switch x := x.(type) {
	case object:
		all := map[string]any{}
		for _, m := range x {
			all[m.name] = plain(m.value)
		}
		return all
	case []any:
		all := []any{}
		for _, one := range x {
			all = append(all, plain(one))
		}
		return all
	}
	return x
}

// TestUsualParametersAreParsedHere: what Google writes needs no decoder.
func TestUsualParametersAreParsedHere(t *testing.T) {
	for _, raw := range []string{`"a text, é"`, `12`, `-3`, `true`, `["a","b"]`, `{"parameter":[{"name":"n","intValue":"5"},{"name":"m","messageValue":{"parameter":[]}}]}`, " { \"a\" : [ 1 , 2 ] }\n"} {
		if _, ok := new(jsonParser).parse([]byte(raw)); !ok {
			t.Errorf("%s is left to encoding/json", raw)
		}
	}
}
