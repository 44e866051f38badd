package seedmail

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// A letter is a message being written.
type letter struct {
	*dice
	spec   Spec
	number int
	buf    bytes.Buffer
}

// build writes the bytes of the message of the given number, which must not be a duplicate.
func (s Spec) build(number int) []byte {
	kind, _ := s.kind(number)
	l := &letter{dice: s.dice(number, forContent), spec: s, number: number}
	size := l.size()
	switch kind {
	case Empty:
		return []byte{}
	case HeaderOnly:
		l.header(kind)
		l.line("X-Mailer: mailer that stops after the header")
		return l.buf.Bytes()
	case Large:
		l.header(kind)
		l.attachment(largeSize * 5 / 4)
	case Attachment, TruncatedMIME:
		l.header(kind)
		l.attachment(size)
	case Alternative:
		l.header(kind)
		l.alternative(size)
	case Nested:
		l.header(kind)
		l.nested(size)
	case HTML:
		l.header(kind)
		l.html(size)
	case QuotedPrintable:
		l.header(kind)
		l.quotedPrintable(size)
	case BadCharset:
		l.header(kind)
		l.badCharset(size)
	default:
		l.header(kind)
		l.plain(size)
	}
	switch raw := l.buf.Bytes(); kind {
	case TruncatedMIME:
		return raw[:bytes.LastIndex(raw, []byte("--"+l.boundary()+"--"))]
	case NoFinalNewline:
		return append(raw, "-- \r\nno newline after this"...)
	case BareLF:
		return bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n"))
	case BareCR:
		return append(raw, "progress 10%\rprogress 50%\rprogress 100%\r\r\n"...)
	default:
		return raw
	}
}

// size throws about how many bytes the body has: most are small, few are large, the mean is near MeanSize.
func (l *letter) size() int {
	mean := l.spec.MeanSize
	if mean == 0 {
		mean = defaultMeanSize
	}
	percent := 5 + l.below(40)
	switch throw := l.below(100); {
	case throw >= 95:
		percent = 250 + l.below(750)
	case throw >= 70:
		percent = 50 + l.below(200)
	}
	return mean * percent / 100
}

func (l *letter) line(format string, args ...any) {
	fmt.Fprintf(&l.buf, format, args...)
	l.buf.WriteString("\r\n")
}

func (s Spec) owner() string {
	if s.Owner == "" {
		return defaultOwner
	}
	return s.Owner
}

// messageID is the same for a message and for those that answer it.
func (s Spec) messageID(number int) string {
	d := s.dice(number, forIdentity)
	from := s.sender(number)
	if s.outgoing(number) {
		from = person{address: s.owner()}
	}
	return fmt.Sprintf("<%016x.%d@mail.%s>", d.pcg.Uint64(), number, from.domain())
}

func (p person) domain() string { return p.address[strings.IndexByte(p.address, '@')+1:] }

func (s Spec) sender(number int) person {
	d := s.dice(number, forIdentity)
	d.pcg.Uint64()
	return pick(d, people())
}

// thread returns the numbers of the messages that this one answers, oldest first.
func (s Spec) thread(number int) []int {
	var chain []int
	for len(chain) < 8 && number > 0 {
		d := s.dice(number, forParent)
		if !d.chance(400) {
			break
		}
		number -= 1 + d.below(min(number, 40))
		_, number = s.kind(number)
		chain = append([]int{number}, chain...)
	}
	return chain
}

// outgoing says whether the message lies where the owner's own messages do.
func (s Spec) outgoing(number int) bool {
	return slices.Contains([]string{"Sent", "Drafts", "Éléments envoyés"}, s.folder(number))
}

func (s Spec) subject(number int) string {
	d := s.dice(number, forIdentity)
	d.pcg.Uint64()
	d.pcg.Uint64()
	return pick(d, subjects())
}

// encodedWords writes a header value as RFC 2047 has it where it is not ASCII.
func encodedWords(text string) string { return mime.QEncoding.Encode("utf-8", text) }

func (p person) field() string {
	for _, r := range p.name {
		if r >= utf8.RuneSelf {
			return encodedWords(p.name) + " <" + p.address + ">"
		}
	}
	return `"` + strings.ReplaceAll(p.name, `"`, `\"`) + `" <` + p.address + ">"
}

// latin1 writes text in ISO-8859-1, "?" for what it does not have.
func latin1(text string) []byte {
	out := make([]byte, 0, len(text))
	for _, r := range text {
		if r > 0xff {
			r = '?'
		}
		out = append(out, byte(r))
	}
	return out
}

const mailDate = "Mon, 02 Jan 2006 15:04:05 -0700"

