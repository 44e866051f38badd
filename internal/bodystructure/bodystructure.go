package bodystructure

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/mbaudit/mbaudit/internal/mailheader"
)

// A Problem is something that is not as RFC 3501 has it.
type Problem string

// The problems.
const (
	ProblemCut     Problem = "nested too deep, too long, or without an end: not all was read"
	ProblemMissing Problem = "a part or a field that must be there is missing"
	ProblemSyntax  Problem = "a field that is not what must be in its place"
)

// A Part is a message or a part of one.
type Part struct {
	Path        string // as in BODY[1.2]; "" is the message itself where it is a multipart
	Type        string // in lower case: "text/plain", "multipart/mixed"
	Params      []mailheader.Param
	ID          string
	Description string // decoded
	Encoding    string // in lower case: base64
	Size        int64  // in bytes, encoded; -1: not given
	Lines       int64  // of text and messages; -1: not given

	MD5               string
	Disposition       string // in lower case: attachment, inline
	DispositionParams []mailheader.Param
	Language          []string
	Location          string

	Parts    []*Part // of a multipart; of a message/rfc822 the one message
	Problems []Problem
}

// Find reads the BODYSTRUCTURE in a FETCH response as kept with an exhibit: the bytes around the body, which itself is not
// among them. ok is false where there is none.
func Find(response []byte) (p *Part, ok bool) {
	open := bytes.IndexByte(response, '(')
	if open < 0 {
		return nil, false
	}
	s := scanner{data: response, pos: open + 1, left: MaxValues}
	for {
		name, more := s.next(0)
		if !more {
			return nil, false
		}
		upper := strings.ToUpper(name.text)
		if strings.HasPrefix(upper, "BODY[") || strings.HasPrefix(upper, "BINARY[") || strings.HasPrefix(upper, "RFC822") {
			s.passBody(name)
			continue
		}
		v, more := s.next(0)
		if !more {
			return nil, false
		}
		if (upper == "BODYSTRUCTURE" || upper == "BODY") && !name.isText && v.isList {
			return partOf(v), true
		}
	}
}

// passBody passes BODY[HEADER.FIELDS (A B)]<0> and its value. A literal's bytes are the exhibit's and are not here.
func (s *scanner) passBody(name value) {
	if strings.Contains(name.text, "[") && !strings.Contains(name.text, "]") {
		end := bytes.IndexByte(s.data[s.pos:], ']')
		if end < 0 {
			s.pos = len(s.data)
			return
		}
		if s.pos += end + 1; s.pos < len(s.data) && s.data[s.pos] == '<' {
			s.atom()
		}
	}
	s.space()
	if _, from, ok := s.literalHead(); ok && s.pos < len(s.data) {
		s.pos = from
		return
	}
	s.next(0)
}

// Parse reads a BODYSTRUCTURE: the list alone.
func Parse(data []byte) *Part {
	s := scanner{data: data, left: MaxValues}
	v, ok := s.next(0)
	if !ok {
		v = value{text: "NIL"}
	}
	return partOf(v)
}

func partOf(v value) *Part {
	p := read(v)
	p.number("", true)
	return p
}

func (p *Part) problem(problem Problem) {
	if !slices.Contains(p.Problems, problem) {
		p.Problems = append(p.Problems, problem)
	}
}

// read makes a part of a value. A list that begins with a list, or whose first word is followed by no second one, is a
// multipart.
func read(v value) *Part {
	p := &Part{Size: -1, Lines: -1}
	if v.cut {
		p.problem(ProblemCut)
	}
	if !v.isList || len(v.list) == 0 {
		p.problem(ProblemMissing)
		return p
	}
	if v.list[0].isList {
		p.multipart(v.list)
		return p
	}
	// A multipart without parts, as some servers send it: ("mixed" ("boundary" "b") NIL …).
	if len(v.list) > 1 && v.list[1].isList {
		p.problem(ProblemMissing)
		p.multipart(v.list)
		return p
	}
	p.single(v.list)
	return p
}

func (p *Part) multipart(list []value) {
	for len(list) > 0 && list[0].isList {
		if len(list[0].list) > 0 {
			p.Parts = append(p.Parts, read(list[0]))
		} else {
			p.problem(ProblemMissing)
		}
		list = list[1:]
	}
	f := fields{list: list, part: p}
	p.Type = "multipart/" + strings.ToLower(f.word(true))
	p.Params = f.params()
	p.extension(&f)
}

