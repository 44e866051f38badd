package mailheader

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// written writes addresses as name|address|group, to compare.
func written(list AddressList) string {
	var parts []string
	for i := range list.Addresses {
		a := &list.Addresses[i]
		parts = append(parts, strings.TrimSuffix(a.Name+"|"+a.String()+"|"+a.Group, "|"))
	}
	return strings.Join(parts, " ; ")
}

func TestAddresses(t *testing.T) {
	for in, want := range map[string]string{
		"":                                                "",
		"bob@example.com":                                 "|bob@example.com",
		"Bob <bob@example.com>":                           "Bob|bob@example.com",
		`"Doe, John" <j@example.com>`:                     "Doe, John|j@example.com",
		`"a \"b\" c" <j@example.com>`:                     `a "b" c|j@example.com`,
		"Doe, John <j@example.com>":                       "Doe, John|j@example.com",
		"a@example.com, Doe, John <j@b.test>":             "|a@example.com ; Doe, John|j@b.test",
		"a@example.com; b@example.com":                    "|a@example.com ; |b@example.com",
		"a@example.com,,b@example.com,":                   "|a@example.com ; |b@example.com",
		"bob@example.com (Bob (Bobby) B.)":                "Bob (Bobby) B.|bob@example.com",
		"(c) bob (d) @ (e) example . com (f)":             "c d e f|bob@example.com",
		"Bob bob@example.com":                             "Bob|bob@example.com",
		"bob@example.com Bob":                             "Bob|bob@example.com",
		"a@example.com b@example.com":                     "|a@example.com ; |b@example.com",
		"<bob@example.com":                                "|bob@example.com",
		"Bob <bob@example.com, c@example.com":             "Bob|bob@example.com ; |c@example.com",
		"Bob bob@example.com>":                            "Bob|bob@example.com",
		"<<bob@example.com>>":                             "|bob@example.com",
		"<>":                                              "|",
		"<@a.test,@b.test:bob@example.com>":               "|bob@example.com",
		`"bob smith"@example.com`:                         `|"bob smith"@example.com`,
		`<"bob smith"@example.com>`:                       `|"bob smith"@example.com`,
		`"x@evil.test"@example.com`:                       `|"x@evil.test"@example.com`,
		"<a@b@example.com>":                               `|"a@b"@example.com`,
		"mailto:bob@example.com":                          "|bob@example.com",
		"Bob <mailto:bob@example.com>":                    "Bob|bob@example.com",
		"undisclosed-recipients:;":                        "",
		"Team: a@example.com, B <b@b.test>;":              "|a@example.com|Team ; B|b@b.test|Team",
		"Team: a@b.test; c@d.test":                        "|a@b.test|Team ; |c@d.test",
		"RE: Bob <bob@example.com>":                       "RE: Bob|bob@example.com",
		"bob@[192.0.2.1]":                                 "|bob@[192.0.2.1]",
		"bob@[IPv6:2001:db8::1]":                          "|bob@[IPv6:2001:db8::1]",
		"Root":                                            "Root|",
		"MAILER-DAEMON (Mail System)":                     "MAILER-DAEMON|", // no address at all
		"=?utf-8?Q?Ren=C3=A9e?= <r@b.test>":               "Renée|r@b.test",
		`"=?utf-8?Q?Ren=C3=A9e?=" <r@b.test>`:             "Renée|r@b.test",
		"=?utf-8?Q?Doe,_J?= <r@b.test>, c@d.e":            "Doe, J|r@b.test ; |c@d.e",
		"=?utf-8?Q?=C3?= =?utf-8?Q?=A9?= <a@b.test>":      "é|a@b.test",
		"=?utf-8?B?Ym9iQGV4YW1wbGUuY29tIDxib2I+?=":        "bob@example.com <bob>|",
		"=?utf-8?Q?a,b<c@d.e>,?= <real@b.test>":           "a,b<c@d.e>,|real@b.test",
		"Soci\xe9t\xe9 <a@b.test>":                        "Société|a@b.test",
		`Bob "the <b>" Smith <bob@b.test>`:                "Bob the <b> Smith|bob@b.test",
		"A <a@b.test> <c@d.test>":                         "A|a@b.test ; |c@d.test",
		`"unclosed <bob@b.test>`:                          `"unclosed|bob@b.test`,
		"(unclosed bob@b.test":                            "(unclosed|bob@b.test",
		"Bob (at home) <bob@b.test> (really)":             "Bob|bob@b.test",
		"bob.@b.test":                                     `|"bob."@b.test`,
		"用户 <用户@例え.test>":                                 "用户|用户@例え.test",
		"a@b.test\t,\t c@d.test":                          "|a@b.test ; |c@d.test",
		"a@b.test\x00":                                    "|a@b.test\x00",
		"@":                                               "|",
		"a@":                                              "|a",
		"@b.test":                                         `|""@b.test`,
		":;,<>@":                                          ":| ; @|",
		"Bob\u202e <bob@b.test>":                          "Bob\u202e|bob@b.test",
		strings.Repeat("(", 20) + strings.Repeat(")", 20): "",
	} {
		if got := written(ParseAddresses(in)); got != want {
			t.Errorf("%q:\n got %q\nwant %q", in, got, want)
		}
	}
}

