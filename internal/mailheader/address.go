package mailheader

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// An Address is one entry of an address field. An entry without an address has a Name only, and ProblemMissing.
type Address struct {
	Name    string // display name, decoded; where there is none the comment beside the address
	Local   string // before the @, without quotation marks
	Domain  string // as written; a domain literal has its brackets
	ASCII   string // the domain in lower case and with A-labels (RFC 5890): xn--…; "" where it has none
	Unicode string // the domain in lower case and with U-labels, as far as they can be made
	Comment string // comments of the entry, decoded
	Group   string // name of the group that it is in
	Empty   bool   // <>, the null reverse-path

	// Others are addresses that the display name or a comment holds, but for the entry's own: programs that show the
	// name alone show a sender who is none.
	Others   []string
	Problems []Problem
}

// String is the address alone, the local part quoted where it must be; "" where there is none.
func (a *Address) String() string {
	if a.Local == "" && a.Domain == "" {
		return ""
	}
	local := a.Local
	if local == "" || strings.ContainsAny(local, " \t()<>[]:;@\\,\"") || strings.HasPrefix(local, ".") || strings.HasSuffix(local, ".") || strings.Contains(local, "..") {
		local = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(local) + `"`
	}
	if a.Domain == "" {
		return local
	}
	return local + "@" + a.Domain
}

// An AddressList is what an address field says.
type AddressList struct {
	Addresses []Address // at most MaxItems
	Groups    []string  // names of groups, the empty ones too: "undisclosed-recipients"
	Truncated bool      // there are more
	Problems  []Problem
}

// Addresses reads all fields of a name (From, To, Cc, Reply-To, Sender, Return-Path, Delivered-To, Resent-…), from the
// top, as one list. Several fields of a kind that a message has once are a problem of the list.
func (h *Header) Addresses(name string) AddressList {
	var list AddressList
	fields := 0
	for _, f := range h.All(name) {
		if fields++; fields > MaxViews {
			list.Truncated = true
			break
		}
		value, cut := f.Unfolded()
		one := ParseAddresses(value)
		list.Truncated = list.Truncated || cut || one.Truncated
		left := MaxItems - len(list.Addresses)
		if len(one.Addresses) > left {
			one.Addresses, list.Truncated = one.Addresses[:left], true
		}
		list.Addresses = append(list.Addresses, one.Addresses...)
		list.Groups = append(list.Groups, one.Groups[:min(len(one.Groups), MaxItems-len(list.Groups))]...)
		for _, p := range one.Problems {
			list.Problems = add(list.Problems, p)
		}
	}
	if fields > 1 && slices.ContainsFunc(Single(), func(s string) bool { return strings.EqualFold(s, name) }) {
		list.Problems = add(list.Problems, ProblemSeveral)
	}
	return list
}

// ParseAddresses reads the value of an address field, in one line (RFC 5322 section 3.4 and 4.4, RFC 6532): names with
// and without quotation marks, groups, comments, routes; and what is met beside: no brackets, brackets without an end,
// semicolons for commas, names with unquoted commas, encoded words where none may be.
func ParseAddresses(value string) AddressList {
	value, cut := bound(value)
	p := addressParser{lex: lexer{text: value, specials: "<>@,;:", words: &wordFinder{text: value}}, lastSemicolon: strings.LastIndexByte(value, ';')}
	p.list.Truncated = cut
	for {
		t, ok := p.lex.next()
		if !ok {
			break
		}
		p.take(t)
		if len(p.list.Addresses) == MaxItems && p.lex.pos < len(value) {
			p.list.Truncated = true
			return p.list
		}
	}
	p.endEntry()
	p.emitPending()
	if p.lex.unclosed {
		p.list.Problems = add(p.list.Problems, ProblemUnclosed)
	}
	return p.list
}

type addressParser struct {
	lex           lexer
	lastSemicolon int
	list          AddressList
	group         string

	entry
	pending []token // an entry without an address, which may be the first half of a name with a comma
}

// An entry is what stands between two commas.
type entry struct {
	phrase   []token
	angles   []Address
	comments []string
	problems []Problem
}

func (p *addressParser) take(t token) {
	switch {
	case t.kind == comment:
		p.comments = append(p.comments, unescape(t.text))
	case t.is(','):
		p.endEntry()
	case t.is(';'):
		p.endEntry()
		p.emitPending()
		p.group = ""
	case t.is(':'):
		p.colon(t)
	case t.is('<'):
		p.angle()
	case t.is('>'):
		p.problems = add(p.problems, ProblemSyntax)
	default:
		p.phrase = append(p.phrase, t)
	}
}

