package mailheader

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// A Param is a parameter of Content-Type or Content-Disposition, decoded.
type Param struct {
	Name     string // in lower case, without the marks of RFC 2231
	Value    string
	Charset  string // that RFC 2231 names, as written
	Language string
}

// A Media is a value followed by parameters: Content-Type, Content-Disposition.
type Media struct {
	Value     string // in lower case: "text/plain", "attachment"
	Params    []Param
	Truncated bool // there are more than MaxItems parameters or MaxValue bytes
	Problems  []Problem
}

// Param gives the first parameter of a name, and "" where there is none.
func (m *Media) Param(name string) string {
	for _, p := range m.Params {
		if p.Name == name {
			return p.Value
		}
	}
	return ""
}

// Media reads the topmost field of a name; ok is false where there is none.
func (h *Header) Media(name string) (m Media, ok bool) {
	f := h.First(name)
	if f == nil {
		return Media{}, false
	}
	value, cut := f.Unfolded()
	m = ParseMedia(value)
	m.Truncated = m.Truncated || cut
	if h.Count(name) > 1 {
		m.Problems = add(m.Problems, ProblemSeveral)
	}
	return m, true
}

// FileNames lists the different names that a part is given: filename of Content-Disposition and name of Content-Type, of
// all fields of these names. Programs differ in which they take; two that differ are worth a look.
func (h *Header) FileNames() []string {
	var names []string
	for _, source := range []struct{ field, param string }{{"Content-Disposition", "filename"}, {"Content-Type", "name"}} {
		fields := 0
		for _, f := range h.All(source.field) {
			if fields++; fields > MaxViews {
				break
			}
			value, _ := f.Unfolded()
			m := ParseMedia(value)
			for _, p := range m.Params {
				if p.Name == source.param && len(names) < MaxViews && !slices.Contains(names, p.Value) {
					names = append(names, p.Value)
				}
			}
		}
	}
	return names
}

// ParseMedia reads a value with parameters (RFC 2045 section 5.1, RFC 2183, RFC 2231): continuations in any order,
// character sets, and what is met beside: encoded words in quotation marks, spaces in values without them, semicolons
// missing or doubled.
func ParseMedia(value string) Media {
	value, cut := bound(value)
	m := Media{Truncated: cut}
	lex := lexer{text: value, specials: ";=", words: &wordFinder{text: value}}
	var raws []rawParam
	for first := true; ; first = false {
		segment, more := lex.segment()
		if first {
			m.first(segment, &raws)
		} else if len(segment) > 0 {
			m.parameters(segment, &raws)
		}
		if !more {
			break
		}
	}
	if lex.unclosed {
		m.Problems = add(m.Problems, ProblemUnclosed)
	}
	m.assemble(raws)
	return m
}

// segment gives the tokens up to the next semicolon, without comments. more says that there was one.
func (l *lexer) segment() (tokens []token, more bool) {
	for {
		t, ok := l.next()
		switch {
		case !ok:
			return tokens, false
		case t.is(';'):
			return tokens, true
		case t.kind != comment:
			tokens = append(tokens, t)
		}
	}
}

// first reads what stands before the first semicolon. A parameter may have got there.
func (m *Media) first(tokens []token, raws *[]rawParam) {
	if i := slices.IndexFunc(tokens, func(t token) bool { return t.is('=') }); i > 0 {
		m.Problems = add(m.Problems, ProblemSyntax)
		m.first(tokens[:i-1], raws)
		m.parameters(tokens[i-1:], raws)
		return
	}
	m.Value = strings.ToLower(valid(strings.ReplaceAll(joined(tokens), " ", "")))
	if m.Value == "" {
		m.Problems = add(m.Problems, ProblemMissing)
	}
}

// A rawParam is a parameter as written: title*0*=utf-8”x has the name title, the section 0, and is extended.
type rawParam struct {
	name     string
	section  int // -1: it has none
	extended bool
	value    string
	order    int
}

// parameters reads what stands between two semicolons: one parameter, or several where a="1" b="2" lacks one.
func (m *Media) parameters(tokens []token, raws *[]rawParam) {
	from := 0
	for i := 3; i+1 < len(tokens); i++ {
		if tokens[i+1].is('=') && tokens[i].kind == atom && tokens[i].spaced && tokens[i-1].kind == quoted && i > from {
			m.Problems = add(m.Problems, ProblemSyntax)
			m.parameter(tokens[from:i], raws)
			from = i
		}
	}
	m.parameter(tokens[from:], raws)
}