func TestAddressProblems(t *testing.T) {
	for in, want := range map[string]Problem{
		"A <a@b.test> <c@d.test>":     ProblemSeveral,
		"a@b.test c@d.test":           ProblemSeveral,
		"<a@b.test":                   ProblemUnclosed,
		"<@x.test:a@b.test>":          ProblemObsolete,
		"Bob":                         ProblemMissing,
		"<a@b@c.test>":                ProblemSyntax,
		"Bob bob@b.test":              ProblemSyntax,
		"=?utf-8?Q?=ZZ?= <a@b.test>":  ProblemBadEncoding,
		"=?x-nope?Q?=E9?= <a@b.test>": ProblemUnknownCharset,
		"Soci\xe9t\xe9 <a@b.test>":    ProblemRawBytes,
		"Doe, John <j@b.test>":        ProblemSyntax,
	} {
		if a := ParseAddresses(in).Addresses[0]; !slices.Contains(a.Problems, want) {
			t.Errorf("%q: %q", in, a.Problems)
		}
	}
	for _, in := range []string{"a@b.test", "Bob <a@b.test>", `"Doe, J" <a@b.test>`, "a@b.test (Bob)", "G: a@b.test;", "=?utf-8?Q?=C3=A9?= <a@b.test>", "é <é@é.test>"} {
		if list := ParseAddresses(in); len(list.Addresses[0].Problems)+len(list.Problems) > 0 {
			t.Errorf("%q: %q %q", in, list.Addresses[0].Problems, list.Problems)
		}
	}
	h := Split([]byte("From: a@b.test\nFrom: c@d.test\nTo: x@y.test\nDelivered-To: p@q.test\nDelivered-To: r@s.test\n\n"))
	if list := h.Addresses("From"); written(list) != "|a@b.test ; |c@d.test" || !slices.Contains(list.Problems, ProblemSeveral) {
		t.Errorf("%q %q", written(list), list.Problems)
	}
	if list := h.Addresses("Delivered-To"); len(list.Addresses) != 2 || list.Problems != nil {
		t.Errorf("%q %q", written(list), list.Problems)
	}
}

// TestOthers is about names that pretend to be an address.
func TestOthers(t *testing.T) {
	for in, want := range map[string]string{
		`"bank@example.com" <x@evil.test>`:                      "[bank@example.com]",
		`"Bank <bank@example.com>" <x@evil.test>`:               "[bank@example.com]",
		"bank@example.com <x@evil.test>":                        "[bank@example.com]",
		"=?utf-8?Q?bank=40example.com?= <x@evil.test>":          "[bank@example.com]",
		"=?utf-8?B?YmFua++8oGV4YW1wbGUuY29t?= <x@evil.test>":    "[bank@example.com]", // a full-width @
		"=?utf-8?Q?bank=E2=80=8B=40example.com?= <x@evil.test>": "[bank@example.com]", // a character of no width
		"x@evil.test (bank@example.com)":                        "[bank@example.com]",
		`"X@Evil.test" <x@evil.test>`:                           "[]", // its own
		`"Bob @ work" <x@evil.test>`:                            "[]",
		`"@bob" <x@evil.test>`:                                  "[]",
		`"a@b.test, c@d.test or e@f.test" <x@evil.test>`:        "[a@b.test c@d.test e@f.test]",
		`"x@xn--bcher-kva.example" <x@bücher.example>`:          "[]",
		`"me at example.com" <x@evil.test>`:                     "[]",
		strings.Repeat("@", 1000) + " <x@evil.test>":            "[]",
	} {
		list := ParseAddresses(in)
		if len(list.Addresses) == 0 {
			t.Errorf("%q: no address", in)
			continue
		}
		if got := fmt.Sprint(list.Addresses[0].Others); got != want {
			t.Errorf("%.60q: %s, want %s", in, got, want)
		}
	}
}

func TestDomainForms(t *testing.T) {
	for in, want := range map[string][2]string{
		"Example.COM":             {"example.com", "example.com"},
		"bücher.example":          {"xn--bcher-kva.example", "bücher.example"},
		"BÜCHER.example":          {"xn--bcher-kva.example", "bücher.example"},
		"xn--bcher-kva.example":   {"xn--bcher-kva.example", "bücher.example"},
		"XN--BCHER-KVA.example.":  {"xn--bcher-kva.example", "bücher.example"},
		"xn--pple-43d.example":    {"xn--pple-43d.example", "аpple.example"}, // a Cyrillic letter
		"xn--0.example":           {"xn--0.example", "xn--0.example"},        // no punycode
		"[192.0.2.1]":             {"[192.0.2.1]", "[192.0.2.1]"},
		"a_b.example":             {"a_b.example", "a_b.example"},
		"":                        {"", ""},
		strings.Repeat("é", 1000): {"", strings.Repeat("é", 1000)},
	} {
		ascii, unicode := DomainForms(in)
		if ascii != want[0] || unicode != want[1] {
			t.Errorf("%.40q: %.40q %.40q", in, ascii, unicode)
		}
	}
}
