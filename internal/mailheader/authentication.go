package mailheader

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// An Authentication is one Authentication-Results or ARC-Authentication-Results field (RFC 8601, RFC 8617). Anybody can
// write one: it says something only where the server named by ID is trusted and is known to take foreign ones out.
type Authentication struct {
	Field    int    // index in Header.Fields
	ARC      bool   // it is an ARC-Authentication-Results
	Instance int    // i= of ARC; 0: none
	ID       string // authserv-id; "" where none is written
	Version  string
	None     bool // it says "none": nothing was checked
	Results  []Result
	Problems []Problem
}

// A Result is what one method found.
type Result struct {
	Method     string // in lower case: spf, dkim, dmarc, arc, auth, iprev, compauth
	Version    string
	Result     string // in lower case: pass, fail, softfail, none, temperror
	Reason     string
	Comment    string
	Properties []Property
}

// A Property is a ptype.property=value: header.from=example.com.
type Property struct {
	Type  string // in lower case: smtp, header, body, policy; "" where none is written
	Name  string // in lower case
	Value string
}

// Property gives the value of a property, named as in "header.from", and "" where there is none.
func (r *Result) Property(name string) string {
	for _, p := range r.Properties {
		if p.Name == name || p.Type+"."+p.Name == name {
			return p.Value
		}
	}
	return ""
}

// Authentications reads the fields Authentication-Results and ARC-Authentication-Results, from the top down. truncated
// says that there are more than MaxViews, or results than MaxItems.
func (h *Header) Authentications() (all []Authentication, truncated bool) {
	total := 0
	for i := range h.Fields {
		f := &h.Fields[i]
		arc := f.Is("ARC-Authentication-Results")
		if !arc && !f.Is("Authentication-Results") {
			continue
		}
		if len(all) == MaxViews || total > MaxItems {
			return all, true
		}
		value, cut := f.Unfolded()
		a := ParseAuthentication(value)
		a.Field, a.ARC = i, arc
		if cut {
			a.Problems = add(a.Problems, ProblemCut)
		}
		all = append(all, a)
		for _, r := range a.Results {
			total += 1 + len(r.Properties)
		}
	}
	return all, false
}

// ParseAuthentication reads the value of an Authentication-Results field. Where the authserv-id is missing the results are
// read all the same.
func ParseAuthentication(value string) Authentication {
	value, cut := bound(value)
	var a Authentication
	lex := lexer{text: value, specials: ";="}
	items, beginning := 0, true
	for {
		tokens, comments, more := lex.commented()
		switch {
		case len(tokens) == 0:
		case beginning && a.instance(tokens):
		case beginning && !slices.ContainsFunc(tokens, func(t token) bool { return t.is('=') }):
			beginning = false
			a.server(tokens)
		case len(tokens) == 1 && strings.EqualFold(tokens[0].text, "none"):
			a.None = true
		default:
			if beginning {
				a.Problems = add(a.Problems, ProblemMissing)
			}
			beginning = false
			r, ok := resultOf(tokens, comments, &items)
			if !ok {
				a.Problems = add(a.Problems, ProblemSyntax)
			}
			if items++; items > MaxItems {
				cut = true
			} else if r.Method != "" {
				a.Results = append(a.Results, r)
			}
		}
		if !more {
			break
		}
	}
	if lex.unclosed {
		a.Problems = add(a.Problems, ProblemUnclosed)
	}
	if cut {
		a.Problems = add(a.Problems, ProblemCut)
	}
	return a
}

// commented is segment with the text of its comments.
func (l *lexer) commented() (tokens []token, comments []string, more bool) {
	for {
		t, ok := l.next()
		switch {
		case !ok:
			return tokens, comments, false
		case t.is(';'):
			return tokens, comments, true
		case t.kind == comment:
			comments = append(comments, unescape(t.text))
		default:
			tokens = append(tokens, t)
		}
	}
}