func (m *Media) parameter(tokens []token, raws *[]rawParam) {
	if len(tokens) < 2 || !tokens[1].is('=') || tokens[0].kind == special {
		m.Problems = add(m.Problems, ProblemSyntax)
		return
	}
	if len(tokens) > 3 && tokens[2].kind != encoded {
		m.Problems = add(m.Problems, ProblemSyntax)
	}
	m.raw(tokens[0].content(), joined(tokens[2:]), raws)
}

// raw takes the marks of RFC 2231 off a parameter's name.
func (m *Media) raw(name, value string, raws *[]rawParam) {
	if len(*raws) == MaxItems {
		m.Truncated = true
		return
	}
	raw := rawParam{name: strings.ToLower(valid(name)), section: -1, value: value, order: len(*raws)}
	if raw.extended = strings.HasSuffix(raw.name, "*"); raw.extended {
		raw.name = strings.TrimSuffix(raw.name, "*")
	}
	if base, digits, found := strings.Cut(raw.name, "*"); found {
		if n, err := strconv.Atoi(digits); err == nil && n >= 0 && n < MaxItems {
			raw.name, raw.section = base, n
		} else {
			m.Problems = add(m.Problems, ProblemSyntax)
		}
	}
	*raws = append(*raws, raw)
}

// Params decodes parameters that are parted into names and values already, as IMAP servers send them: RFC 2231, and
// encoded words. At most MaxItems are kept.
func Params(pairs [][2]string) []Param {
	var m Media
	var raws []rawParam
	for _, pair := range pairs {
		m.raw(pair[0], pair[1], &raws)
	}
	m.assemble(raws)
	return m.Params
}

// assemble joins the sections of each parameter and decodes them. What RFC 2231 encodes stands before what is plain.
func (m *Media) assemble(raws []rawParam) {
	groups := make(map[string][]rawParam)
	var names []string
	for _, raw := range raws {
		key := raw.name
		if raw.section < 0 { // each stands for itself
			key += "*" + strconv.Itoa(raw.order)
		}
		if groups[key] == nil {
			names = append(names, key)
		}
		groups[key] = append(groups[key], raw)
	}
	for _, key := range names {
		m.Params = append(m.Params, m.param(groups[key]))
	}
	seen := make(map[string]string)
	for _, p := range m.Params {
		if other, twice := seen[p.Name]; twice && other != p.Value {
			m.Problems = add(m.Problems, ProblemSeveral)
		}
		seen[p.Name] = p.Value
	}
	slices.SortStableFunc(m.Params, func(a, b Param) int { return cmp.Compare(rank(a), rank(b)) })
}

func rank(p Param) int {
	if p.Charset != "" {
		return 0
	}
	return 1
}

// param decodes the sections of one parameter.
func (m *Media) param(sections []rawParam) Param {
	slices.SortStableFunc(sections, func(a, b rawParam) int { return cmp.Compare(a.section, b.section) })
	p := Param{Name: sections[0].name}
	var data []byte
	anyExtended := false
	for i, s := range sections {
		if s.section >= 0 && s.section != i {
			m.Problems = add(m.Problems, ProblemMissing)
		}
		value := s.value
		if s.extended && i == 0 {
			p.Charset, p.Language, value = cutCharset(value)
			anyExtended = true
		}
		if s.extended {
			data = appendPercent(data, value)
		} else {
			data = append(data, value...)
		}
	}
	if !anyExtended {
		text := Decode(string(data)) // RFC 2047 section 5 forbids encoded words here; many programs write them
		for _, problem := range text.Problems {
			m.Problems = add(m.Problems, problem)
		}
		p.Value = text.Text
		return p
	}
	text, problem := toText(data, p.Charset)
	if problem != "" {
		m.Problems = add(m.Problems, problem)
	}
	p.Value, p.Charset, p.Language = text, valid(p.Charset), valid(p.Language)
	return p
}

// cutCharset parts charset'language'value (RFC 2231 section 4).
func cutCharset(value string) (charset, language, rest string) {
	charset, rest, found := strings.Cut(value, "'")
	if !found {
		return "", "", value
	}
	language, text, found := strings.Cut(rest, "'")
	if !found {
		return "", "", value
	}
	return charset, language, text
}

func appendPercent(out []byte, text string) []byte {
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) && isHex(text[i+1]) && isHex(text[i+2]) {
			out = append(out, fromHex(text[i+1])<<4|fromHex(text[i+2]))
			i += 2
			continue
		}
		out = append(out, text[i])
	}
	return out
}