// colon begins a group if a semicolon follows somewhere; else it is part of a name, as in "RE: Bob".
func (p *addressParser) colon(t token) {
	plain := len(p.angles) == 0 && !slices.ContainsFunc(p.phrase, func(t token) bool { return t.is('@') })
	switch {
	case plain && len(p.phrase) == 1 && strings.EqualFold(p.phrase[0].text, "mailto"):
		p.phrase = p.phrase[:0]
		p.problems = add(p.problems, ProblemSyntax)
	case plain && len(p.phrase) > 0 && p.group == "" && t.from < p.lastSemicolon:
		p.emitPending()
		p.group = Decode(joined(p.phrase)).Text
		if len(p.list.Groups) < MaxItems {
			p.list.Groups = append(p.list.Groups, p.group)
		}
		p.entry = entry{}
	default:
		p.problems = add(p.problems, ProblemSyntax)
		p.phrase = append(p.phrase, t)
	}
}

// angle reads what is in < >. Without the > it ends with the entry.
func (p *addressParser) angle() {
	var inside []token
	var problems []Problem
	comma := false
	for closed := false; !closed; {
		t, ok := p.lex.next()
		route := len(inside) > 0 && inside[0].is('@')
		switch {
		case !ok:
			closed = true
			problems = add(problems, ProblemUnclosed)
		case t.is('>'):
			closed = true
		case t.is(',') && !route, t.is(';'):
			closed, comma = true, true
			problems = add(problems, ProblemUnclosed)
		case t.is('<'):
			problems = add(problems, ProblemSyntax)
		case t.kind == comment:
			p.comments = append(p.comments, unescape(t.text))
		default:
			inside = append(inside, t)
		}
	}
	if len(inside) > 0 && inside[0].is('@') {
		if i := slices.IndexFunc(inside, func(t token) bool { return t.is(':') }); i > 0 {
			inside = inside[i+1:]
			problems = add(problems, ProblemObsolete)
		}
	}
	if len(inside) > 1 && inside[1].is(':') && strings.EqualFold(inside[0].text, "mailto") {
		inside = inside[2:]
		problems = add(problems, ProblemSyntax)
	}
	a := addressOf(inside)
	a.Empty = len(inside) == 0
	for _, problem := range problems {
		a.Problems = add(a.Problems, problem)
	}
	if len(p.angles) < MaxItems {
		p.angles = append(p.angles, a)
	} else {
		p.list.Truncated = true
	}
	if comma {
		p.endEntry()
	}
}

// endEntry makes addresses of what was read since the last comma.
func (p *addressParser) endEntry() {
	e := p.entry
	p.entry = entry{phrase: e.phrase[:0:0]}
	switch {
	case len(e.angles) > 0:
		phrase := e.phrase
		if len(p.pending) > 0 && len(phrase) > 0 {
			phrase = slices.Concat(p.pending, []token{{kind: atom, text: ","}}, phrase)
			e.problems = add(e.problems, ProblemSyntax)
			p.pending = nil
		}
		p.emitPending()
		if len(e.angles) > 1 {
			e.problems = add(e.problems, ProblemSeveral)
		}
		for _, a := range e.angles {
			p.emit(a, phrase, e)
			phrase, e.comments = nil, nil
		}
	case slices.ContainsFunc(e.phrase, func(t token) bool { return t.is('@') }):
		p.emitPending()
		p.bare(e)
	case len(e.phrase) > 0:
		p.emitPending()
		p.pending = e.phrase
	}
}

// bare reads an entry without brackets: runs of tokens that belong together and hold an @ are addresses, the rest is the
// name.
func (p *addressParser) bare(e entry) {
	var addresses []Address
	var name []token
	for from := 0; from < len(e.phrase); {
		to, at := from+1, e.phrase[from].is('@')
		for to < len(e.phrase) && belongs(e.phrase[to-1], e.phrase[to]) {
			at = at || e.phrase[to].is('@')
			to++
		}
		switch {
		case !at:
			name = append(name, e.phrase[from:to]...)
		case len(addresses) < MaxItems:
			addresses = append(addresses, addressOf(e.phrase[from:to]))
		default:
			p.list.Truncated = true
		}
		from = to
	}
	if len(addresses) > 1 {
		e.problems = add(e.problems, ProblemSeveral)
	}
	if len(name) > 0 {
		e.problems = add(e.problems, ProblemSyntax)
	}
	for i := range addresses {
		p.emit(addresses[i], name, e)
		name, e.comments = nil, nil
	}
}

// belongs says whether two tokens are of one address: nothing is between them, or they are joined by a dot or an @.
func belongs(a, b token) bool {
	return !b.spaced || a.is('@') || b.is('@') || strings.HasSuffix(a.text, ".") || strings.HasPrefix(b.text, ".")
}

func (p *addressParser) emitPending() {
	if len(p.pending) > 0 {
		p.emit(Address{Problems: []Problem{ProblemMissing}}, p.pending, entry{})
		p.pending = nil
	}
}