// instance reads i=1 of ARC.
func (a *Authentication) instance(tokens []token) bool {
	if len(tokens) != 3 || !strings.EqualFold(tokens[0].text, "i") || !tokens[1].is('=') {
		return false
	}
	n, err := strconv.Atoi(tokens[2].content())
	if err != nil || n < 1 || n > 1000 {
		a.Problems = add(a.Problems, ProblemRange)
	} else {
		a.Instance = n
	}
	return true
}

func (a *Authentication) server(tokens []token) {
	a.ID = valid(tokens[0].content())
	if len(tokens) > 1 {
		a.Version = valid(tokens[1].content())
	}
	if strings.EqualFold(a.ID, "none") {
		a.ID, a.None = "", true
		a.Problems = add(a.Problems, ProblemMissing)
	}
}

// resultOf reads method[/version]=result and the properties. items counts these over the whole field.
func resultOf(tokens []token, comments []string, items *int) (r Result, ok bool) {
	ok = true
	r.Comment = Decode(strings.Join(comments, " ")).Text
	for len(tokens) > 0 {
		if len(tokens) < 3 || !tokens[1].is('=') || tokens[0].kind == special {
			tokens, ok = tokens[1:], false
			continue
		}
		// A value goes up to the next token that has white space before it: "a b"@example.com is one.
		end := 3
		for end < len(tokens) && !tokens[end].spaced {
			end++
		}
		name, value := strings.ToLower(valid(tokens[0].content())), valid(joined(tokens[2:end]))
		tokens = tokens[end:]
		switch {
		case r.Method == "":
			r.Method, r.Version, _ = strings.Cut(name, "/")
			r.Result = strings.ToLower(value)
		case name == "reason":
			r.Reason = value
		default:
			if *items++; *items > MaxItems {
				return r, ok
			}
			kind, property, found := strings.Cut(name, ".")
			if !found {
				kind, property = "", name
			}
			r.Properties = append(r.Properties, Property{Type: kind, Name: property, Value: value})
		}
	}
	return r, ok && r.Method != ""
}

// A Tag is one of a tag list (RFC 6376 section 3.2).
type Tag struct{ Name, Value string }

// A Signature is a DKIM-Signature, ARC-Message-Signature or ARC-Seal field. It is not verified.
type Signature struct {
	Field     int // index in Header.Fields
	Name      string
	Tags      []Tag // as they come, values without white space
	Domain    string
	Selector  string
	Algorithm string
	Identity  string
	Signed    []string // the fields of h=, in lower case
	BodyHash  string
	Value     string    // b=
	At        time.Time // t=; zero: none
	Expires   time.Time // x=; zero: none
	Length    string    // l=: only so many bytes of the body are signed, and more can be put behind them
	Instance  int       // i= of ARC
	Problems  []Problem
}

// Tag gives the first tag of a name, and "" where there is none.
func (s *Signature) Tag(name string) string {
	for _, t := range s.Tags {
		if t.Name == name {
			return t.Value
		}
	}
	return ""
}

// Signatures reads the fields DKIM-Signature, ARC-Message-Signature and ARC-Seal, from the top down. truncated says that
// there are more than MaxViews, or tags than MaxItems.
func (h *Header) Signatures() (all []Signature, truncated bool) {
	total := 0
	for i := range h.Fields {
		f := &h.Fields[i]
		if !f.Is("DKIM-Signature") && !f.Is("ARC-Message-Signature") && !f.Is("ARC-Seal") {
			continue
		}
		if len(all) == MaxViews || total > MaxItems {
			return all, true
		}
		value, cut := f.Unfolded()
		s := ParseSignature(value)
		s.Field, s.Name = i, f.Name()
		if cut {
			s.Problems = add(s.Problems, ProblemCut)
		}
		if s.Instance, _ = strconv.Atoi(s.Identity); f.Is("DKIM-Signature") {
			s.Instance = 0
		}
		total += len(s.Tags) + len(s.Signed)
		all = append(all, s)
	}
	return all, false
}

