package mailheader

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestDates(t *testing.T) {
	for in, want := range map[string]struct {
		at       string // RFC 3339; "" is unparsable
		problems string
	}{
		"Mon, 23 Nov 2026 14:05:00 +0100":               {"2026-11-23T14:05:00+01:00", ""},
		"23 Nov 2026 14:05 -0330":                       {"2026-11-23T14:05:00-03:30", ""},
		"Mon, 23 Nov 2026 14:05:00 GMT":                 {"2026-11-23T14:05:00Z", ""},
		"Mon, 23 Nov 2026 14:05:00 +0100 (CET)":         {"2026-11-23T14:05:00+01:00", ""},
		"Mon (lundi), 23 (x(y)) Nov 2026 14 (h):05 GMT": {"2026-11-23T00:00:00Z", ProblemSyntax.s() + ProblemMissing.s() + ProblemZone.s()},
		"Mon, 23 Nov 2026 14:05:00 EST":                 {"2026-11-23T14:05:00-05:00", ProblemObsolete.s()},
		"Mon, 23 Nov 2026 14:05:00 CEST":                {"2026-11-23T14:05:00Z", ProblemObsolete.s() + ProblemZone.s()},
		"Mon, 23 Nov 2026 14:05:00 A":                   {"2026-11-23T14:05:00Z", ProblemObsolete.s() + ProblemZone.s()},
		"Mon, 23 Nov 2026 14:05:00 -0000":               {"2026-11-23T14:05:00Z", ProblemZone.s()},
		"Mon, 23 Nov 2026 14:05:00":                     {"2026-11-23T14:05:00Z", ProblemZone.s()},
		"Mon, 23 Nov 2026 14:05:00 +9999":               {"2026-11-23T14:05:00Z", ProblemZone.s()},
		"Mon, 23 Nov 2026 14:05:00 GMT+0200":            {"2026-11-23T14:05:00+02:00", ""},
		"Mon, 23 Nov 2026 14:05:00 GMT+2":               {"2026-11-23T14:05:00+02:00", ProblemSyntax.s()},
		"Tue, 23 Nov 2026 14:05:00 +0100":               {"2026-11-23T14:05:00+01:00", ProblemWeekday.s()},
		"Mon, 23 Nov 26 14:05:00 +0100":                 {"2026-11-23T14:05:00+01:00", ProblemObsolete.s()},
		"1 Jan 99 00:00:00 GMT":                         {"1999-01-01T00:00:00Z", ProblemObsolete.s()},
		"1 Jan 126 00:00:00 GMT":                        {"2026-01-01T00:00:00Z", ProblemObsolete.s()},
		"Mon Nov 23 14:05:00 2026":                      {"2026-11-23T14:05:00Z", ProblemZone.s()},
		"Mon Nov 23 14:05:00 PST 2026":                  {"2026-11-23T14:05:00-08:00", ProblemObsolete.s()},
		"2026-11-23T14:05:00+01:00":                     {"2026-11-23T14:05:00+01:00", ProblemSyntax.s()},
		"2026-11-23T14:05:00":                           {"2026-11-23T14:05:00Z", ProblemSyntax.s() + ProblemZone.s()},
		"2026-11-23 14:05:00 +0100":                     {"2026-11-23T14:05:00+01:00", ProblemSyntax.s()},
		"23-Nov-2026 14:05:00 +0100":                    {"2026-11-23T14:05:00+01:00", ProblemSyntax.s()},
		"23.11.2026 14:05:00 +0100":                     {"2026-11-23T14:05:00+01:00", ProblemSyntax.s()},
		"11/12/2026 14:05:00 +0100":                     {"", ProblemSyntax.s()}, // nobody knows which is the month
		"Monday, 23 November 2026 2:05:00 PM +0100":     {"2026-11-23T14:05:00+01:00", ProblemSyntax.s()},
		"Mon, 23 Nov 2026 14:05:00+0100":                {"2026-11-23T14:05:00+01:00", ProblemSyntax.s()},
		"Mon, 23 Nov 2026 14:05:00 +01:00":              {"2026-11-23T14:05:00+01:00", ProblemSyntax.s()},
		"Mon,23Nov 2026 14:05:00 +0100":                 {"", ProblemSyntax.s()},
		"Mon,  23  Nov  2026\t14:05:00  +0100":          {"2026-11-23T14:05:00+01:00", ""},
		"Mon, 23 Nov 2026 14.05.00 +0100":               {"2026-11-23T14:05:00+01:00", ProblemSyntax.s()},
		"Mon, 23 Nov 2026":                              {"2026-11-23T00:00:00Z", ProblemMissing.s() + ProblemZone.s()},
		"Fri, 31 Dec 2016 23:59:60 +0000":               {"2017-01-01T00:00:00Z", ProblemWeekday.s()}, // a leap second, on a Saturday
		"31 Feb 2026 14:05:00 +0100":                    {"", ProblemRange.s()},
		"23 Nov 2026 25:05:00 +0100":                    {"", ProblemRange.s()},
		"0 Nov 2026 14:05:00 +0100":                     {"", ProblemSyntax.s()},
		"23 Nov 20266 14:05:00 +0100":                   {"", ProblemSyntax.s()},
		"Mon, 23 Nov 2026 14:05:00 +0100 and more":      {"2026-11-23T14:05:00+01:00", ProblemSyntax.s()},
		"":                         {"", ""},
		"soon":                     {"", ProblemSyntax.s()},
		"=?utf-8?Q?23_Nov_2026?=":  {"", ProblemSyntax.s()},
		strings.Repeat("1 ", 1000): {"", ProblemObsolete.s() + ProblemSyntax.s()},
	} {
		d := ParseDate(in)
		got := ""
		if !d.Unparsable {
			got = d.Time.Format(time.RFC3339)
		}
		problems := ""
		for _, p := range d.Problems {
			problems += p.s()
		}
		if got != want.at || problems != want.problems || d.Unparsable != d.Time.IsZero() {
			t.Errorf("%.60q: %q %q, want %q %q", in, got, problems, want.at, want.problems)
		}
	}
	if d := ParseDate("Mon, 23 Nov 2026 14:05:00 +0100"); d.Zone != "+0100" || d.Text != "Mon, 23 Nov 2026 14:05:00 +0100" {
		t.Errorf("%+v", d)
	}
	h := Split([]byte("Date: 1 Jan 2026 00:00:00 +0000\nDate: 2 Jan 2026 00:00:00 +0000\n\n"))
	if d, ok := h.Date(); !ok || !slices.Contains(d.Problems, ProblemSeveral) || d.Time.Day() != 1 {
		t.Errorf("%+v", d)
	}
}

