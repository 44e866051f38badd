package mailheader

import (
	"net/netip"
	"slices"
	"strings"
)

// A Hop is what one Received field says (RFC 5321 section 4.4). Each server writes its own on top: those below the ones
// of servers that are trusted may be invented.
type Hop struct {
	Field int // index in Header.Fields
	Index int // 0 is the topmost: the last server

	From        string // the name that the client gave
	FromComment string // what the server saw: name and address of the client
	By          string
	ByComment   string
	Via         string
	With        string // the protocol: ESMTPS, HTTP, "Microsoft SMTP Server"
	ID          string
	For         string // without brackets
	Comment     string // other comments: (using TLSv1.3 …), (qmail 2342 invoked by uid 0)

	FromIPs []netip.Addr // in from and its comment, in order
	ByIPs   []netip.Addr
	Date    Date // what follows the last semicolon
}

// Received reads the Received fields from the top down. truncated says that there are more than MaxViews.
func (h *Header) Received() (hops []Hop, truncated bool) {
	for i, f := range h.All("Received") {
		if len(hops) == MaxViews {
			return hops, true
		}
		value, _ := f.Unfolded()
		hop := ParseReceived(value)
		hop.Field, hop.Index = i, len(hops)
		hops = append(hops, hop)
	}
	return hops, false
}

// ParseReceived reads the value of a Received field. Words in a place where no clause is go unread.
func ParseReceived(value string) Hop {
	value, _ = bound(value)
	r := receivedReader{lex: lexer{text: value, specials: ";"}, clauses: make(map[string]*strings.Builder), semicolon: -1}
	for {
		t, ok := r.lex.next()
		if !ok {
			break
		}
		r.take(t)
	}
	hop := Hop{From: r.get("from"), FromComment: r.get("from comment"), By: r.get("by"), ByComment: r.get("by comment"),
		Via: r.get("via"), With: r.get("with"), Comment: r.get("comment"),
		For: strings.Trim(r.get("for"), "<>"), ID: strings.Trim(r.get("id"), "<>")}
	hop.FromIPs, hop.ByIPs = IPs(hop.From+" "+hop.FromComment), IPs(hop.By+" "+hop.ByComment)
	if r.semicolon >= 0 {
		hop.Date = ParseDate(strings.TrimSpace(value[r.semicolon+1:]))
	} else {
		hop.Date = Date{Unparsable: true, Problems: []Problem{ProblemMissing}}
	}
	return hop
}

// A receivedReader collects the words and comments of each clause.
type receivedReader struct {
	lex       lexer
	clauses   map[string]*strings.Builder
	current   string // the clause that is read; "" is none
	fresh     bool   // it has no word yet
	semicolon int    // where the last one is, or -1
}

func (r *receivedReader) take(t token) {
	switch {
	case t.is(';'):
		r.semicolon = t.from
	case t.kind == comment && (r.current == "from" || r.current == "by"):
		r.write(r.current+" comment", unescape(t.text))
	case t.kind == comment:
		r.write("comment", unescape(t.text))
	case r.semicolon >= 0:
	case t.kind == atom && !r.fresh && isClause(t.text):
		r.current, r.fresh = strings.ToLower(t.text), true
		if r.clauses[r.current] != nil {
			r.current = "" // the first one counts
		}
	case r.current != "":
		r.write(r.current, t.content())
		r.fresh = false
	}
}

func (r *receivedReader) write(name, text string) {
	b := r.clauses[name]
	if b == nil {
		b = &strings.Builder{}
		r.clauses[name] = b
	}
	if b.Len() > 0 {
		b.WriteByte(' ')
	}
	b.WriteString(text)
}

func (r *receivedReader) get(name string) string {
	if r.clauses[name] == nil {
		return ""
	}
	return valid(r.clauses[name].String())
}

func isClause(text string) bool {
	switch strings.ToLower(text) {
	case "from", "by", "via", "with", "id", "for":
		return true
	}
	return false
}

// maxIPs is how many addresses are taken from one text.
const maxIPs = 64

// IPs finds IPv4 and IPv6 addresses in a text, in brackets and without, with the prefix IPv6: and a port. Parts of host
// names are none.
func IPs(text string) []netip.Addr {
	var found []netip.Addr
	for i := 0; i < len(text) && len(found) < maxIPs; {
		if !isIPChar(text[i]) {
			i++
			continue
		}
		if i > 0 && isWordChar(text[i-1]) { // within a word: only IPv6: may stand before
			for i < len(text) && (isIPChar(text[i]) && text[i] != ':') {
				i++
			}
			if i < len(text) && text[i] == ':' {
				i++
			}
			continue
		}
		end := i
		for end < len(text) && isIPChar(text[end]) {
			end++
		}
		if end == len(text) || !isWordChar(text[end]) {
			if addr, ok := parseIP(text[i:end]); ok && !slices.Contains(found, addr) {
				found = append(found, addr)
			}
		}
		i = end
	}
	return found
}

// parseIP reads an address with a port or a full stop behind it.
func parseIP(run string) (netip.Addr, bool) {
	run = strings.TrimRight(run, ".:")
	if len(run) < 3 || len(run) > 64 {
		return netip.Addr{}, false
	}
	colons, dots := strings.Count(run, ":"), strings.Count(run, ".")
	if colons == 1 && dots == 3 {
		run, _, _ = strings.Cut(run, ":")
		colons = 0
	}
	if colons == 0 && dots != 3 || colons == 1 {
		return netip.Addr{}, false
	}
	addr, err := netip.ParseAddr(run)
	return addr, err == nil
}

func isIPChar(c byte) bool { return isHex(c) || c == '.' || c == ':' }

func isWordChar(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c >= 0x80
}

// An Origin is a field by which a program that took the message from its writer says where that was.
type Origin struct {
	Field int // index in Header.Fields
	Name  string
	Text  string
	IPs   []netip.Addr
}

// OriginNames lists the fields that Origins reads.
func OriginNames() []string {
	return []string{"X-Originating-IP", "X-Sender-IP", "X-Client-IP", "X-Source-IP", "X-Real-IP", "X-Remote-IP", "X-Remote-Addr", "X-Forwarded-For",
		"X-HTTP-Forwarded-For", "X-AOL-IP", "X-EIP", "X-Mail-From-IP", "X-Authenticated-IP", "X-SenderIP", "X-Sender-Remote-IP", "X-OriginalClientIP",
		"X-MS-Exchange-Organization-OriginalClientIPAddress", "X-ClientProxiedBy", "X-Yahoo-Post-IP", "NNTP-Posting-Host"}
}

// Origins reads the fields of OriginNames, from the top down, at most MaxViews of them.
func (h *Header) Origins() []Origin {
	names := OriginNames()
	var origins []Origin
	for i := range h.Fields {
		f := &h.Fields[i]
		if f.Kind != Proper || !slices.ContainsFunc(names, f.Is) {
			continue
		}
		if len(origins) == MaxViews {
			break
		}
		text := f.Text().Text
		origins = append(origins, Origin{Field: i, Name: f.Name(), Text: text, IPs: IPs(text)})
	}
	return origins
}
