package mailrule

import (
	"strings"

	"github.com/mbaudit/mbaudit/internal/visible"
)

// test gives a Sieve test its normal form.
func (r *sieveReader) test(c command) Condition {
	out := r.readTest(c)
	if out.Op == Test {
		out.seal()
	}
	return out
}

func (r *sieveReader) readTest(c command) Condition {
	r.needs(c)
	switch c.name {
	case "true":
		return Condition{Op: Always, At: c.at}
	case "false":
		return Condition{Op: Never, At: c.at}
	case "not":
		out := negate(r.onlyTest(c))
		out.At = c.at
		return out
	case "allof", "anyof":
		list := make([]Condition, len(c.tests))
		for i, t := range c.tests {
			list[i] = r.test(t)
		}
		if c.name == "allof" {
			return all(list...)
		}
		return anyOf(list...)
	}
	tags, rest := r.arguments(c)
	out := Condition{Op: Test, At: c.at}
	r.comparison(&out, tags)
	switch c.name {
	case "header", "address", "envelope":
		return r.headers(out, c, tags, rest)
	case "exists":
		return r.existence(out, rest)
	case "size":
		return sizeTest(out, tags, rest, r)
	case "body":
		out.Field = Body
		r.values(&out, rest, 0)
	case "string":
		return r.stringTest(out, rest)
	case "date", "currentdate":
		out.Field, out.Names = Date, []string{c.name}
		r.values(&out, rest, len(rest)-1)
	case "spamtest", "virustest":
		out.Field, out.Names = SpamCheck, []string{c.name}
		r.values(&out, rest, 0)
	case "execute":
		a := Action{Kind: Run, At: c.at}
		for _, arg := range rest {
			values, partial := r.texts(arg)
			a.Values = append(a.Values, values...)
			a.Partial = a.Partial || partial
		}
		r.pending = append(r.pending, a)
		out.Field, out.Names = Other, []string{c.name}
	case "duplicate", "environment", "ihave", "mailboxexists", "metadata", "metadataexists", "servermetadata", "servermetadataexists", "hasflag",
		"specialuse_exists", "mailboxidexists", "valid_notify_method", "notify_method_capability", "valid_ext_list", "vnd.dovecot.environment",
		"jmapquery", "convert":
		out.Field, out.Names = Other, []string{c.name}
		r.values(&out, rest, len(rest)-1)
	default:
		r.note(UnknownCommand, "the test "+visible.Cut(c.name, 40)+" is not known here: when it holds is not stated", c.at)
		return Condition{Op: Unknown, At: c.at}
	}
	return out
}

// comparison sets how a test compares.
func (r *sieveReader) comparison(out *Condition, tags map[string]argument) {
	out.Match = Is
	for tag, match := range map[string]Match{"contains": Contains, "matches": Glob, "regex": Regex, "list": Is} {
		if _, ok := tags[tag]; ok {
			out.Match = match
		}
	}
	if _, ok := tags["regex"]; ok && !r.requires["regex"] && !r.missing["regex"] {
		r.missing["regex"] = true
		r.note(NotRequired, ":regex is used and the extension regex is not required: a server would refuse the script", out.At)
	}
	for _, tag := range []string{"value", "count"} {
		if a, ok := tags[tag]; ok && len(a.strings) == 1 {
			out.Match, out.Relation = Compares, tag+" "+strings.ToLower(a.strings[0].Text)
		}
	}
	for _, part := range []string{"localpart", "domain", "user", "detail"} {
		if _, ok := tags[part]; ok {
			out.Part = part
		}
	}
}

func (r *sieveReader) values(out *Condition, rest []argument, i int) {
	if i < 0 || i >= len(rest) {
		return
	}
	values, partial := r.texts(rest[i])
	out.Values = values
	if out.Match == Regex {
		r.compile(values)
	}
	if partial {
		r.note(NotConstant, "a test compares with a value that is known only when a message is there", out.At)
	}
}

// compile reads the expressions once for the whole script.
func (r *sieveReader) compile(values []Value) {
	for i, v := range values {
		p, known := r.patterns[v.Text]
		if !known {
			if r.programs < maxPrograms {
				p = compileExpression(v.Text)
			}
			if p != nil {
				r.programs += p.size
			}
			r.programs += 10
			r.patterns[v.Text] = p
		}
		if values[i].pattern = p; p == nil {
			r.note(UnknownCommand, "an expression cannot be read here, or is too large: what it matches is not stated", v.At)
		}
	}
}