func (p Problem) s() string { return string(p) + ". " }

func TestReceived(t *testing.T) {
	for in, want := range map[string]string{
		"from mail.a.example (mail.a.example [192.0.2.1]) by mx.b.example (Postfix) with ESMTPS id 4F00 for <alice@example.test>; Mon, 23 Nov 2026 14:05:00 +0100"://
		"from mail.a.example/mail.a.example [192.0.2.1] by mx.b.example/Postfix with ESMTPS id 4F00 for alice@example.test () [192.0.2.1] [] 2026-11-23T13:05:00Z",
		"from a.example (IPv6:2001:db8::1) (using TLSv1.3 with cipher X (256/256 bits) key-exchange X25519) (No client certificate requested) by b.example ([IPv6:2001:db8::2]:25) with LMTP; 23 Nov 2026 14:05 GMT"://
		"from a.example/IPv6:2001:db8::1 using TLSv1.3 with cipher X (256/256 bits) key-exchange X25519 No client certificate requested by b.example/[IPv6:2001:db8::2]:25 with LMTP id  for  () [2001:db8::1] [2001:db8::2] 2026-11-23T14:05:00Z",
		"from EXCH1.a.example (2001:db8::10) by EXCH2.a.example (192.0.2.9) with Microsoft SMTP Server (version=TLS1_2, cipher=TLS_X) id 15.20.9.17 via Frontend Transport; Mon, 23 Nov 2026 14:05:00 +0000"://
		"from EXCH1.a.example/2001:db8::10 by EXCH2.a.example/192.0.2.9 with Microsoft SMTP Server id 15.20.9.17 for  (version=TLS1_2, cipher=TLS_X) [2001:db8::10] [192.0.2.9] 2026-11-23T14:05:00Z",
		"(qmail 2342 invoked by uid 89); 23 Nov 2026 14:05:00 -0000"://
		"from / by / with  id  for  (qmail 2342 invoked by uid 89) [] [] 2026-11-23T14:05:00Z",
		"from unknown (HELO x.example) (alice@192.0.2.7) by 0 with SMTP; 23 Nov 2026 14:05:00 -0000"://
		"from unknown/HELO x.example alice@192.0.2.7 by 0/ with SMTP id  for  () [192.0.2.7] [] 2026-11-23T14:05:00Z",
		"from [192.0.2.1]:5678 (helo=x) by b.example with esmtpa (Exim 4.96) (envelope-from <a@b.test>) id 1rABC-000-1 for c@d.test; soon"://
		"from [192.0.2.1]:5678/helo=x by b.example/ with esmtpa id 1rABC-000-1 for c@d.test (Exim 4.96 envelope-from <a@b.test>) [192.0.2.1] [] unparsable",
		"from a by b; x; 23 Nov 2026 14:05:00 +0000"://
		"from a/ by b/ with  id  for  () [] [] 2026-11-23T14:05:00Z",
		""://
		"from / by / with  id  for  () [] [] unparsable",
		"from ((("://
		"from (((/ by / with  id  for  () [] [] unparsable",
		"from host-192-0-2-1.example (192.0.2.300 1.2.3.4.example 4.3.2.1-x fe80::1%eth0 ::ffff:192.0.2.5 12:34:56) by b"://
		"from host-192-0-2-1.example/192.0.2.300 1.2.3.4.example 4.3.2.1-x fe80::1%eth0 ::ffff:192.0.2.5 12:34:56 by b/ with  id  for  () [fe80::1 ::ffff:192.0.2.5] [] unparsable",
	} {
		h := ParseReceived(in)
		date := "unparsable"
		if !h.Date.Unparsable {
			date = h.Date.Time.UTC().Format(time.RFC3339)
		}
		got := fmt.Sprintf("from %s/%s by %s/%s with %s id %s for %s (%s) %v %v %s", h.From, h.FromComment, h.By, h.ByComment, h.With, h.ID, h.For, h.Comment, h.FromIPs, h.ByIPs, date)
		if got != want {
			t.Errorf("%q:\n got %s\nwant %s", in, got, want)
		}
	}
	h := Split([]byte("Received: from a by b; 23 Nov 2026 14:05:00 +0000\r\nSubject: x\r\nReceived: from c by a;\r\n 23 Nov 2026 14:04:00 +0000\r\n\r\n"))
	hops, truncated := h.Received()
	if len(hops) != 2 || truncated || hops[1].Index != 1 || hops[1].Field != 2 || hops[1].By != "a" || hops[1].Date.Time.Minute() != 4 {
		t.Errorf("%+v", hops)
	}
}

