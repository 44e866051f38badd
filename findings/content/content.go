package content

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // character sets other than UTF-8

	"github.com/mbaudit/mbaudit/internal/mailheader"
)

// The most that is read of a message.
const (
	MaxText       = 1 << 20  // bytes of decoded text that are looked at
	MaxBytes      = 96 << 20 // bytes of the body that are read at all
	MaxDepth      = 12       // of parts in parts
	MaxParts      = 300
	MaxPartHeader = 64 << 10
	MaxLinks      = 50  // different ones
	maxFound      = 100 // different values of a sort
	maxOwn        = 16 << 10
	maxUnread     = 20
)

// A Report is what a message holds.
type Report struct {
	IBANs  []string // in its own words, each once, in order
	Quoted []string // in what it quotes, and not in its own words

	// Data counts the different passwords, keys, tokens, cards and social security numbers, by their sorts.
	Data map[string]int

	// Links are the pages that its own words lead to: addresses that can be read, and those that HTML hides behind a
	// text. MoreLinks counts what is
	// beyond MaxLinks, each time.
	Links     []string
	MoreLinks int

	Own         string // the beginning of its own words, at most 16 KiB
	Attachments []Attachment

	// Unread says what was not read, and why: a part, or the rest of the message.
	Unread []string
}

// An Attachment is a part that is no text of the message.
type Attachment struct {
	Name   string // as its sender wrote it
	Type   string // as its sender declares it
	Size   int64  // of the decoded bytes
	SHA256 string // of the decoded bytes, in hexadecimal digits; "" where they were not read to the end
}

// A Reader reads messages. It is not safe for several at once.
type Reader struct {
	lengths map[string]int
	sorts   []sort
}

// NewReader makes one.
func NewReader() *Reader { return &Reader{lengths(), sorts()} }

// A reading is of one message.
type reading struct {
	*Reader
	report Report
	parts  int
	text   int                 // bytes of text so far
	seen   map[string]struct{} // values of secrets, forgotten with the reading
}

// Read reads the body of the message whose header is given. An error is only that of body itself; what the message is makes
// none.
func (r *Reader) Read(header *mailheader.Header, body io.Reader) (Report, error) {
	x := &reading{Reader: r, report: Report{Data: map[string]int{}}, seen: map[string]struct{}{}}
	in := &source{r: body, left: MaxBytes}
	x.part(mediaOf(header), in, 0, false)
	if in.failed != nil {
		return x.report, in.failed
	}
	if in.left <= 0 {
		x.unread("the rest", fmt.Errorf("the message has more than %d bytes", MaxBytes))
	}
	x.report.Quoted = slices.DeleteFunc(x.report.Quoted, func(s string) bool { return slices.Contains(x.report.IBANs, s) })
	return x.report, nil
}

// A source bounds what is read, and tells a failure to read from the end.
type source struct {
	r      io.Reader
	left   int64
	failed error
}

func (s *source) Read(p []byte) (int, error) {
	if s.left <= 0 {
		return 0, io.EOF
	}
	n, err := s.r.Read(p[:min(int64(len(p)), s.left)])
	s.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		s.failed = err
	}
	return n, err
}

func (x *reading) unread(what string, why error) {
	if len(x.report.Unread) < maxUnread {
		x.report.Unread = append(x.report.Unread, strings.ToValidUTF8(fmt.Sprintf("%s: %v", what, why), "\uFFFD"))
	}
}

// A media is what a part's header says of how to read it.
type media struct {
	kind, boundary, charset, encoding, disposition, name string
}

func mediaOf(h *mailheader.Header) media {
	m := media{kind: "text/plain"}
	if t, ok := h.Media("Content-Type"); ok && strings.Contains(t.Value, "/") {
		m.kind, m.boundary, m.charset = t.Value, t.Param("boundary"), t.Param("charset")
	}
	if d, ok := h.Media("Content-Disposition"); ok {
		m.disposition = d.Value
	}
	if f := h.First("Content-Transfer-Encoding"); f != nil {
		value, _ := f.Unfolded()
		m.encoding = strings.ToLower(strings.TrimSpace(value))
	}
	if names := h.FileNames(); len(names) > 0 {
		m.name = names[0]
	}
	return m
}

// part reads one part, and those in it.
func (x *reading) part(m media, body io.Reader, depth int, quoted bool) {
	x.parts++
	switch {
	case x.parts > MaxParts || depth > MaxDepth:
		if x.parts == MaxParts+1 || depth > MaxDepth {
			x.unread("parts", fmt.Errorf("there are more than %d, or they nest more than %d deep", MaxParts, MaxDepth))
		}
	case strings.HasPrefix(m.kind, "multipart/"):
		x.multipart(m, body, depth, quoted)
	case m.kind == "message/rfc822" && m.disposition != "attachment":
		h, rest, err := head(m.decoded(body))
		if err != nil {
			x.unread(m.kind, err)
			return
		}
		x.part(mediaOf(&h), rest, depth+1, true)
	case (m.kind == "text/plain" || m.kind == "text/html") && m.disposition != "attachment":
		x.words(m, body, quoted)
	default:
		x.attachment(m, body)
	}
}

