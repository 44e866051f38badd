package facts

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// maxDepth bounds how deep a source's objects are followed.
const maxDepth = 12

// flatten puts a JSON value into the fact's fields below a name: objects by their names with dots, Google's messages of
// parameters by the parameters' names, arrays as lists. p parses it.
func (f *Fact) flatten(p *jsonParser, name string, raw []byte) error {
	if x, ok := p.parse(raw); ok {
		f.put(name, x, 0)
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var x any
	if err := dec.Decode(&x); err != nil {
		return err
	}
	f.put(name, x, 0)
	return nil
}

func (f *Fact) put(name string, x any, depth int) {
	if depth > maxDepth {
		f.Set("cut", Bool(true))
		return
	}
	switch x := x.(type) {
	case nil:
	case string:
		f.add(name, Text(f.cut(x)))
	case json.Number:
		f.add(name, Value{form: number, one: x.String()})
	case bool:
		f.add(name, Bool(x))
	case []any:
		if _, there := f.Get(name); !there && (len(x) == 0 || scalar(x[0])) {
			f.Set(name, List(nil))
		}
		for _, one := range x {
			f.put(name, one, depth+1)
		}
	case map[string]any:
		f.putObject(name, objectOf(x), depth)
	case object:
		f.putObject(name, x, depth)
	}
}

func scalar(x any) bool {
	switch x.(type) {
	case map[string]any, object, []any:
		return false
	}
	return true
}

func (f *Fact) putObject(name string, x object, depth int) {
	parameter, _ := x.get("parameter")
	if parameters, ok := parameter.([]any); ok {
		for _, p := range parameters {
			switch p := p.(type) {
			case object:
				f.putParameter(name, p, depth)
			case map[string]any:
				f.putParameter(name, objectOf(p), depth)
			}
		}
		return
	}
	for _, m := range x.sorted() {
		f.put(join(name, m.name), m.value, depth+1)
	}
}

// putParameter reads one of Google's parameters: a name and one of several kinds of values.
func (f *Fact) putParameter(name string, p object, depth int) {
	given, _ := p.get("name")
	n, _ := given.(string)
	if n == "" {
		return
	}
	for _, kind := range [...]string{"value", "intValue", "boolValue", "multiValue", "multiIntValue", "multiBoolValue", "messageValue", "multiMessageValue"} {
		if v, there := p.get(kind); there {
			f.put(join(name, n), number64(kind, v), depth+1)
		}
	}
}

// number64 makes numbers of intValue, which JSON has as a text.
func number64(kind string, v any) any {
	if s, ok := v.(string); ok && kind == "intValue" {
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return json.Number(strconv.FormatInt(n, 10))
		}
	}
	return v
}

func join(prefix, name string) string {
	name = strings.ToLower(strings.ToValidUTF8(name, "\uFFFD"))
	if prefix == "" {
		return name
	}
	return prefix + "." + name
}

// A thing is one of what an answer lists, or the answer itself.
type thing struct {
	pointer string // JSON pointer
	raw     json.RawMessage
}

// things takes an answer apart: the elements of the array of that name, or, for "", the answer itself. An answer without the
// array lists nothing.
func things(body []byte, list string) ([]thing, error) {
	if list == "" {
		if !json.Valid(body) || !startsObject(body) {
			return nil, fmt.Errorf("it is no JSON object")
		}
		return []thing{{"", body}}, nil
	}
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(body, &doc); err != nil {
		return nil, fmt.Errorf("it is no JSON object: %w", err)
	}
	if _, failed := doc["error"]; failed {
		return nil, fmt.Errorf("it is an error that was answered in the place of a list")
	}
	raw, there := doc[list]
	if !there {
		return nil, nil
	}
	var elements []json.RawMessage
	if err := json.Unmarshal(raw, &elements); err != nil {
		return nil, fmt.Errorf("%q is no array: %w", list, err)
	}
	all := make([]thing, len(elements))
	for i, e := range elements {
		all[i] = thing{fmt.Sprintf("/%s/%d", list, i), e}
	}
	return all, nil
}

func startsObject(body []byte) bool {
	body = bytes.TrimLeft(body, " \t\r\n")
	return len(body) > 0 && body[0] == '{'
}
