package mailrule

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// variable is what a Sieve variable may hold at one place of a script.
type variable struct {
	options []Value // one of these, by the branches that were taken
	unknown bool    // or something that only a message tells
}

// expanded is a string after its variables were put in.
type expanded struct {
	values  []Value
	partial bool // a variable in it is not constant; it stands there as written, "${name}"
}

// expand resolves encoded characters (RFC 5228, 2.4.2.4) and variables (RFC 5229) of v, where the script requires them.
func (r *sieveReader) expand(v Value) expanded {
	out := expanded{values: []Value{v}}
	if r.requires["encoded-character"] && strings.Contains(v.Text, "${") {
		if decoded, ok := decodeCharacters(v); ok {
			v = decoded
			out.values = []Value{v}
		}
	}
	if !r.requires["variables"] || !strings.Contains(v.Text, "${") {
		return out
	}
	parts := [][]Value{nil}
	text, i := v.Text, 0
	for i < len(text) {
		start, end, name := nextReference(text, i)
		if start < 0 {
			break
		}
		parts = appendEach(parts, v.cut(i, start))
		known := r.state.vars[name]
		_, err := strconv.Atoi(name)
		switch {
		case err == nil || known.unknown || strings.Contains(name, "."): // ${1}: what a test matched; ${a.b}: a namespace
			out.partial = true
			parts = appendEach(parts, v.cut(start, end))
		case len(known.options) == 0: // not set: empty
		default:
			parts = crossEach(parts, known.options)
		}
		i = end
	}
	if i < len(text) {
		parts = appendEach(parts, v.cut(i, len(text)))
	}
	out.values = out.values[:0]
	for _, p := range parts {
		joined := join(v.At, p...)
		if len(joined.Text) > maxVariable && len(joined.Text) > len(text) {
			out.partial = true
			cut := maxVariable
			for cut > 0 && !utf8.RuneStart(joined.Text[cut]) {
				cut--
			}
			joined = joined.cut(0, cut)
		}
		out.values = append(out.values, joined)
	}
	return out
}

// nextReference finds the next ${name} from i on.
func nextReference(text string, i int) (start, end int, name string) {
	for {
		k := strings.Index(text[i:], "${")
		if k < 0 {
			return -1, -1, ""
		}
		start = i + k
		stop := strings.IndexByte(text[start:min(len(text), start+128)], '}')
		if stop > 2 {
			name = strings.ToLower(text[start+2 : start+stop])
			if variableName(name) {
				return start, start + stop + 1, name
			}
		}
		i = start + 2
	}
}

func variableName(name string) bool {
	if _, err := strconv.ParseUint(name, 10, 16); err == nil {
		return true
	}
	for i := range len(name) {
		c := name[i]
		if !letter(c) && !(i > 0 && (digit(c) || c == '.')) {
			return false
		}
	}
	return name != ""
}

func appendEach(parts [][]Value, v Value) [][]Value {
	if v.Text == "" {
		return parts
	}
	for i := range parts {
		parts[i] = append(parts[i], v)
	}
	return parts
}

// crossEach continues each list with each option, up to maxOptions lists.
func crossEach(parts [][]Value, options []Value) [][]Value {
	var out [][]Value
	for _, p := range parts {
		for _, o := range options {
			if len(out) < maxOptions {
				out = append(out, append(p[:len(p):len(p)], o))
			}
		}
	}
	return out
}

// decodeCharacters replaces ${hex: 40 41} and ${unicode: 40}.
func decodeCharacters(v Value) (Value, bool) {
	var b valueBuilder
	text, i, changed := v.Text, 0, false
	for i < len(text) {
		k := strings.Index(text[i:], "${")
		if k < 0 {
			break
		}
		start := i + k
		stop := strings.IndexByte(text[start:], '}')
		if stop < 0 {
			break
		}
		decoded, ok := decodeOne(text[start+2 : start+stop])
		b.addValue(v.cut(i, start))
		if ok {
			b.add(decoded, v.span(start, start+stop+1))
			changed = true
			i = start + stop + 1
			continue
		}
		b.addValue(v.cut(start, start+2))
		i = start + 2
	}
	if !changed {
		return v, false
	}
	b.addValue(v.cut(i, len(text)))
	out := b.value(v.At)
	out.Built = true
	return out, true
}

