package fakegoogle

import (
	"encoding/json"
	"slices"
	"strconv"
)

// A pair is a field of pairs.
type pair struct {
	name  string
	value any
}

// Pairs are a JSON object whose fields are in the order of the alphabet: cheaper than an object to make and to write,
// and no good for looking things up.
type pairs []pair

// get is the value of a field, or nil.
func (p pairs) get(name string) any {
	for i := range p {
		if p[i].name == name {
			return p[i].value
		}
	}
	return nil
}

// plain makes objects of pairs, however deep.
func plain(v any) any {
	switch v := v.(type) {
	case pairs:
		o := make(object, len(v))
		for _, p := range v {
			o[p.name] = plain(p.value)
		}
		return o
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = plain(v[i])
		}
		return out
	}
	return v
}

// appendJSON writes a decoded JSON value as encoding/json does, byte for byte, several times faster: pages of a thousand
// activities are what a tenant mostly writes. Pretty is with two blanks for each level.
func appendJSON(b []byte, v any, pretty bool, level int) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, v)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case float64:
		if whole := int64(v); float64(whole) == v && whole > -1<<53 && whole < 1<<53 && (whole != 0 || 1/v > 0) {
			return strconv.AppendInt(b, whole, 10)
		}
	case string:
		return appendString(b, v)
	case pairs:
		return appendPairs(b, v, pretty, level)
	case object:
		if v != nil {
			return appendObject(b, v, pretty, level)
		}
	case []any:
		if v != nil {
			return appendArray(b, v, pretty, level)
		}
	}
	return appendOther(b, v, pretty, level)
}

// appendOther has encoding/json write what is none of the usual types.
func appendOther(b []byte, v any, pretty bool, level int) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic("fakegoogle: " + err.Error())
	}
	if raw[0] != '{' && raw[0] != '[' {
		return append(b, raw...)
	}
	var decoded any
	if err := json.Unmarshal(raw, &decoded); err != nil {
		panic("fakegoogle: " + err.Error())
	}
	return appendJSON(b, decoded, pretty, level)
}

func appendObject(b []byte, o object, pretty bool, level int) []byte {
	var few [16]string
	names := few[:0]
	for name := range o {
		names = append(names, name)
	}
	slices.Sort(names)
	b = append(b, '{')
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendBreak(b, pretty, level+1)
		b = append(appendString(b, name), ':')
		if pretty {
			b = append(b, ' ')
		}
		b = appendJSON(b, o[name], pretty, level+1)
	}
	if len(names) > 0 {
		b = appendBreak(b, pretty, level)
	}
	return append(b, '}')
}

func appendPairs(b []byte, o pairs, pretty bool, level int) []byte {
	b = append(b, '{')
	for i, p := range o {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendBreak(b, pretty, level+1)
		b = append(appendString(b, p.name), ':')
		if pretty {
			b = append(b, ' ')
		}
		b = appendJSON(b, p.value, pretty, level+1)
	}
	if len(o) > 0 {
		b = appendBreak(b, pretty, level)
	}
	return append(b, '}')
}

func appendArray(b []byte, values []any, pretty bool, level int) []byte {
	b = append(b, '[')
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendBreak(b, pretty, level+1)
		b = appendJSON(b, v, pretty, level+1)
	}
	if len(values) > 0 {
		b = appendBreak(b, pretty, level)
	}
	return append(b, ']')
}

func appendBreak(b []byte, pretty bool, level int) []byte {
	if !pretty {
		return b
	}
	b = append(b, '\n')
	for range level {
		b = append(b, "  "...)
	}
	return b
}

// appendString writes plain strings itself and leaves others to encoding/json.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			raw, err := json.Marshal(s)
			if err != nil {
				panic("fakegoogle: " + err.Error())
			}
			return append(b, raw...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
