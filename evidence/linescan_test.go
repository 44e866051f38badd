package evidence

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"
)

// TestScanLine reads what appendLine writes, without encoding/json and to the same end.
func TestScanLine(t *testing.T) {
	at := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	exhibit := Exhibit{Account: "alice@example.com", Collector: "imap", Resource: "messages/Épargne \"€\" <\u2028>", Item: "1/2",
		Name: "alice@example.com/imap/INBOX/000000002.eml", MediaType: "message/rfc822", FetchedAt: at, Request: "UID FETCH 1:2 (BODY.PEEK[])",
		Response: Bytes("* 2 FETCH (FLAGS (\\Seen) BODY[] {3}\r\n\x01\x7f)\r\n"), Attrs: map[string]string{"flags": `(\Seen)`, "tab": "\t", "empty": ""}}
	for name, r := range map[string]Record{
		"exhibit": {N: 2, Exhibit: &StoredExhibit{Exhibit: exhibit, Segment: 1, Offset: 77, Size: 3}},
		"empty":   {N: 1, Exhibit: &StoredExhibit{Exhibit: Exhibit{Name: "a", FetchedAt: at}, Segment: 1}},
		"gap":     {N: 999_999, Gap: &Gap{Account: "a", Collector: "imap", Resource: "acl", Class: GapRefused, Reason: "NO \"denied\"", At: at}},
	} {
		text, err := appendLine(nil, r)
		if err != nil {
			t.Fatal(err)
		}
		var fast line
		if !scanLine(text, &fast) {
			t.Errorf("%s: not in the usual form: %s", name, text)
		}
		wantLikeJSON(t, text, fast)
	}
}

// FuzzAppendLine looks for a line that is written differently than encoding/json writes it, but for the brackets that it
// escapes in a response.
func FuzzAppendLine(f *testing.F) {
	f.Add("alice@example.com", "messages/Épargne <\u2028>", "1/2", "a/b.eml", []byte("* 2 FETCH (FLAGS (\\Seen) {3}\r\n\x01\x7f)"), "flags", "(\\Seen)\t", int64(7), int64(0))
	f.Add("\xff", "\b\f", "", "", []byte("\xff\x00"), "", "\u2029\ufffd", int64(-1), int64(1<<62))
	f.Fuzz(func(t *testing.T, account, resource, item, name string, response []byte, key, value string, n, offset int64) {
		size := offset / 2
		l := &line{V: 1, N: n, Kind: kindExhibit, Salt: "00", Account: account, Collector: "imap", Resource: resource, Item: item, Name: name, Segment: int(n % 3),
			Offset: offset, Size: &size, SHA256: &Digest{1, 2}, Request: key, Response: Bytes(response), Attrs: map[string]string{key: value, "b" + key: account},
			Class: GapClass(value), Reason: item, At: name}
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(l); err != nil {
			t.Fatal(err)
		}
		got := l.appendJSON(nil)
		var ours, theirs line
		if err := errors.Join(json.Unmarshal(got, &ours), json.Unmarshal(want.Bytes(), &theirs)); err != nil {
			t.Fatalf("%q: %v", got, err)
		}
		if !reflect.DeepEqual(ours, theirs) {
			t.Errorf("%q\nand %q\nare not the same", got, want.Bytes())
		}
		if !bytes.ContainsAny(response, "<>&") && !bytes.Equal(got, want.Bytes()) {
			t.Errorf("written is\n%q, encoding/json writes\n%q", got, want.Bytes())
		}
	})
}

// FuzzScanLine looks for a line that is read differently than encoding/json reads it.
func FuzzScanLine(f *testing.F) {
	f.Add([]byte(`{"v":1,"n":1,"kind":"exhibit","salt":"","account":"\u00e9\ud83d\ude00","collector":"","resource":"","seg":1,"size":0,` +
		`"sha256":"0000000000000000000000000000000000000000000000000000000000000000","response":"\r\n\"","attrs":{"a":"b","c":""},"at":""}` + "\n"))
	f.Add([]byte(`{"v":1,"n":01,"kind":"gap","salt":"","account":"","collector":"","resource":"","class":"refused","reason":"x","at":"y"}` + "\n"))
	f.Add([]byte(`{"v":1,"n":1,"kind":"gap","salt":"","account":"\/\b\f","collector":"","resource":"","attrs":{"a":"1","a":"2"},"at":"y"}` + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var fast line
		if scanLine(text, &fast) {
			wantLikeJSON(t, text, fast)
		}
	})
}

func wantLikeJSON(t *testing.T, text []byte, fast line) {
	t.Helper()
	var slow line
	if err := json.Unmarshal(text, &slow); err != nil {
		t.Fatalf("encoding/json refuses %q: %v", text, err)
	}
	if !reflect.DeepEqual(fast, slow) {
		t.Errorf("%q\nis read as %+v\nby encoding/json as %+v", text, fast, slow)
	}
}