// header writes the message's own fields up to but without those of its content.
func (l *letter) header(kind Kind) {
	s, number := l.spec, l.number
	from, to := s.sender(number), person{"Alice Martin", s.owner()}
	arrived := s.date(number)
	if s.outgoing(number) {
		from, to = to, from
	} else {
		l.line("Return-Path: <%s>", from.address)
		l.line("Delivered-To: %s", s.owner())
		l.received(arrived, from)
		l.dkim(arrived, from)
	}
	subject := s.subject(number)
	chain := s.thread(number)
	if len(chain) > 0 {
		subject = "Re: " + s.subject(chain[0])
	}
	if kind == RawHeader {
		l.buf.Write(latin1("From: Société Générée <" + from.address + ">\r\n"))
		l.buf.Write(latin1("Subject: Réponse à votre demande du " + arrived.Format("02/01") + " (éàü)\r\n"))
	} else {
		l.line("From: %s", from.field())
		l.line("Subject: %s", encodedWords(subject))
	}
	l.line("To: %s", to.field())
	if l.chance(200) {
		l.line("Cc: %s,\r\n\t%s", pick(l.dice, people()).field(), pick(l.dice, people()).field())
	}
	if kind != NoDate {
		zone := time.FixedZone("", pick(l.dice, []int{0, 3600, 7200, -5 * 3600, 9 * 3600}))
		l.line("Date: %s", arrived.Add(-time.Duration(2+l.below(90))*time.Second).In(zone).Format(mailDate))
	}
	l.line("Message-ID: %s", s.messageID(number))
	if len(chain) > 0 {
		l.line("In-Reply-To: %s", s.messageID(chain[len(chain)-1]))
		ids := make([]string, len(chain))
		for i, n := range chain {
			ids[i] = s.messageID(n)
		}
		l.line("References: %s", strings.Join(ids, "\r\n\t"))
	}
	switch kind {
	case NoColon:
		l.line("X-Scanned by the gateway without a colon")
	case LongHeader:
		l.line("X-Long: %s", strings.Repeat("0123456789", 2000))
	}
	l.line("MIME-Version: 1.0")
}

// received writes the trace of the way here, newest hop first (RFC 5321, 4.4).
func (l *letter) received(arrived time.Time, from person) {
	hops := 2 + l.below(4)
	at := arrived
	for hop := range hops {
		by, src := "mx1.example.test", "mail."+from.domain()
		switch {
		case hop == 0:
			by, src = "imap.example.test", "mx1.example.test"
		case hop == hops-1:
			by, src = "mail."+from.domain(), "laptop.home.example"
		case hop > 1:
			by, src = fmt.Sprintf("relay%d.transit.example", hop), fmt.Sprintf("relay%d.transit.example", hop+1)
		}
		l.line("Received: from %s (%s [%s])\r\n\tby %s (Postfix) with ESMTPS id %08X\r\n\tfor <%s>; %s",
			src, src, l.address(), by, uint32(l.pcg.Uint64()), l.spec.owner(), at.Format(mailDate))
		at = at.Add(-time.Duration(l.below(20)) * time.Second)
	}
}

// address throws an IP address of a range for documentation.
func (l *letter) address() string {
	if l.chance(150) {
		return fmt.Sprintf("IPv6:2001:db8:%x::%x", l.below(1<<16), 1+l.below(1<<16-1))
	}
	return fmt.Sprintf("%s.%d", pick(l.dice, []string{"192.0.2", "198.51.100", "203.0.113"}), 1+l.below(254))
}

// dkim writes fields that look like a signature and its check, and verify as neither.
func (l *letter) dkim(arrived time.Time, from person) {
	hash, signature := make([]byte, 32), make([]byte, 256)
	l.fill(hash)
	l.fill(signature)
	l.line("Authentication-Results: mx1.example.test; dkim=pass header.d=%s; spf=pass smtp.mailfrom=%s; dmarc=%s",
		from.domain(), from.address, pick(l.dice, []string{"pass", "pass", "pass", "none", "fail"}))
	l.line("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=%s; s=mail2025;\r\n\tt=%d; h=from:to:subject:date:message-id;",
		from.domain(), arrived.Unix())
	l.buf.WriteString("\tbh=" + base64.StdEncoding.EncodeToString(hash) + ";\r\n\tb=")
	encoded := base64.StdEncoding.EncodeToString(signature)
	for len(encoded) > 70 {
		l.buf.WriteString(encoded[:70] + "\r\n\t ")
		encoded = encoded[70:]
	}
	l.line("%s", encoded)
}

// text throws sentences, up to about size bytes, in lines that end with newline.
func (l *letter) text(size int, french bool, newline string) string {
	var b strings.Builder
	for from := sentences(french); ; {
		b.WriteString(pick(l.dice, from))
		b.WriteString(newline)
		if l.chance(250) {
			b.WriteString(newline)
		}
		if b.Len() >= size {
			return b.String()
		}
	}
}

func (l *letter) plain(size int) {
	l.line("Content-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n")
	l.buf.WriteString(l.text(size, false, "\r\n"))
}