// emit adds an address to the list. Of an entry with several addresses only the first gets the name.
func (p *addressParser) emit(a Address, phrase []token, e entry) {
	if len(p.list.Addresses) == MaxItems {
		p.list.Truncated = true
		return
	}
	name := Decode(joined(phrase))
	about := Decode(strings.Join(e.comments, " "))
	a.Name, a.Comment, a.Group = name.Text, about.Text, p.group
	if a.Name == "" {
		a.Name = a.Comment
	}
	a.Others = othersIn(a.Name+" "+a.Comment, &a)
	for _, problem := range slices.Concat(e.problems, name.Problems, about.Problems) {
		a.Problems = add(a.Problems, problem)
	}
	p.list.Addresses = append(p.list.Addresses, a)
}

// joined is what tokens say, with one space where there was any.
func joined(tokens []token) string {
	var out strings.Builder
	for i, t := range tokens {
		if i > 0 && t.spaced {
			out.WriteByte(' ')
		}
		out.WriteString(t.content())
	}
	return strings.TrimSpace(out.String())
}

// addressOf reads the tokens of one address. The last @ parts it: the domain cannot hold one.
func addressOf(tokens []token) Address {
	var a Address
	at := -1
	for i, t := range tokens {
		if t.is('@') {
			if at >= 0 {
				a.Problems = add(a.Problems, ProblemSyntax)
			}
			at = i
		}
	}
	if at < 0 {
		a.Local = valid(spaced(tokens))
		if len(tokens) > 0 {
			a.Problems = add(a.Problems, ProblemMissing)
		}
		return a
	}
	a.Local, a.Domain = valid(spaced(tokens[:at])), valid(spaced(tokens[at+1:]))
	if a.Local == "" || a.Domain == "" {
		a.Problems = add(a.Problems, ProblemMissing)
	}
	if strings.ContainsAny(a.Domain, " <>,;:\"()") && !strings.HasPrefix(a.Domain, "[") {
		a.Problems = add(a.Problems, ProblemSyntax)
	}
	a.ASCII, a.Unicode = DomainForms(a.Domain)
	return a
}

// spaced is what the tokens of a local part or domain say; of the white space in it only what parts two words stays.
func spaced(tokens []token) string {
	var out strings.Builder
	for i, t := range tokens {
		if i > 0 && !belongs(tokens[i-1], t) {
			out.WriteByte(' ')
		}
		out.WriteString(t.content())
	}
	return out.String()
}

// DomainForms gives a domain in lower case with A-labels and with U-labels (RFC 5890), as UTS 46 maps them; the first is
// "" where the domain cannot be asked for in the DNS. A domain literal has both forms the same.
func DomainForms(domain string) (ascii, unicode string) {
	domain = strings.TrimSuffix(domain, ".")
	if strings.HasPrefix(domain, "[") {
		return domain, domain
	}
	domain, plain := strings.ToLower(domain), true
	for i := 0; i < len(domain) && plain; i++ {
		c := domain[i]
		plain = c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_'
	}
	if plain && len(domain) <= 253 && !strings.Contains(domain, "xn--") {
		return domain, domain
	}
	if len(domain) > 600 { // of a name in the DNS no form is as long, and punycode's time is quadratic
		return "", valid(domain)
	}
	profile := idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false))
	ascii, err := profile.ToASCII(domain)
	if err != nil || !isASCII(ascii) || len(ascii) > 253 {
		ascii = ""
		if isASCII(domain) && len(domain) <= 253 {
			ascii = domain
		}
	}
	unicode, err = profile.ToUnicode(domain)
	if err != nil {
		if unicode, err = idna.Punycode.ToUnicode(domain); err != nil {
			unicode = domain
		}
	}
	return ascii, valid(unicode)
}

// maxOthers is how many addresses are looked for in one display name.
const maxOthers = 16

// othersIn finds what looks like an address in a text, but for the one that is known. Characters of no width are passed
// over, and full-width ones are what they look like: that is what the reader sees.
func othersIn(text string, own *Address) []string {
	if !strings.ContainsAny(text, "@\uFF20\uFE6B") {
		return nil
	}
	runes := []rune(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) || unicode.IsControl(r) {
			return -1
		}
		return r
	}, norm.NFKC.String(text)))
	var found []string
	from := 0 // where the last one ended: no character is looked at twice from each side
	for i, r := range runes {
		if r != '@' {
			continue
		}
		left, right := i, i+1
		for left > from && isLocalRune(runes[left-1]) {
			left--
		}
		for right < len(runes) && isDomainRune(runes[right]) {
			right++
		}
		from = i + 1
		local, domain := strings.Trim(string(runes[left:i]), "."), strings.Trim(string(runes[i+1:right]), ".-")
		if local == "" || !strings.Contains(domain, ".") {
			continue
		}
		_, asUnicode := DomainForms(domain)
		if strings.EqualFold(local, own.Local) && asUnicode == own.Unicode {
			continue
		}
		other := valid(local + "@" + domain)
		if !slices.Contains(found, other) {
			found = append(found, other)
		}
		if len(found) == maxOthers {
			break
		}
	}
	return found
}

func isDomainRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '.'
}

func isLocalRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("!#$%&'*+-/=?^_`{|}~.", r)
}