func TestOrigins(t *testing.T) {
	h := Split([]byte("X-Originating-IP: [203.0.113.77]\nx-sender-ip: 2001:db8::7, 192.0.2.3\nX-Other: 192.0.2.4\nX-Forwarded-For: secret\n\n"))
	var got []string
	for _, o := range h.Origins() {
		got = append(got, fmt.Sprint(o.Field, o.Name, o.IPs))
	}
	if s := strings.Join(got, " "); s != "0X-Originating-IP[203.0.113.77] 1x-sender-ip[2001:db8::7 192.0.2.3] 3X-Forwarded-For[]" {
		t.Error(s)
	}
}

func TestAuthentication(t *testing.T) {
	for in, want := range map[string]string{
		"mx.example.test; dkim=pass header.d=a.test; spf=pass smtp.mailfrom=x@a.test; dmarc=fail"://
		"mx.example.test/ dkim=pass[header.d=a.test] spf=pass[smtp.mailfrom=x@a.test] dmarc=fail[]",
		"mx.example.test 1; none"://
		"mx.example.test/1 none",
		"mx.example.test; dkim=fail (bad (really) signature) reason=\"no key\" header.i=@a.test header.b=\"ab+/=\"; arc=none"://
		"mx.example.test/ dkim=fail<no key>(bad (really) signature)[header.i=@a.test header.b=ab+/=] arc=none[]",
		"spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=a.test; dmarc=pass action=none header.from=a.test;compauth=pass reason=100"://
		"/ spf=pass(sender IP is 192.0.2.1)[smtp.mailfrom=a.test] dmarc=pass[.action=none header.from=a.test] compauth=pass<100>[] !" + string(ProblemMissing),
		"i=2; mx.example.test; dkim/1=PASS header.s = sel"://
		"mx.example.test/#2 dkim/1=pass[header.s=sel]",
		"mx.example.test; auth=pass (LOGIN) smtp.auth=\"a b\"@a.test; iprev=pass policy.iprev=2001:db8::1"://
		"mx.example.test/ auth=pass(LOGIN)[smtp.auth=a b@a.test] iprev=pass[policy.iprev=2001:db8::1]",
		"mx.example.test; nonsense here"://
		"mx.example.test/ !" + string(ProblemSyntax),
		"": "/",
	} {
		a := ParseAuthentication(in)
		got := a.ID + "/" + a.Version
		if a.Instance > 0 {
			got += fmt.Sprint("#", a.Instance)
		}
		if a.None {
			got += " none"
		}
		for _, r := range a.Results {
			got += " " + r.Method
			if r.Version != "" {
				got += "/" + r.Version
			}
			got += "=" + r.Result
			if r.Reason != "" {
				got += "<" + r.Reason + ">"
			}
			if r.Comment != "" {
				got += "(" + r.Comment + ")"
			}
			var props []string
			for _, p := range r.Properties {
				props = append(props, p.Type+"."+p.Name+"="+p.Value)
			}
			got += fmt.Sprint(props)
		}
		for _, p := range a.Problems {
			got += " !" + string(p)
		}
		if got != want {
			t.Errorf("%q:\n got %s\nwant %s", in, got, want)
		}
	}
	h := Split([]byte("ARC-Authentication-Results: i=1; a; spf=pass\nSubject: x\nAuthentication-Results: b; spf=fail smtp.helo=h\n\n"))
	all, truncated := h.Authentications()
	if len(all) != 2 || truncated || !all[0].ARC || all[0].Instance != 1 || all[1].Field != 2 || all[1].Results[0].Property("smtp.helo") != "h" {
		t.Errorf("%+v", all)
	}
}