func (l *letter) html(size int) {
	french := l.chance(600)
	body := fmt.Sprintf("<html><head><title>%s</title></head>\r\n<body>\r\n<p>%s</p>\r\n<p>© 2026 — naïve café</p></body></html>\r\n",
		"Lettre d'information", l.text(size, french, "</p>\r\n<p>"))
	if l.chance(500) {
		l.line("Content-Type: text/html; charset=\"utf-8\"\r\nContent-Transfer-Encoding: 8bit\r\n")
		l.buf.WriteString(body)
		return
	}
	l.line("Content-Type: text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n")
	l.buf.Write(latin1(body))
}

func (l *letter) quotedPrintable(size int) {
	l.line("Content-Type: text/plain; charset=utf-8; format=flowed\r\nContent-Transfer-Encoding: quoted-printable\r\n")
	l.encodeQuoted(l.text(size, true, "\r\n"))
}

// encodeQuoted writes text as quoted-printable; writing to memory does not fail.
func (l *letter) encodeQuoted(text string) {
	w := quotedprintable.NewWriter(&l.buf)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
}

func (l *letter) badCharset(size int) {
	charset := pick(l.dice, []string{"x-unknown-8bit", "utf-8", "ISO-8859-8-I-K", "\"\""})
	l.line("Content-Type: text/plain; charset=%s\r\nContent-Transfer-Encoding: 8bit\r\n", charset)
	l.buf.Write(latin1(l.text(size, true, "\r\n")))
	l.buf.WriteString("\xc3\x28 \xff\xfe \xa0\xa1\r\n")
}

func (l *letter) boundary() string { return fmt.Sprintf("=_%08x_%d", l.spec.Seed, l.number) }

func (l *letter) alternative(size int) {
	b := l.boundary()
	french := l.chance(500)
	l.line("Content-Type: multipart/alternative;\r\n\tboundary=\"%s\"\r\n", b)
	l.line("This is a multi-part message in MIME format.\r\n\r\n--%s", b)
	l.line("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n")
	text := l.text(size/3, french, "\r\n")
	l.encodeQuoted(text)
	l.line("\r\n--%s\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n", b)
	l.base64([]byte("<html><body><p>" + strings.ReplaceAll(text, "\r\n", "<br>\r\n") + "</p></body></html>"))
	l.line("--%s--", b)
}

func (l *letter) attachment(size int) {
	b := l.boundary()
	file := pick(l.dice, []struct{ mediaType, name string }{
		{"application/pdf", "facture-2026-0417.pdf"}, {"image/jpeg", "IMG_20260712.jpg"}, {"application/octet-stream", "données brutes.bin"},
		{"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "budget.xlsx"}, {"text/calendar", "réunion.ics"},
	})
	l.line("Content-Type: multipart/mixed; boundary=\"%s\"\r\n\r\n--%s", b, b)
	l.line("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n")
	l.line("%s--%s", l.text(min(size/5, 2000), true, "\r\n"), b)
	l.line("Content-Type: %s\r\nContent-Disposition: attachment;\r\n\tfilename=\"%s\"\r\nContent-Transfer-Encoding: base64\r\n",
		file.mediaType, encodedWords(file.name))
	content := make([]byte, max(size-size/5, 100)*3/4)
	l.fill(content)
	l.base64(content)
	l.line("--%s--", b)
}

// base64 writes content in lines of 76 characters.
func (l *letter) base64(content []byte) {
	const inLine, outLine = 57, 76
	l.buf.Grow(len(content)/inLine*(outLine+2) + outLine + 2)
	for len(content) > 0 {
		n := min(inLine, len(content))
		l.buf.Write(base64.StdEncoding.AppendEncode(l.buf.AvailableBuffer(), content[:n]))
		l.buf.WriteString("\r\n")
		content = content[n:]
	}
}

func (l *letter) nested(size int) {
	b := l.boundary()
	l.line("Content-Type: multipart/mixed; boundary=\"%s\"\r\n\r\n--%s", b, b)
	l.line("Content-Type: text/plain; charset=us-ascii\r\n\r\nFYI, see below.\r\n\r\n--%s", b)
	l.line("Content-Type: message/rfc822\r\nContent-Disposition: attachment; filename=\"forwarded.eml\"\r\n")
	inner := pick(l.dice, people())
	l.line("From: %s\r\nTo: %s\r\nSubject: %s", inner.field(), l.spec.owner(), encodedWords(pick(l.dice, subjects())))
	l.line("Date: %s\r\nMessage-ID: <inner-%d-%016x@%s>", l.spec.date(l.number).Add(-26*time.Hour).Format(mailDate), l.number, l.pcg.Uint64(), inner.domain())
	l.line("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n")
	l.line("%s\r\n--%s--", l.text(size, true, "\r\n"), b)
}
