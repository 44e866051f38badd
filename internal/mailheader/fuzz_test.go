package mailheader

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// seeds are headers that hold something of each kind.
func seeds() []string {
	return []string{
		"From: =?utf-8?Q?Ren=C3=A9e?= <r@b.test>\r\nTo: \"Doe, J\" <a@b.test>, G: c@d.test;\r\nSubject: =?iso-2022-jp?B?GyRCRnxLXBsoQg==?=\r\n =?x?Q?=?=\r\nDate: Mon, 23 Nov 2026 14:05:00 +0100 (CET)\r\n\r\nbody",
		"\xef\xbb\xbfFrom x Mon\nReceived: from a (b [192.0.2.1]) by c (IPv6:2001:db8::1) with X id <y> for <z>; 1 Jan 99 00:00 EST\nList-Id: a <b>\nList-Unsubscribe: <mailto:x>",
		"Authentication-Results: a 1; dkim/1=pass (c) reason=\"x\" header.d=y; none\nDKIM-Signature: d=a; h=b:c; t=1; x=2; b=\nReceived-SPF: pass (x) client-ip=1.2.3.4;\n\n",
		"Content-Type: a/b; name*0*=utf-8''%C3; name*1*=%A9; x=\"y\" z=1\nContent-Disposition: attachment; filename==?utf-8?Q?x?=\nX-Originating-IP: [::1]\nAuto-Submitted: a;b\n",
		"Subject: a\r\rFrom: b\rTo: (((((\"\\\n \x00\xff<@a,b:c@[d>;:,@\n: x\nX Y: z\nno colon\nReferences: <a <b> c@d\n",
		"From: <@,@:\"\"@xn--0.x> \"a@b.c\\\" (d@e.f\rDate: 2026-11-23T14:05:00Z\r\r",
	}
}

// views gives everything that the package tells of a header.
func views(h *Header) []any {
	all := []any{h.Duplicates(), h.Oddities(), h.FileNames(), h.Mailer(), h.AutoSubmitted(), h.ReceivedSPF()}
	for _, name := range []string{"From", "To", "Sender", "Return-Path"} {
		list := h.Addresses(name)
		all = append(all, list)
		for i := range list.Addresses {
			all = append(all, list.Addresses[i].String())
		}
	}
	for _, name := range []string{"Message-ID", "References", "In-Reply-To"} {
		all = append(all, h.IDs(name))
	}
	for _, name := range []string{"Content-Type", "Content-Disposition"} {
		m, _ := h.Media(name)
		all = append(all, m)
	}
	date, _ := h.Date()
	hops, _ := h.Received()
	auth, _ := h.Authentications()
	signatures, _ := h.Signatures()
	list, _ := h.List()
	all = append(all, date, hops, auth, signatures, list, h.Origins())
	for i := range h.Fields {
		all = append(all, h.Fields[i].Name(), h.Fields[i].Text())
	}
	return all
}

// eachString calls f for every string below v.
func eachString(v reflect.Value, f func(string)) {
	switch v.Kind() {
	case reflect.String:
		f(v.String())
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		for i := range v.Len() {
			eachString(v.Index(i), f)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				eachString(v.Field(i), f)
			}
		}
	case reflect.Interface:
		eachString(v.Elem(), f)
	}
}

// FuzzHeader wants of any bytes that each is in one field, that all views are UTF-8, that reading in pieces gives the same,
// and that what is found does not outgrow what was given.
func FuzzHeader(f *testing.F) {
	for _, s := range seeds() {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		h := Split(data)
		checkAccount(t, data, &h)
		size := 0
		eachString(reflect.ValueOf(views(&h)), func(s string) {
			if !utf8.ValidString(s) {
				t.Errorf("%q is not UTF-8", s)
			}
			size += len(s)
		})
		if size > 200*len(data)+1000 {
			t.Errorf("%d bytes of text from %d", size, len(data))
		}
		read, err := Read(bytes.NewReader(data), 0)
		if err != nil || !bytes.Equal(read.Block, h.Block) || read.Body != h.Body || len(read.Fields) != len(h.Fields) {
			t.Errorf("%v: read otherwise than split", err)
		}
	})
}

// FuzzValues gives a value to every parser.
func FuzzValues(f *testing.F) {
	for _, s := range seeds() {
		h := Split([]byte(s))
		for i := range h.Fields {
			value, _ := h.Fields[i].Unfolded()
			f.Add(value)
		}
	}
	f.Fuzz(func(t *testing.T, value string) {
		list := ParseAddresses(value)
		eachString(reflect.ValueOf([]any{Decode(value), Guess(value), list, ParseDate(value), ParseReceived(value), ParseAuthentication(value),
			ParseSignature(value), ParseSPF(value), ParseMedia(value), ParseIDs(value)}), func(s string) {
			if !utf8.ValidString(s) {
				t.Errorf("%q is not UTF-8", s)
			}
		})
		for i := range list.Addresses { // an address as it is written here is read as the same
			a := &list.Addresses[i]
			again := ParseAddresses("<" + a.String() + ">")
			if simple(a) && (len(again.Addresses) != 1 || again.Addresses[0].Local != a.Local || again.Addresses[0].Domain != a.Domain) {
				t.Errorf("%q gives %q", a.String(), fmt.Sprint(again.Addresses))
			}
		}
	})
}

// simple says whether an address is one that a mail system could have: the others have no form that can be read back.
func simple(a *Address) bool {
	return len(a.Problems) == 0 && a.Local != "" && a.Domain != "" && isASCII(a.Local+a.Domain) && !strings.Contains(a.Local, "=?") &&
		!strings.ContainsFunc(a.Domain, func(r rune) bool { return !isDomainRune(r) }) && !strings.ContainsFunc(a.Local, func(r rune) bool { return r < ' ' })
}
