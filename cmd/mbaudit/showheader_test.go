package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/mbaudit/mbaudit/internal/mailheader"
)

func TestShowHeader(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"plain": {"From: =?utf-8?Q?Ren=C3=A9e?= <r@b.test>\r\nTo: a@b.test, \"Doe, J\" <j@b.test>\r\nSubject: =?utf-8?B?UHJpdsOp?=\r\nDate: Mon, 23 Nov 2026 14:05:00 +0100\r\n\r\n",
			"From       Renée <r@b.test>\nTo         a@b.test, Doe, J <j@b.test>\nSubject    Privé\nDate       2026-11-23 14:05:00 +0100\n"},
		"nothing": {"\r\n", "From       \nTo         \nSubject    \nDate       none\n"},
		"hostile": {"From: \"\x1b[2J\" <r@xn--pple-43d.test>\r\nSubject: =?utf-8?Q?=E2=80=AEexe?=\r\nDate: soon\x07\r\n\r\n",
			"From       \\u{001B}[2J <r@xn--pple-43d.test> (аpple.test is xn--pple-43d.test)\nTo         \nSubject    \\u{202E}exe\nDate       soon\\u{0007} (cannot be read as a date)\n"},
		"name with an address": {"From: \"bank@example.com\" <x@evil.test>\r\nReply-To: \"a@b.test\" <a@b.test>\r\n\r\n",
			"From       bank@example.com <x@evil.test>\nTo         \nSubject    \nDate       none\nwarning    the name in From holds an address that is not the sender's: bank@example.com\n"},
		"duplicates": {"From: a@b.test\r\nFrom: c@d.test\r\nSubject: s\r\nSubject: s\r\n\r\n",
			"From       a@b.test, c@d.test\nTo         \nSubject    s\nDate       none\nwarning    2 From fields that differ: which one a program shows is not known\nwarning    2 Subject fields with the same value\n"},
		"many": {"To: " + strings.Repeat("a@b.test, ", 50_000) + "\r\n\r\n",
			"From       \nTo         a@b.test, a@b.test, a@b.test, a@b.test, a@b.test, and more\nSubject    \nDate       none\n"},
	} {
		var out bytes.Buffer
		header := mailheader.Split([]byte(c.in))
		showHeader(page{&terminal{stdout: &out, width: 100}}, &header)
		if out.String() != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, out.String(), c.want)
		}
	}
}
