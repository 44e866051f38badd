package mailheader

import (
	"slices"
	"testing"
)

func TestDecode(t *testing.T) {
	for in, want := range map[string]struct {
		text     string
		problems []Problem
	}{
		"plain":                 {"plain", nil},
		"":                      {"", nil},
		"Café":                  {"Café", nil},
		"Caf\xe9":               {"Café", []Problem{ProblemRawBytes}},
		"=?utf-8?Q?Caf=C3=A9?=": {"Café", nil},
		"=?UTF-8?b?Q2Fmw6k=?=":  {"Café", nil},
		"=?UTF-8?B?Q2Fmw6k?=":   {"Café", nil},                           // no padding
		"=?UTF-8?B?Q2Fm w6k=?=": {"Café", []Problem{ProblemBadEncoding}}, // a space inside
		"=?iso-8859-1?q?Caf=E9?= (=?us-ascii?q?x_y?=)":    {"Café (x y)", nil},
		"=?utf-8?Q?a?= =?utf-8?Q?b?=":                     {"ab", nil},
		"=?utf-8?Q?a?==?utf-8?Q?b?=":                      {"ab", nil}, // touching
		"=?utf-8?Q?=C3?=  =?UTF-8?B?qQ==?=":               {"é", nil},  // a character cut in two, in both encodings
		"=?utf-8?Q?a?= x =?utf-8?Q?b?=":                   {"a x b", nil},
		"=?utf-8*fr?Q?=C3=A9t=C3=A9?=":                    {"été", nil},                             // RFC 2231 section 5
		"=?utf-8?Q?not encoded?=":                         {"not encoded", nil},                     // spaces inside
		"=?utf-8?Q?100%=?=":                               {"100%=", []Problem{ProblemBadEncoding}}, // a broken escape
		"=?utf-8?Q?=ZZ?=":                                 {"=ZZ", []Problem{ProblemBadEncoding}},
		"=?utf-8?B?YQ?x?=":                                {"=?utf-8?B?YQ?x?=", nil},
		"=?utf-8?Q?what??=":                               {"what?", nil},
		"=?utf-8?Q?open =?utf-8?Q?closed?=":               {"=?utf-8?Q?open closed", nil},
		"=?utf-8?Q?open":                                  {"=?utf-8?Q?open", nil},
		"=?utf-8?X?a?=":                                   {"=?utf-8?X?a?=", nil},
		"=?utf-8?Q??=":                                    {"", nil},
		"=?x-klingon?Q?abc?=":                             {"abc", []Problem{ProblemUnknownCharset}},
		"=?x-klingon?Q?ab=E9?=":                           {"=?x-klingon?Q?ab=E9?=", []Problem{ProblemUnknownCharset}},
		"=?x-klingon?Q?=E9?= =?x-klingon?B?6Q==?= end":    {"=?x-klingon?Q?=E9?==?x-klingon?B?6Q==?= end", []Problem{ProblemUnknownCharset}},
		"=?utf-8?Q?Caf=E9?=":                              {"Café", []Problem{ProblemWrongCharset}},
		"=?us-ascii?Q?Caf=E9?=":                           {"Café", []Problem{ProblemWrongCharset}},
		"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=":              {"日本", nil},
		"=?gb2312?B?xOO6ww==?=":                           {"你好", nil},
		"=?koi8-r?B?8NLJ18XU?=":                           {"Привет", nil},
		"=?cp850?Q?Caf=82?=":                              {"Café", nil}, // not in the WHATWG standard, but in IANA's registry
		"=?utf-8?Q?=F0=9F=98?=":                           {"ðŸ˜", []Problem{ProblemWrongCharset}},
		"=?shift_jis?B?gf8=?= =?euc-jp?B?pKI=?=":          {"\uFFFDあ", []Problem{ProblemWrongCharset}},
		`"=?utf-8?Q?in_quotes?="`:                         {`"in quotes"`, nil},
		"=?utf-8?Q?\x1b[31m=00?=":                         {"\x1b[31m\x00", nil}, // hostile, and text
		"=?utf-8?Q?a?=\xe9=?utf-8?Q?b?=":                  {"aéb", []Problem{ProblemRawBytes}},
		"=?iso-8859-1?Q?a?= =?utf-8?Q?=C3=A9?=":           {"aé", nil},
		"=?=?utf-8?Q?x?=":                                 {"=?x", nil},
		"=?" + "0123456789012345678901234567890123456789": {"=?0123456789012345678901234567890123456789", nil},
	} {
		got := Decode(in)
		if got.Text != want.text || !slices.Equal(got.Problems, want.problems) {
			t.Errorf("%q: %q %q, want %q %q", in, got.Text, got.Problems, want.text, want.problems)
		}
	}
	if got := Guess("=?x-klingon?Q?ab=E9?="); got != "abé" {
		t.Errorf("%q", got)
	}
}