// headers reads header, address and envelope: names, then what they are compared with. Names of different fields become
// alternatives.
func (r *sieveReader) headers(out Condition, c command, tags map[string]argument, rest []argument) Condition {
	if len(rest) < 2 {
		r.note(Syntax, c.name+" wants names and texts", c.at)
		return Condition{Op: Unknown, At: c.at}
	}
	r.values(&out, rest, 1)
	if c.name != "header" && out.Part == "" {
		out.Part = "address"
	}
	names, _ := r.texts(rest[0])
	if _, mime := tags["mime"]; mime {
		out.Field = Attachment
		for _, n := range names {
			out.Names = append(out.Names, n.Text)
		}
		return out
	}
	var order []Field
	byField := make(map[Field][]string)
	for _, n := range names {
		name := n.Text
		if c.name == "envelope" {
			name = "envelope-" + name
		}
		f := fieldOf(name)
		if byField[f] == nil {
			order = append(order, f)
		}
		byField[f] = append(byField[f], name)
	}
	list := make([]Condition, len(order))
	for i, f := range order {
		list[i] = out
		list[i].Field, list[i].Names = f, byField[f]
	}
	return anyOf(list...)
}

// fieldOf says what a header tells of a message.
func fieldOf(name string) Field {
	name = strings.ToLower(name)
	switch name {
	case "from", "sender", "reply-to", "return-path", "resent-from", "x-original-from", "envelope-from":
		return From
	case "to", "cc", "bcc", "delivered-to", "x-original-to", "envelope-to", "resent-to", "x-delivered-to", "x-forwarded-to":
		return To
	case "subject", "thread-topic":
		return Subject
	case "in-reply-to", "references", "message-id", "thread-index":
		return InThread
	case "date", "received":
		return Header
	}
	switch {
	case strings.HasPrefix(name, "list-"), name == "precedence", name == "x-mailing-list", name == "x-list", name == "feedback-id", name == "mailing-list":
		return List
	case strings.HasPrefix(name, "x-spam"), strings.HasPrefix(name, "x-virus"), strings.HasPrefix(name, "x-rspam"), strings.HasPrefix(name, "x-amavis"),
		strings.HasPrefix(name, "x-bogosity"), name == "authentication-results", strings.HasPrefix(name, "x-proofpoint"), strings.HasPrefix(name, "x-ms-exchange-organization-scl"),
		name == "x-dspam-result", name == "x-pm-spamscore":
		return SpamCheck
	}
	return Header
}

func (r *sieveReader) existence(out Condition, rest []argument) Condition {
	if len(rest) == 0 {
		r.note(Syntax, "exists wants names of headers", out.At)
		return Condition{Op: Unknown, At: out.At}
	}
	names, _ := r.texts(rest[0])
	list := make([]Condition, len(names))
	for i, n := range names {
		list[i] = Condition{Op: Test, Field: fieldOf(n.Text), Names: []string{n.Text}, Match: Exists, At: out.At}
	}
	return all(list...)
}

func sizeTest(out Condition, tags map[string]argument, rest []argument, r *sieveReader) Condition {
	out.Field = Size
	_, over := tags["over"]
	_, under := tags["under"]
	if over == under || len(rest) == 0 || rest[0].kind != 'n' {
		r.note(Syntax, "size wants :over or :under and a number", out.At)
		return Condition{Op: Unknown, At: out.At}
	}
	out.Match = Under
	if over {
		out.Match = Over
	}
	out.Number = rest[0].number
	return out
}

// stringTest compares the script's own variables. Where all is constant it is decided here.
func (r *sieveReader) stringTest(out Condition, rest []argument) Condition {
	if len(rest) < 2 {
		r.note(Syntax, "string wants two lists of strings", out.At)
		return Condition{Op: Unknown, At: out.At}
	}
	sources, partialA := r.texts(rest[0])
	keys, partialB := r.texts(rest[1])
	out.Field, out.Values = Other, keys
	for _, s := range sources {
		out.Names = append(out.Names, s.Text)
	}
	branching := len(sources) != len(rest[0].strings) || len(keys) != len(rest[1].strings)
	if partialA || partialB || branching || out.Match == Compares {
		out.Names = []string{"string"}
		return out
	}
	for _, s := range sources {
		for _, k := range keys {
			holds, known := compareText(out.Match, s.Text, k.Text)
			if !known {
				return out
			}
			if holds {
				return Condition{Op: Always, At: out.At}
			}
		}
	}
	return Condition{Op: Never, At: out.At}
}
