package googlelog

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// A Field is a name and a value of a JSON object, the value as it was written, without white space around it.
type Field struct {
	Name  string
	Value []byte
}

// eachField calls f for the fields of an object in valid JSON, and says whether it is an object.
func eachField(object []byte, f func(name string, value []byte)) bool {
	i := space(object, 0)
	if i == len(object) || object[i] != '{' {
		return false
	}
	for i = space(object, i+1); object[i] != '}'; i = space(object, i) {
		if object[i] == ',' {
			i++
			continue
		}
		end := valueEnd(object, i)
		name := text(object[i:end])
		i = space(object, space(object, end)+1) // the colon
		end = valueEnd(object, i)
		f(name, object[i:end])
		i = end
	}
	return true
}

// eachElement calls f for the elements of an array in valid JSON, with their offsets, and says whether it is an array.
func eachElement(array []byte, f func(element []byte, at int)) bool {
	i := space(array, 0)
	if i == len(array) || array[i] != '[' {
		return false
	}
	for i = space(array, i+1); array[i] != ']'; i = space(array, i) {
		if array[i] == ',' {
			i++
			continue
		}
		end := valueEnd(array, i)
		f(array[i:end], i)
		i = end
	}
	return true
}

func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// valueEnd is where the value that begins at i ends.
func valueEnd(b []byte, i int) int {
	depth := 0
	for ; i < len(b); i++ {
		switch b[i] {
		case '"':
			i = stringEnd(b, i) - 1
		case '{', '[':
			depth++
			continue
		case '}', ']':
			if depth == 0 {
				return i
			}
			depth--
		case ',', ' ', '\n', '\t', '\r', ':':
			if depth == 0 {
				return i
			}
			continue
		default:
			continue
		}
		if depth == 0 {
			return i + 1
		}
	}
	return i
}

// stringEnd is where the string that begins at i ends.
func stringEnd(b []byte, i int) int {
	for i++; i < len(b); i++ {
		j := bytes.IndexByte(b[i:], '"')
		if j < 0 {
			return len(b)
		}
		k := bytes.IndexByte(b[i:i+j], '\\')
		if k < 0 {
			return i + j + 1
		}
		i += k + 1 // the escaped byte is passed over
	}
	return len(b)
}

// text is a JSON string's value; of another scalar its digits or word; "" of null, objects and arrays.
func text(value []byte) string {
	switch {
	case len(value) == 0, value[0] == '{', value[0] == '[', value[0] == 'n':
		return ""
	case value[0] != '"':
		return string(value)
	}
	inside := value[1 : len(value)-1]
	if bytes.IndexByte(inside, '\\') < 0 && utf8.Valid(inside) {
		return string(inside)
	}
	var s string
	if json.Unmarshal(value, &s) != nil { // it is valid: nothing fails
		return string(bytes.ToValidUTF8(inside, []byte("\uFFFD")))
	}
	return s
}

// isNull says whether a value says nothing: BigQuery and Elasticsearch write every column.
func isNull(value []byte) bool { return string(value) == "null" }

// AppendCompact appends valid JSON without the white space between its parts, on one line, in UTF-8.
func AppendCompact(b, value []byte) []byte {
	from := len(b)
	for i := 0; i < len(value); {
		switch c := value[i]; c {
		case ' ', '\n', '\t', '\r':
			i++
		case '"':
			end := stringEnd(value, i)
			b = append(b, value[i:end]...)
			i = end
		default:
			b = append(b, c)
			i++
		}
	}
	if !utf8.Valid(b[from:]) {
		return append(b[:from:from], bytes.ToValidUTF8(b[from:], []byte("\uFFFD"))...)
	}
	return b
}

// AppendText appends s as a JSON string.
func AppendText(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x7f {
			return append(b, quote(s)...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}