// head reads the header at the beginning of a message and gives what follows it.
func head(r io.Reader) (mailheader.Header, io.Reader, error) {
	var before bytes.Buffer
	h, err := mailheader.Read(io.TeeReader(r, &before), MaxPartHeader)
	if err != nil {
		return h, nil, err
	}
	if h.Truncated {
		return h, nil, fmt.Errorf("its header has more than %d bytes", MaxPartHeader)
	}
	before.Next(h.Body)
	return h, io.MultiReader(&before, r), nil
}

// multipart reads the parts between boundaries.
func (x *reading) multipart(m media, body io.Reader, depth int, quoted bool) {
	if m.boundary == "" {
		x.unread(m.kind, errors.New("it names no boundary"))
		return
	}
	split := newSplitter(body, m.boundary)
	for x.parts <= MaxParts {
		p, ok := split.next()
		if !ok {
			break
		}
		h, rest, err := head(p)
		if err != nil {
			x.unread(m.kind, err)
			continue
		}
		x.part(mediaOf(&h), rest, depth+1, quoted || m.kind == "multipart/digest")
	}
	if split.err != nil && !errors.Is(split.err, io.EOF) {
		x.unread(m.kind, split.err)
	}
}

// decoded takes the transfer encoding off, and of text turns the character set into UTF-8. What names an unknown one is read
// as it is: digits are the same in nearly all.
func (m media) decoded(body io.Reader) io.Reader {
	var h message.Header
	if m.charset != "" && strings.HasPrefix(m.kind, "text/") {
		h.SetContentType(m.kind, map[string]string{"charset": m.charset})
	} else {
		h.SetContentType("application/octet-stream", nil)
	}
	h.Set("Content-Transfer-Encoding", m.encoding)
	entity, err := message.New(h, body)
	if entity == nil || err != nil && !message.IsUnknownCharset(err) {
		return body
	}
	return entity.Body
}

// words looks at a text of the message.
func (x *reading) words(m media, body io.Reader, quoted bool) {
	left := MaxText - x.text
	if left <= 0 {
		x.unread(m.kind, fmt.Errorf("the message has more than %d bytes of text", MaxText))
		return
	}
	limited := &io.LimitedReader{R: m.decoded(body), N: int64(left)}
	var own, quote string
	var targets []target
	var err error
	if m.kind == "text/html" {
		own, quote, targets, err = fromHTML(limited)
		visible, below, end := split(own)
		own, quote = visible, quote+"\n"+below
		targets = slices.DeleteFunc(targets, func(t target) bool { return t.at >= end })
	} else {
		var all []byte
		all, err = io.ReadAll(limited)
		own, quote, _ = split(strings.ToValidUTF8(string(all), "\uFFFD"))
	}
	x.text = MaxText - int(limited.N)
	if limited.N == 0 {
		x.unread(m.kind, fmt.Errorf("the message has more than %d bytes of text", MaxText))
	}
	if err != nil {
		x.unread(m.kind, err)
	}
	if quoted {
		own, quote, targets = "", own+"\n"+quote, nil
	}
	x.links(own)
	for _, t := range targets {
		x.link(t.address)
	}
	x.look(own, false)
	x.look(quote, true)
}

// look finds what matters in a text.
func (x *reading) look(text string, quoted bool) {
	text = plain(text)
	taken := ibans(text, x.lengths)
	for _, s := range taken {
		list := &x.report.IBANs
		if quoted {
			list = &x.report.Quoted
		}
		if len(*list) < maxFound && !slices.Contains(*list, s.value) {
			*list = append(*list, s.value)
		}
	}
	numbers(text, taken, x.found)
	lower := strings.ToLower(text)
	for i := range x.sorts {
		s := &x.sorts[i]
		if !s.hinted(lower) {
			continue
		}
		for _, match := range s.match.FindAllStringSubmatch(text, maxFound) {
			if s.fits == nil || s.fits(match[1]) {
				x.found(s.name, match[1])
			}
		}
	}
	if !quoted && len(x.report.Own) < maxOwn {
		x.report.Own += strings.ToValidUTF8(text[:min(len(text), maxOwn-len(x.report.Own))], "") + "\n"
	}
}

// found counts a value once.
func (x *reading) found(sort, value string) {
	if _, known := x.seen[sort+value]; known || len(x.seen) >= 10*maxFound {
		return
	}
	x.seen[sort+value] = struct{}{}
	x.report.Data[sort]++
}

// attachment notes a part that is no text, with its digest.
func (x *reading) attachment(m media, body io.Reader) {
	digest := sha256.New()
	size, err := io.Copy(digest, m.decoded(body))
	a := Attachment{Name: m.name, Type: m.kind, Size: size}
	if err != nil {
		x.unread(strings.TrimSpace(m.kind+" "+m.name), err)
	} else {
		a.SHA256 = hex.EncodeToString(digest.Sum(nil))
	}
	x.report.Attachments = append(x.report.Attachments, a)
}