func TestSignatures(t *testing.T) {
	h := Split([]byte("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=a.test; s=sel;\r\n\tt=1732366800; x=1732453200; l=12; i=@a.test;\r\n" +
		" h=From:To : Subject; bh=aGFz\r\n aA==; b=c2ln\r\n\tbmF0dXJl\r\nARC-Seal: i=2; a=rsa-sha256; d=b.test; s=arc; cv=pass; b=eA==\r\nDKIM-Signature: d=a.test; d=evil.test; nonsense; s=x; b=\r\n\r\n"))
	all, truncated := h.Signatures()
	if len(all) != 3 || truncated {
		t.Fatalf("%+v", all)
	}
	s := all[0]
	if s.Domain != "a.test" || s.Selector != "sel" || s.Algorithm != "rsa-sha256" || s.Identity != "@a.test" || s.BodyHash != "aGFzaA==" || s.Value != "c2lnbmF0dXJl" ||
		!slices.Equal(s.Signed, []string{"from", "to", "subject"}) || s.At.Unix() != 1732366800 || s.Expires.Unix() != 1732453200 || s.Length != "12" || s.Instance != 0 || s.Problems != nil {
		t.Errorf("%+v", s)
	}
	if s := all[1]; s.Name != "ARC-Seal" || s.Instance != 2 || s.Tag("cv") != "pass" || s.Field != 1 {
		t.Errorf("%+v", s)
	}
	if s := all[2]; s.Domain != "a.test" || !slices.Equal(s.Problems, []Problem{ProblemSeveral, ProblemSyntax, ProblemMissing}) {
		t.Errorf("%+v", s)
	}
	huge := Split([]byte("DKIM-Signature: t=99999999999999999999; x=-1\n\n"))
	if all, _ := huge.Signatures(); !all[0].At.IsZero() || !all[0].Expires.IsZero() {
		t.Errorf("%+v", all)
	}
}

