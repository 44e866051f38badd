package findings

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestFileIsWhatAnEncoderWrites: findings.json has the bytes that encoding/json gives, and is read back the same.
func TestFileIsWhatAnEncoderWrites(t *testing.T) {
	missing := []Missing{{What: map[string]string{"fr": "qui <entre>", "en": "who\nenters"}, Source: "reports/login", Reason: "not collected"}}
	for name, r := range map[string]*Result{
		"empty": {V: 1},
		"none":  {V: 1, Findings: []*Finding{}, Outcomes: []Outcome{}},
		"some": {V: 1, MadeAt: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC), Bundles: []string{`B "findings": []`}, Facts: map[string]int64{"audit": 2},
			Findings: []*Finding{{ID: "F-1", Rule: "r", Account: "é@example.test", Title: map[string]string{"fr": "<b>", "en": "\u2028"}}, {ID: "F-2", Subject: "\n \"rules\": []"}},
			Outcomes: []Outcome{{Rule: "r", Account: "a", State: Yes}, {Rule: "r", Account: "b", State: Unknown, Missing: missing}, {Rule: "r", Account: "c", State: Unknown, Missing: missing}}, LeftOut: 3},
	} {
		var want, got bytes.Buffer
		if err := newEncoder(&want, "").Encode(r); err != nil {
			t.Fatal(err)
		}
		if err := r.Write(&got); err != nil || got.String() != want.String() {
			t.Errorf("%s: %v\n%s\nand by an encoder\n%s", name, err, got.String(), want.String())
		}
		back, err := Read(&got)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		other := &Result{}
		if err := json.Unmarshal(want.Bytes(), other); err != nil {
			t.Fatal(err)
		}
		if len(other.Findings)+len(other.Outcomes) > 0 && !reflect.DeepEqual(back, other) {
			t.Errorf("%s: read back as %+v, by encoding/json %+v", name, back, other)
		}
	}
}

// TestDamagedFileIsRefused: a file that breaks off, or is something else, is an error.
func TestDamagedFileIsRefused(t *testing.T) {
	for _, text := range []string{"", "[]", "{", `{"findings":[{]}`, `{"findings":{}}`, `{"rules":[{"rule":1}]}`, `{"v":"x"}`, `{"findings":[]`} {
		if r, err := Read(strings.NewReader(text)); err == nil {
			t.Errorf("%s is read as %+v", text, r)
		}
	}
}