func decodeOne(inner string) (string, bool) {
	kind, codes, ok := strings.Cut(strings.ToLower(inner), ":")
	if !ok || kind != "hex" && kind != "unicode" {
		return "", false
	}
	var out []byte
	fields := strings.Fields(codes)
	for _, f := range fields {
		n, err := strconv.ParseUint(f, 16, 32)
		switch {
		case err != nil, kind == "hex" && n > 0xff, kind == "unicode" && (n > 0x10FFFF || n >= 0xD800 && n < 0xE000):
			return "", false
		case kind == "hex":
			out = append(out, byte(n))
		default:
			out = utf8.AppendRune(out, rune(n))
		}
	}
	return strings.ToValidUTF8(string(out), "\uFFFD"), len(fields) > 0
}

// assign runs "set".
func (r *sieveReader) assign(c command) {
	tags, rest := r.arguments(c)
	if len(rest) < 2 || rest[0].kind != 's' || rest[1].kind != 's' || len(rest[0].strings) != 1 || len(rest[1].strings) != 1 {
		r.note(Syntax, "set wants a name and a value", c.at)
		return
	}
	name := strings.ToLower(rest[0].strings[0].Text)
	e := r.expand(rest[1].strings[0])
	next := variable{unknown: e.partial}
	for _, v := range e.values {
		next.options = append(next.options, modify(v, tags))
	}
	if e.partial {
		next.options = nil
	}
	if _, ok := r.state.vars[name]; !ok && len(r.state.vars) >= 256 {
		r.note(TooLarge, "the script has more than 256 variables; the values of the others are not known", c.at)
		return
	}
	r.state.vars[name] = next
}

// modify applies the modifiers of RFC 5229 section 4.1 that change letters; a length is computed.
func modify(v Value, tags map[string]argument) Value {
	change := func(f func(string) string) {
		if text := f(v.Text); len(text) == len(v.Text) {
			v.Text = text
		} else {
			var b valueBuilder
			b.add(text, v.At)
			v = b.value(v.At)
		}
	}
	has := func(tag string) bool { _, ok := tags[tag]; return ok }
	if has("lower") {
		change(strings.ToLower)
	}
	if has("upper") {
		change(strings.ToUpper)
	}
	if has("lowerfirst") && v.Text != "" && v.Text[0] < utf8.RuneSelf {
		change(func(s string) string { return strings.ToLower(s[:1]) + s[1:] })
	}
	if has("upperfirst") && v.Text != "" && v.Text[0] < utf8.RuneSelf {
		change(func(s string) string { return strings.ToUpper(s[:1]) + s[1:] })
	}
	if has("quotewildcard") {
		change(func(s string) string { return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`).Replace(s) })
	}
	if has("length") {
		change(func(s string) string { return strconv.Itoa(utf8.RuneCountInString(s)) })
	}
	return v
}

// merge joins what two branches left in the variables.
func merge(a, b map[string]variable) map[string]variable {
	out := make(map[string]variable, len(a))
	for name, v := range a {
		w, ok := b[name]
		if !ok {
			w = variable{options: []Value{{}}} // not set there: empty
		}
		out[name] = mergeOne(v, w)
	}
	for name, w := range b {
		if _, ok := a[name]; !ok {
			out[name] = mergeOne(w, variable{options: []Value{{}}})
		}
	}
	return out
}

func mergeOne(v, w variable) variable {
	out := variable{options: v.options[:len(v.options):len(v.options)], unknown: v.unknown || w.unknown}
	for _, o := range w.options {
		known := false
		for _, have := range out.options {
			known = known || have.Text == o.Text
		}
		if !known {
			out.options = append(out.options, o)
		}
	}
	if len(out.options) > maxOptions || out.unknown {
		return variable{unknown: true}
	}
	return out
}
