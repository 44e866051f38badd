package selection

import (
	"strings"
	"testing"
)

// TestReadHead is about headers that programs read differently: what any of them may show is looked at.
func TestReadHead(t *testing.T) {
	for in, want := range map[string]Head{
		"Subject: a\nnonsense\n private\nFrom: b\n\n":         {Subject: "a private", From: "b"},
		"Subject: a\nSubject: b\nDate: c\n\nSubject: d\n":     {Subject: "a\nb", Date: "c"},
		"\xef\xbb\xbfSubject: private\n\n":                    {Subject: "private"},
		"From x Mon Nov 23 14:05:00 2026\nSubject: private\n": {Subject: "private"},
		"Subject: =?x-nope?Q?priv=E9?=\r\n\r\n":               {Subject: "privé"},
		"Subject : a\rSensitivity: Private\r\rbody":           {Subject: "a", Sensitivity: "Private"},
	} {
		got, err := ReadHead(strings.NewReader(in))
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v", in, got, err)
		}
	}
}
