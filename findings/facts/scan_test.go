package facts

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

// slow reads a line as encoding/json does, whatever its form: a blank before the brace is not the form that is scanned.
func slow(line []byte) (*Fact, error) {
	f := &Fact{}
	return f, f.UnmarshalJSON(append([]byte(" "), line...))
}

// TestFactsAreReadBackAsWritten: a line comes back the same by the scanner and by encoding/json, whatever its texts hold.
func TestFactsAreReadBackAsWritten(t *testing.T) {
	at := time.Date(2026, 10, 12, 7, 8, 9, 123456789, time.UTC)
	for name, f := range map[string]*Fact{
		"bare":    {Kind: KindUser},
		"all set": {Kind: KindAudit, Account: "a@example.test", Collector: "workspace", Resource: "reports/login", Bundle: "01J", Exhibit: "P-000001", Locator: "/items/0", Time: at, Zone: "Z", Inferred: "zone", Collected: at},
		"values": {Kind: KindMessage, Account: "é@example.test", Fields: Fields{{"subject", Text("\"Prix\" \\ <b>é\u202e\x1b[0m\U0001F600")}, {"b", Bool(true)}, {"a", Bool(false)}, {"n", Number(-12)}, {"zero", Number(0)},
			{"none", List(nil)}, {"list", List([]string{"x", "", "é\n"})}, {"Name", Text("")}}},
	} {
		line := append(f.AppendJSON(nil), '\n')
		var scanned Fact
		if !scanFact(line, &scanned) {
			t.Errorf("%s: the scanner leaves %s to encoding/json", name, line)
		}
		other, err := slow(line)
		if err != nil || !reflect.DeepEqual(normal(&scanned), normal(other)) {
			t.Errorf("%s: %#v by the scanner, %#v, %v by encoding/json", name, scanned, other, err)
		}
	}
}

// normal is a fact whose empty lists all have one form.
func normal(f *Fact) Fact {
	g := *f
	g.Fields = append(Fields{}, f.Fields...)
	return g
}

// TestOddLinesAreNotScanned: what AppendJSON does not write is read by encoding/json, or refused.
func TestOddLinesAreNotScanned(t *testing.T) {
	for line, readable := range map[string]bool{
		`{"kind":"user","fields":{"a":1,"a":2}}`:               true,
		`{"kind":"user","fields":{"a":01}}`:                    false,
		`{"kind":"user","fields":{"a":1.5}}`:                   true,
		`{"kind":"user","fields":{"a":-}}`:                     false,
		`{"kind":"user","fields":{"a":[["b"]]}}`:               false,
		`{"kind":"user","fields":{}} {}`:                       false,
		`{"kind":"user","time":"yesterday","fields":{}}`:       false,
		`{"kind":"user", "fields":{}}`:                         true,
		`{"fields":{},"kind":"user"}`:                          true,
		"{\"kind\":\"us\x01er\",\"fields\":{}}":                false,
		"{\"kind\":\"us\xffer\",\"fields\":{}}":                true,
		`{"kind":"user","fields":{"a":"\q"}}`:                  false,
		`{"kind":"user","fields":{"a":"b"`:                     false,
		`{"kind":"user","account":"\ud800","fields":{}}x`:      false,
		`{"kind":"user","zone":"Z","account":"a","fields":{}}`: true,
	} {
		var f Fact
		if scanFact([]byte(line), &f) {
			t.Errorf("%s is scanned", line)
		}
		if err := f.UnmarshalJSON([]byte(line)); (err == nil) != readable {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// FuzzScanFact: what the scanner takes, encoding/json takes too and reads the same.
func FuzzScanFact(f *testing.F) {
	f.Add([]byte(`{"kind":"user","account":"a","time":"2026-10-12T07:08:09.123Z","fields":{"b":"\u00e9","a":[1,true,"x"]}}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		var scanned Fact
		if !scanFact(line, &scanned) {
			return
		}
		other, err := slow(line)
		if err != nil || !json.Valid(line) || !bytes.Equal(scanned.AppendJSON(nil), other.AppendJSON(nil)) {
			t.Fatalf("%s: %v", line, err)
		}
	})
}