func (p *Part) single(list []value) {
	f := fields{list: list, part: p}
	main, sub := strings.ToLower(f.word(true)), strings.ToLower(f.word(true))
	p.Type = main + "/" + sub
	p.Params = f.params()
	p.ID = f.word(false)
	p.Description = mailheader.Decode(f.word(false)).Text
	p.Encoding = strings.ToLower(f.word(false))
	// An unescaped quotation mark in what stands before shifts all that follows: the size is the next number.
	for len(f.list) > 1 && f.list[0].number() < 0 && !f.list[0].isNil() && !f.list[0].isList {
		p.problem(ProblemSyntax)
		p.Encoding = strings.ToLower(f.word(false))
	}
	p.Size = f.number()
	switch {
	case main == "text":
		p.Lines = f.number()
	case main == "message" && (sub == "rfc822" || sub == "global"):
		// Dovecot sends a message/global as a part like any other: then no envelope and no structure follow.
		if len(f.list) >= 2 && f.list[0].isList && f.list[1].isList {
			f.list = f.list[1:]
			p.Parts = append(p.Parts, read(f.list[0]))
			f.list = f.list[1:]
			p.Lines = f.number()
		} else if sub == "rfc822" {
			p.problem(ProblemMissing)
		}
	}
	p.MD5 = f.word(false)
	p.extension(&f)
}

// extension reads disposition, language and location, each of which may be left out.
func (p *Part) extension(f *fields) {
	if len(f.list) > 0 {
		d := f.list[0]
		f.list = f.list[1:]
		switch {
		case d.isList && len(d.list) > 0:
			p.Disposition = strings.ToLower(d.list[0].str())
			inner := fields{list: d.list[1:], part: p}
			p.DispositionParams = inner.params()
		case !d.isNil():
			p.problem(ProblemSyntax)
		}
	}
	if len(f.list) > 0 {
		l := f.list[0]
		f.list = f.list[1:]
		for _, item := range append(l.list, value{text: l.str()}) {
			if s := item.str(); s != "" {
				p.Language = append(p.Language, s)
			}
		}
	}
	p.Location = f.word(false)
}

// fields takes values off a part's list.
type fields struct {
	list []value
	part *Part
}

// word takes a string; NIL and a list give "".
func (f *fields) word(must bool) string {
	if len(f.list) == 0 {
		if must {
			f.part.problem(ProblemMissing)
		}
		return ""
	}
	v := f.list[0]
	f.list = f.list[1:]
	if v.isList || must && v.isNil() {
		f.part.problem(ProblemSyntax)
	}
	return v.str()
}

// number takes a number; what is none stays where it is.
func (f *fields) number() int64 {
	if len(f.list) == 0 {
		f.part.problem(ProblemMissing)
		return -1
	}
	n := f.list[0].number()
	if n < 0 && !f.list[0].isNil() {
		f.part.problem(ProblemSyntax)
		return n
	}
	f.list = f.list[1:]
	return n
}

// params takes a list of names and values.
func (f *fields) params() []mailheader.Param {
	if len(f.list) == 0 {
		return nil
	}
	v := f.list[0]
	if !v.isList && !v.isNil() {
		f.part.problem(ProblemSyntax)
		return nil
	}
	f.list = f.list[1:]
	var pairs [][2]string
	for i := 0; i+1 < len(v.list); i += 2 {
		pairs = append(pairs, [2]string{v.list[i].str(), v.list[i+1].str()})
	}
	if len(v.list)%2 == 1 {
		f.part.problem(ProblemMissing)
	}
	return mailheader.Params(pairs)
}

// number gives each part its path. top says that the part is a message, not a part of one.
func (p *Part) number(prefix string, top bool) {
	multipart := strings.HasPrefix(p.Type, "multipart/")
	switch {
	case !top || multipart:
		p.Path = prefix
	case prefix == "":
		p.Path = "1"
	default:
		p.Path = prefix + ".1"
	}
	if !multipart {
		for _, inner := range p.Parts {
			inner.number(p.Path, true)
		}
		return
	}
	if prefix != "" {
		prefix += "."
	}
	for i, part := range p.Parts {
		part.number(prefix+strconv.Itoa(i+1), false)
	}
}

// Names lists the different names that the part is given: filename of the disposition first, then name of the type.
func (p *Part) Names() []string {
	var names []string
	for _, source := range []struct {
		params []mailheader.Param
		name   string
	}{{p.DispositionParams, "filename"}, {p.Params, "name"}} {
		for _, param := range source.params {
			if param.Name == source.name && !slices.Contains(names, param.Value) {
				names = append(names, param.Value)
			}
		}
	}
	return names
}

// Attachments lists the parts, of messages within the message too, that have a name or the disposition "attachment", in the
// order in which they come.
func (p *Part) Attachments() []*Part {
	var found []*Part
	if p.Disposition == "attachment" || len(p.Names()) > 0 {
		found = append(found, p)
	}
	for _, part := range p.Parts {
		found = append(found, part.Attachments()...)
	}
	return found
}