// ParseSignature reads a tag list and what a signature's tags mean.
func ParseSignature(value string) Signature {
	value, cut := bound(value)
	var s Signature
	if cut {
		s.Problems = add(s.Problems, ProblemCut)
	}
	seen := make(map[string]bool)
	for part := range strings.SplitSeq(value, ";") {
		name, text, found := strings.Cut(part, "=")
		name = valid(strings.TrimSpace(name))
		if !found {
			if name != "" {
				s.Problems = add(s.Problems, ProblemSyntax)
			}
			continue
		}
		if seen[name] { // RFC 6376 section 3.2: the whole list is invalid
			s.Problems = add(s.Problems, ProblemSeveral)
		}
		seen[name] = true
		if len(s.Tags) == MaxItems {
			s.Problems = add(s.Problems, ProblemCut)
			break
		}
		s.Tags = append(s.Tags, Tag{Name: name, Value: valid(withoutSpace(text))})
	}
	s.Domain, s.Selector, s.Algorithm, s.Identity = s.Tag("d"), s.Tag("s"), s.Tag("a"), s.Tag("i")
	s.BodyHash, s.Value, s.Length = s.Tag("bh"), s.Tag("b"), s.Tag("l")
	if signed := s.Tag("h"); signed != "" {
		s.Signed = strings.SplitN(strings.ToLower(signed), ":", MaxItems)
	}
	s.At, s.Expires = unixTime(s.Tag("t")), unixTime(s.Tag("x"))
	if s.Domain == "" || s.Selector == "" || s.Value == "" {
		s.Problems = add(s.Problems, ProblemMissing)
	}
	return s
}

// unixTime reads seconds since 1970, up to the year 9999.
func unixTime(digits string) time.Time {
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n <= 0 || n > 253_402_300_799 {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}

// An SPF is one Received-SPF field (RFC 7208 section 9.1).
type SPF struct {
	Field   int    // index in Header.Fields
	Result  string // in lower case: pass, fail, softfail, neutral, none, temperror, permerror
	Comment string
	Tags    []Tag // client-ip, envelope-from, helo, receiver, identity, mechanism; names in lower case
}

// Tag gives the first tag of a name, and "" where there is none.
func (s *SPF) Tag(name string) string {
	for _, t := range s.Tags {
		if t.Name == name {
			return t.Value
		}
	}
	return ""
}

// ReceivedSPF reads the Received-SPF fields, from the top down, at most MaxViews of them.
func (h *Header) ReceivedSPF() []SPF {
	var all []SPF
	for i, f := range h.All("Received-SPF") {
		if len(all) == MaxViews {
			break
		}
		value, _ := f.Unfolded()
		s := ParseSPF(value)
		s.Field = i
		all = append(all, s)
	}
	return all
}

// ParseSPF reads the value of a Received-SPF field. Pairs may be parted by spaces alone.
func ParseSPF(value string) SPF {
	value, _ = bound(value)
	var s SPF
	lex := lexer{text: value, specials: ";="}
	for {
		tokens, comments, more := lex.commented()
		if s.Comment == "" && len(comments) > 0 {
			s.Comment = Decode(strings.Join(comments, " ")).Text
		}
		if s.Result == "" && len(tokens) > 0 && (len(tokens) == 1 || !tokens[1].is('=')) {
			s.Result = strings.ToLower(valid(tokens[0].content()))
			tokens = tokens[1:]
		}
		for len(tokens) > 2 && len(s.Tags) < MaxItems {
			if !tokens[1].is('=') || tokens[0].kind == special {
				tokens = tokens[1:]
				continue
			}
			end := 3
			for end < len(tokens) && !tokens[end].spaced {
				end++
			}
			s.Tags = append(s.Tags, Tag{Name: strings.ToLower(valid(tokens[0].content())), Value: valid(joined(tokens[2:end]))})
			tokens = tokens[end:]
		}
		if !more {
			return s
		}
	}
}
