package fakegoogle

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"testing"
)

// FuzzJSON holds the writer of JSON to encoding/json, byte for byte.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{`{}`, `[]`, `{"b":[1,-0.5,1e30,null,true,{"a":""}],"a<b":"\u2028é\"\\&\u0000\u007f"}`, `[[],{}]`, `0`, `-0`, `123456789012345678`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var v any
		if json.Unmarshal(raw, &v) != nil {
			return
		}
		same(t, v)
	})
}

func same(t *testing.T, v any) {
	t.Helper()
	for _, pretty := range []bool{false, true} {
		var want bytes.Buffer
		e := json.NewEncoder(&want)
		if pretty {
			e.SetIndent("", "  ")
		}
		if err := e.Encode(v); err != nil {
			t.Fatal(err)
		}
		if got := append(appendJSON(nil, v, pretty, 0), '\n'); !bytes.Equal(got, want.Bytes()) {
			t.Errorf("%s\nshould be\n%s", got, want.Bytes())
		}
	}
}

func TestJSONOfOtherTypes(t *testing.T) {
	type named struct{ A []int }
	for _, v := range []any{object(nil), []any(nil), named{[]int{1}}, map[string][]string{"x": {"y"}}, math.Copysign(0, -1), 1 << 60, "\xff", uint8(3), []object{{"b": 1, "a": 2}}} {
		same(t, v)
	}
	p := pairs{{"a", []any{pairs{{"x", 1.5}}}}, {"b", pairs{}}, {"c", "é"}}
	if got, want := appendJSON(nil, p, true, 0), appendJSON(nil, plain(p), true, 0); !bytes.Equal(got, want) {
		t.Errorf("%s\nshould be\n%s", got, want)
	}
	if !reflect.DeepEqual(p.get("c"), "é") || p.get("z") != nil {
		t.Error("pairs are not found")
	}
}

// TestActivitiesAreWrittenInOrder holds the pairs of activities to the order of the alphabet, in which all answers are.
func TestActivitiesAreWrittenInOrder(t *testing.T) {
	b := newBench(t, Config{})
	for _, application := range Applications() {
		w := wanted{application: application, user: -1, from: Start().AddDate(0, 0, -20), to: Start()}
		for _, a := range b.activities(w, Start(), 200) {
			made := b.activityPairs(a)
			if got, want := appendJSON(nil, made, false, 0), appendJSON(nil, plain(made), false, 0); !bytes.Equal(got, want) {
				t.Fatalf("%s\nshould be\n%s", got, want)
			}
		}
	}
}