func TestSPF(t *testing.T) {
	h := Split([]byte("Received-SPF: Pass (mx.b.test: domain of x@a.test designates 192.0.2.1\r\n as permitted) client-ip=192.0.2.1; envelope-from=\"x@a.test\"; helo=a.test;\r\nReceived-SPF: softfail\r\n client-ip=192.0.2.2 receiver=b\r\n\r\n"))
	all := h.ReceivedSPF()
	if len(all) != 2 || all[0].Result != "pass" || all[0].Tag("client-ip") != "192.0.2.1" || all[0].Tag("envelope-from") != "x@a.test" || all[0].Tag("helo") != "a.test" ||
		!strings.HasPrefix(all[0].Comment, "mx.b.test: domain") || all[1].Result != "softfail" || all[1].Tag("receiver") != "b" || all[1].Field != 1 {
		t.Errorf("%+v", all)
	}
}

func TestMedia(t *testing.T) {
	for in, want := range map[string]string{
		"text/plain; charset=utf-8":                                "text/plain charset=utf-8",
		"Text/Plain (c); Charset=\"UTF-8\" ; format=flowed;":       "text/plain charset=UTF-8 format=flowed",
		"attachment; filename=\"a b.pdf\"":                         "attachment filename=a b.pdf",
		"attachment; filename=a b.pdf":                             "attachment filename=a b.pdf !" + string(ProblemSyntax),
		"attachment; filename=\"=?utf-8?Q?=C3=A9t=C3=A9.pdf?=\"":   "attachment filename=été.pdf",
		"attachment; filename==?utf-8?Q?=C3=A9t=C3=A9.pdf?=":       "attachment filename=été.pdf",
		"attachment; filename*=utf-8'fr'%C3%A9t%C3%A9.pdf":         "attachment filename=été.pdf<utf-8,fr>",
		"attachment; filename*=iso-8859-1''%E9t%E9.pdf":            "attachment filename=été.pdf<iso-8859-1,>",
		"attachment; filename=x.pdf; filename*=utf-8''y.exe":       "attachment filename=y.exe<utf-8,> filename=x.pdf !" + string(ProblemSeveral),
		"a/b; name*1=\"d\"; name*0=\"c\"":                          "a/b name=cd",
		"a/b; name*0*=utf-8''%C3; name*1*=%A9; name*2=\".txt%20\"": "a/b name=é.txt%20<utf-8,>",
		"a/b; name*0=c; name*2=e":                                  "a/b name=ce !" + string(ProblemMissing),
		"a/b; name*=no-quotes":                                     "a/b name=no-quotes",
		"a/b; name*=x-nope''%E9":                                   "a/b name=é<x-nope,> !" + string(ProblemUnknownCharset),
		"a/b; name=\"caf\xe9.txt\"":                                "a/b name=café.txt !" + string(ProblemRawBytes),
		"a/b; name=\"x\" size=\"3\"":                               "a/b name=x size=3 !" + string(ProblemSyntax),
		"text/html charset=utf-8":                                  "text/html charset=utf-8 !" + string(ProblemSyntax),
		"a/b;; name=x;":                                            "a/b name=x",
		"a/b; name":                                                "a/b !" + string(ProblemSyntax),
		"a/b; name=\"unclosed":                                     "a/b name=\"unclosed !" + string(ProblemUnclosed),
		"name=x.pdf":                                               " name=x.pdf !" + string(ProblemSyntax) + " !" + string(ProblemMissing),
		"":                                                         " !" + string(ProblemMissing),
		"a/b; name*99999999999=x":                                  "a/b name*99999999999=x !" + string(ProblemSyntax),
		"a/b; name=\"../../etc/passwd\"":                           "a/b name=../../etc/passwd",
	} {
		m := ParseMedia(in)
		got := m.Value
		for _, p := range m.Params {
			got += " " + p.Name + "=" + p.Value
			if p.Charset != "" {
				got += "<" + p.Charset + "," + p.Language + ">"
			}
		}
		for _, p := range m.Problems {
			got += " !" + string(p)
		}
		if got != want {
			t.Errorf("%q:\n got %q\nwant %q", in, got, want)
		}
	}
	h := Split([]byte("Content-Type: application/pdf; name=\"invoice.pdf\"\r\nContent-Disposition: attachment;\r\n filename=\"invoice.exe\"\r\n\r\n"))
	if got := h.FileNames(); !slices.Equal(got, []string{"invoice.exe", "invoice.pdf"}) {
		t.Error(got)
	}
	if m, ok := h.Media("content-type"); !ok || m.Value != "application/pdf" || m.Param("name") != "invoice.pdf" {
		t.Errorf("%+v", m)
	}
}

func TestIdentifiers(t *testing.T) {
	for in, want := range map[string]string{
		"<a@b.test>":                        "a@b.test",
		"<a@b.test>\t<c@d.test>":            "a@b.test c@d.test",
		"<a@b.test><c@d.test>":              "a@b.test c@d.test",
		"<a@b\t.test>":                      "a@b.test",
		"a@b.test c@d.test":                 "a@b.test c@d.test",
		"odd-one":                           "odd-one",
		"Your message of Monday <a@b.test>": "a@b.test",
		"<a@b.test":                         "a@b.test",
		"<a@b.test <c@d.test>":              "a@b.test c@d.test",
		"two words":                         "",
		"<>":                                "",
		"":                                  "",
		"<\xe9@b.test>":                     "é@b.test",
	} {
		if got := strings.Join(ParseIDs(in), " "); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func TestListAndOthers(t *testing.T) {
	h := Split([]byte("List-Id: =?utf-8?Q?Le_caf=C3=A9?= <cafe.lists.example>\r\nList-Unsubscribe: <mailto:u@lists.example?subject=x>,\r\n <https://lists.example/u>\r\n" +
		"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nAuto-Submitted: Auto-Replied (vacation); x=y\r\nX-Mailer: Caf\xe9Mail 1\r\n\r\n"))
	l, ok := h.List()
	if !ok || l.ID != "cafe.lists.example" || l.Name != "Le café" || !l.OneClick || !slices.Equal(l.Unsubscribe, []string{"mailto:u@lists.example?subject=x", "https://lists.example/u"}) {
		t.Errorf("%+v", l)
	}
	if h.AutoSubmitted() != "auto-replied" || h.Mailer() != "CaféMail 1" {
		t.Errorf("%q %q", h.AutoSubmitted(), h.Mailer())
	}
	if _, ok := (&Header{}).List(); ok {
		t.Error("a list without fields")
	}
}
